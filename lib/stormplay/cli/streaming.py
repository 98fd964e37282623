"""`stormplay stream`: events of storms from Kafka into the database, and what was not taken."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Annotated

import typer

from stormplay.cli import log, say
from stormplay.errors import BadInput

if TYPE_CHECKING:
    from stormplay.streaming.settings import Settings

commands = typer.Typer()

EXITS = (
    "\n\nExit codes: 0 stopped, caught up (--once) or played to its end (--simulate), 1 no Kafka or no database "
    "answers, 2 bad input, 5 another consumer has taken over, 130 stopped by hand before it began."
    "\n\nEnvironment: STORMPLAY_KAFKA names the bootstrap servers (host:port, several with commas); unset, a "
    "development stand-in is started on loopback. STORMPLAY_KAFKA_<SETTING> passes any setting to kafka-python, such "
    "as STORMPLAY_KAFKA_SECURITY_PROTOCOL=SASL_SSL."
    "\n\nWhat --simulate changes, and only in a synthetic company: the impact of the storm's homes goes to 0 and comes "
    "back report by report to what the model says, also where it is stopped; up to 100 open jobs are completed, and "
    "some of their owners sign, as the demo's truth has it. The reports are real; homes and people are synthetic. It "
    "can be played again and again."
)
_HOW, _PLAY, _LETTERS = "How it reads", "The storm of the demo, once more", "What was not taken"


@commands.command(epilog=EXITS)
def stream(
    once: Annotated[
        bool, typer.Option("--once", help="End when all is applied that is there.", rich_help_panel=_HOW)
    ] = False,
    workers: Annotated[int, typer.Option(help="Processes that share the topics.", rich_help_panel=_HOW)] = 1,
    group: Annotated[str, typer.Option(help="Name of the consumer group.", rich_help_panel=_HOW)] = "stormplay",
    batch: Annotated[int, typer.Option(help="Events of one transaction, at most.", rich_help_panel=_HOW)] = 1_000,
    metrics_port: Annotated[
        int, typer.Option(help="Port on loopback for Prometheus; worker n adds n. 0: none.", rich_help_panel=_HOW)
    ] = 0,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Send the storm's events, and apply them.", rich_help_panel=_PLAY)
    ] = False,
    speed: Annotated[
        float, typer.Option(help="How many times as fast as it was; 1 is real time.", rich_help_panel=_PLAY)
    ] = 60.0,
    tenant: Annotated[
        str, typer.Option(help="Slug or id of the synthetic company.", rich_help_panel=_PLAY)
    ] = "lone-star",
    storm: Annotated[str, typer.Option(help="Slug or id of its storm.", rich_help_panel=_PLAY)] = "2021-04-28",
    dead_letters: Annotated[
        str, typer.Option(help="Show the open dead letters of this company.", rich_help_panel=_LETTERS)
    ] = "",
    replay: Annotated[
        bool, typer.Option("--replay", help="Ask for those letters to be tried again.", rich_help_panel=_LETTERS)
    ] = False,
    strays: Annotated[
        bool,
        typer.Option("--strays", help="Show what came for no storm; for the administrator.", rich_help_panel=_LETTERS),
    ] = False,
    person: Annotated[str, typer.Option(help="User name whose rights --simulate and --dead-letters have.")] = "local",
) -> None:
    """Apply the events of all storms as they come, each once: impacts, completed jobs, signatures.

    Reads the topics storm_events_<storm id>, those of new storms too. A batch and the offsets behind it are one
    transaction: it may be killed at any moment. What cannot be applied is kept as a dead letter with its reason.
    Stop it with Ctrl-C or SIGTERM.
    """
    if sum((once, simulate, bool(dead_letters), strays)) > 1:
        raise BadInput("--once, --simulate, --dead-letters and --strays stand beside each other.", "Expected one.")
    if replay and not dead_letters:
        raise BadInput("--replay needs a company.", "Expected --dead-letters with its short name.")
    if workers < 1 or (workers > 1 and (once or simulate)):
        raise BadInput(f"{workers} workers cannot do that.", "Expected at least 1; with --once and --simulate 1.")
    log.begin("stream")
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # it says the same in other words, with addresses
    if dead_letters:
        _show_letters(dead_letters, person, asks_replay=replay)
    elif strays:
        _show_strays()
    elif simulate:
        _simulate(_settings(group, batch), tenant, storm, person, speed)
    else:
        _consume(_settings(group, batch), once=once, count=workers, metrics_port=metrics_port or None)


def _settings(group: str, batch: int) -> Settings:
    from stormplay.streaming import settings, stand_in  # noqa: PLC0415 - a command imports what it needs

    if os.environ.get("STORMPLAY_KAFKA"):
        return settings.read(group=group, batch=batch)
    settings.read(servers="unused:1", group=group, batch=batch)  # refused before a broker is started
    address = stand_in.ensure_running()
    say.line(f"Kafka: a development stand-in at {address}, for trying things out; STORMPLAY_KAFKA names the real one.")
    return settings.read(servers=address, group=group, batch=batch)


def _consume(settings: Settings, *, once: bool, count: int, metrics_port: int | None) -> None:
    from stormplay.streaming import client, workers  # noqa: PLC0415

    client.connect(settings.for_asking()).close()  # who cannot be reached is said at once, not tried for ever
    if count > 1:
        say.line(f"{count} workers read as group '{settings.group}'. Stop them with Ctrl-C.")
        workers.run_many(settings, count, metrics_port=metrics_port)
        return
    with say.ticker() as show:
        done = workers.run_here(
            settings.of_worker(0), once=once, metrics_port=metrics_port, tell=lambda progress: show(str(progress))
        )
    say.line(str(done))


def _simulate(settings: Settings, tenant: str, storm: str, person: str, speed: float) -> None:
    from stormplay import tenancy  # noqa: PLC0415
    from stormplay.demo import simulating  # noqa: PLC0415
    from stormplay.streaming import workers  # noqa: PLC0415

    stop = workers.stop_on_signals(is_hard=False)
    with tenancy.as_person(person, "simulate"):
        stage = simulating.read_stage(tenant, storm)
    real = f"{len(stage.reports)} real reports, {len(stage.homes):,} synthetic homes"
    say.line(f"{stage.name}, {speed:g} times as fast: {real}.")
    say.line(str(simulating.simulate(settings, stage, speed=speed, stop=stop, tell=say.line)))


def _show_letters(tenant: str, person: str, *, asks_replay: bool) -> None:
    from stormplay import tenancy  # noqa: PLC0415
    from stormplay.streaming import letters  # noqa: PLC0415

    with tenancy.as_person(person, "stream"):
        found = letters.dead_letters(tenant)
        columns = ["letter_id", "storm", "reason", "event_id", "received_at", "attempts", "said"]
        if found.empty:
            say.line("There are no open dead letters.")
            return
        say.table(columns, found[columns].itertuples(index=False))
        if asks_replay:
            asked = letters.replay(tenant, found["letter_id"])["asked"]
            say.line(f"{asked} will be tried again by the stream within seconds, while it runs.")


def _show_strays() -> None:
    from sqlalchemy import text  # noqa: PLC0415

    from stormplay import database  # noqa: PLC0415
    from stormplay.streaming.letters import shown  # noqa: PLC0415

    with database.transaction(database.admin_url()) as connection:
        rows = connection.execute(text("SELECT * FROM sec.stream_strays(200)")).all()
    if not rows:
        say.line("Nothing came for a storm that there is not.")
        return
    told = [
        (f"{one.received_at:%Y-%m-%d %H:%M}", one.topic, one.partition, one.offset, one.said, shown(one.payload)[:60])
        for one in rows
    ]
    say.table(("received_at", "topic", "partition", "offset", "said", "payload"), told)

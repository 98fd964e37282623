"""The storm of the demo, once more and at any speed: sent as events, and applied by the stream, so that one can watch.

What it changes, in one synthetic company: the impact of the storm's homes goes to 0 and comes back report by report,
to what the model says of all reports (also where it is stopped in the middle); up to `evening.VISITS` open jobs are
completed, and some of their owners sign, as the demo's truth has it. Every event says when it was sent, not when it
happened that evening, since the newest word on a home wins: so it can be played again. What that evening's clock
showed is beside it, as `reported_at`.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import pandas as pd
from sqlalchemy import text

from stormplay import tenancy
from stormplay.demo import evening
from stormplay.demo.truth import base_rate, true_effect
from stormplay.errors import BadInput, StormplayError
from stormplay.jobs.reading import workflow
from stormplay.storms import read_reports
from stormplay.streaming import consumer
from stormplay.streaming.applying import offsets_of
from stormplay.streaming.producing import Producer, topic_of
from stormplay.streaming.service import Service
from stormplay.streaming.settings import Settings

FASTEST = 100_000.0
_OTHERS_S = 1.5  # within which somebody else's consumer would have read what was sent
_PATIENCE_S = 60.0
_ROOF_YEARS, _ROOF_SQFT = 10.0, 2_000.0  # where they are not known

_HOMES = """
SELECT i.property_id::text, p.latitude, p.longitude, p.roof_age_years, p.roof_area_sqft
  FROM property_impacts i JOIN properties p ON p.tenant_id = :tenant_id AND p.property_id = i.property_id
 WHERE i.tenant_id = :tenant_id AND i.storm_id = :storm_id AND p.latitude IS NOT NULL AND p.longitude IS NOT NULL
 ORDER BY i.property_id
"""

_JOBS = """
SELECT j.job_id::text, j.property_id::text
  FROM jobs j LEFT JOIN route_properties r ON r.tenant_id = :tenant_id AND r.route_id = j.route_id
                                          AND r.property_id = j.property_id
 WHERE j.tenant_id = :tenant_id AND j.storm_id = :storm_id AND j.status = ANY (:statuses)
 ORDER BY r.sequence_order, j.job_id
"""


@dataclass(frozen=True)
class Stage:
    """What a play needs: whose storm it is, its reports, its homes, and its jobs that may be completed."""

    storm_id: str
    name: str
    reports: pd.DataFrame
    homes: pd.DataFrame
    jobs: pd.DataFrame


@dataclass
class Played:
    """What was sent, how many acts there were, and whether it came to its end."""

    homes: int = 0
    sent: int = 0
    jobs: int = 0
    signed: int = 0
    is_whole: bool = False

    def __str__(self) -> str:
        how = "The storm has passed" if self.is_whole else "Stopped: every home is at its own impact again"
        return f"{how}: {self.sent:,} events, {self.homes:,} homes, {self.jobs} jobs completed, {self.signed} signed."


def read_stage(tenant: str, storm: str) -> Stage:
    """Read what a play needs.

    Raises:
        BadInput: The company is a real one, or the storm has no hail reports or no homes.
        UnknownTenant, UnknownStorm: Not open to this person.
    """
    with tenancy.session(tenant) as connection:
        if not connection.execute(text("SELECT is_synthetic FROM tenants")).scalar_one():
            raise BadInput(
                f"The company '{tenant}' is a real one.",
                "A storm is played to synthetic companies alone.",
                "Choose one of the demo's, such as lone-star.",
            )
        storm_id = tenancy.storm_id(connection, storm)
        row = connection.execute(text("SELECT name, event_date FROM storms WHERE storm_id = :s"), {"s": storm_id}).one()
        homes = tenancy.frame(connection, _HOMES, {"storm_id": storm_id})
        flow = workflow(connection)
        statuses = [name for name in flow.statuses if "completed" in flow.legal(name)]
        jobs = tenancy.frame(connection, _JOBS, {"storm_id": storm_id, "statuses": statuses})
    reports = read_reports(row.event_date)
    if reports.empty or homes.empty:
        what = "hail reports" if reports.empty else "homes with a place"
        raise BadInput(f"The storm '{storm}' has no {what}.", "Expected a storm of the demo, such as 2021-04-28.")
    hail_in, _ = evening.modelled(reports, homes)
    homes = homes[hail_in > 0].reset_index(drop=True)
    age = homes["roof_age_years"].astype(float).fillna(_ROOF_YEARS)
    area = homes["roof_area_sqft"].astype(float).fillna(_ROOF_SQFT)
    chance = base_rate(hail_in[hail_in > 0], age) + true_effect(hail_in[hail_in > 0], age)
    return Stage(storm_id, str(row.name), reports, homes.assign(chance=chance, roof_area_sqft=area), jobs)


def simulate(
    settings: Settings, stage: Stage, *, speed: float, stop: threading.Event, tell: Callable[[str], None]
) -> Played:
    """Play the storm: send its events at their time, and apply them unless another consumer of the group does.

    Args:
        settings: Which Kafka.
        stage: As `read_stage` gives it.
        speed: How many times as fast as it was, more than 0.
        stop: Set by whoever wants an end; then every home gets its own impact back at once.
        tell: Called with a sentence for each act.

    Raises:
        BadInput: The speed is none.
        BrokerUnavailable: Kafka does not answer.
        DatabaseUnavailable: The events were sent, and no database answers to apply them.
    """
    if not 0 < speed <= FASTEST:
        raise BadInput(f"The speed is {speed:g}.", f"Expected more than 0 and at most {FASTEST:,.0f}; 1 is real time.")
    with Producer(settings) as producer, contextlib.closing(_Play(producer, settings, stage)) as play:
        play.send(evening.beginning(stage.homes))
        with play.being_applied(tell):
            begin = time.monotonic()
            for act in _acts(stage):
                if stop.wait(max(0.0, begin + act.minute * 60 / speed - time.monotonic())):
                    break
                play.send(act)
                tell(_sentence(act, stage))
            else:
                play.done.is_whole = True
            if stop.is_set():
                play.send(evening.Act(0.0, "", messages=evening.ending(stage.reports, stage.homes)))
            play.wait()
    return play.done


def _acts(stage: Stage) -> Iterator[evening.Act]:
    last = 0.0
    for act in evening.evening(stage.reports, stage.homes):
        last = act.minute
        yield act
    yield from evening.workday(stage.jobs, stage.homes, last)


def _sentence(act: evening.Act, stage: Stage) -> str:
    if act.happened_at is None:
        return f"{act.said} (synthetic)"
    clock = act.happened_at.astimezone(evening.CLOCK)
    return f"{clock:%H:%M} {act.said}: {len(act.messages):,} homes"


class _Play:
    """What has been sent, and how far it has been applied."""

    def __init__(self, producer: Producer, settings: Settings, stage: Stage) -> None:
        self.done = Played(homes=len(stage.homes))
        self._producer, self._settings = producer, settings
        self._topic, self._run = topic_of(stage.storm_id), uuid4().hex[:12]
        self._service = Service()
        self._reached: dict[tuple[str, int], int] = {}
        self._error: StormplayError | None = None

    def close(self) -> None:
        """End the login."""
        self._service.close()

    def send(self, act: evening.Act) -> None:
        """Send an act's messages, as of now."""
        now = datetime.now(UTC).isoformat()
        told = {} if act.happened_at is None else {"reported_at": act.happened_at.isoformat()}
        first = self.done.sent
        self._reached |= self._producer.send(
            self._topic,
            [
                one | told | {"event_id": f"replay-{self._run}-{first + number}", "occurred_at": now, "is_replay": True}
                for number, one in enumerate(act.messages)
            ],
        )
        self.done.sent += len(act.messages)
        self.done.jobs += sum(one["type"] == "job_completed" for one in act.messages)
        self.done.signed += sum(one["type"] == "conversion" for one in act.messages)

    @contextlib.contextmanager
    def being_applied(self, tell: Callable[[str], None]) -> Iterator[None]:
        """Have a consumer at work: another one of the group where there is one, else our own."""
        if self._is_applied(_OTHERS_S):
            tell("Another consumer is at work; it applies what is sent.")
            yield
            return
        enough = threading.Event()
        thread = threading.Thread(target=self._consume, args=(enough,), name="stream", daemon=True)
        thread.start()
        try:
            yield
        finally:
            enough.set()
            thread.join(consumer.END_S)

    def wait(self) -> None:
        """Until all that was sent has been applied.

        Raises:
            StormplayError: Why our consumer has ended.
            BadInput: It takes longer than a minute.
        """
        if not self._is_applied(_PATIENCE_S):
            raise self._error or BadInput(
                "What was sent is not applied after a minute.", remedy="Run 'stormplay stream'."
            )

    def _consume(self, enough: threading.Event) -> None:
        try:
            consumer.run(self._settings.of_worker(0), enough)
        except StormplayError as error:
            self._error = error

    def _is_applied(self, within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline and self._error is None:
            with self._service.transaction() as connection:
                stands = {(t, p): offset for t, p, offset in offsets_of(connection, self._settings.group)}
            if all(stands.get(place, 0) >= offset for place, offset in self._reached.items()):
                return True
            time.sleep(0.05)
        return False

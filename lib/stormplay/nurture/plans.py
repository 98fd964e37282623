"""A company's own sequences and limits, over the shipped ones; and the gate of each storm."""

from __future__ import annotations

import json
from typing import Literal

import pandas as pd
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay.errors import BadInput
from stormplay.nurture.rules import Rules
from stormplay.nurture.sequences import DEFAULTS, Sequence

State = Literal["open", "paused", "stopped"]


def sequences(connection: Connection) -> dict[str, Sequence]:
    """The tenant's sequences by name: the shipped ones, and its own, which win."""
    rows = connection.execute(text("SELECT sequence_type, title, steps, messages FROM nurture_plans ORDER BY 1"))
    own = {name: Sequence.from_mapping(name, {"title": title, "steps": steps, "messages": messages})
           for name, title, steps, messages in rows}  # fmt: skip
    return {**DEFAULTS, **own}


def sequence(connection: Connection, name: str) -> Sequence:
    """One sequence.

    Raises:
        BadInput: The tenant has none of that name.
    """
    known = sequences(connection)
    if name not in known:
        raise BadInput(f"There is no sequence '{name}'.", f"There are {', '.join(known)}.")
    return known[name]


def save(connection: Connection, plan: Sequence) -> None:
    """Keep a sequence of the tenant's own; one of the same name is replaced. What is scheduled already stays.

    Raises:
        BadInput: The linter has found something in a message.
    """
    plan.check_messages()
    given = plan.to_mapping()
    connection.execute(
        text("""INSERT INTO nurture_plans (sequence_type, title, steps, messages, updated_by)
                VALUES (:name, :title, CAST(:steps AS jsonb), CAST(:messages AS jsonb), :who)
                ON CONFLICT (tenant_id, sequence_type) DO UPDATE SET title = excluded.title, steps = excluded.steps,
                    messages = excluded.messages, updated_by = excluded.updated_by, updated_at = now()"""),
        {"name": plan.name, "title": plan.title, "steps": json.dumps(given["steps"]),
         "messages": json.dumps(given["messages"]), "who": who(connection)},
    )  # fmt: skip


def rules(connection: Connection) -> Rules:
    """The tenant's limits, or the shipped ones."""
    own = connection.execute(text("SELECT nurture_rules FROM tenants")).scalar_one()
    return Rules() if own is None else Rules.from_mapping(own)


def save_rules(connection: Connection, wanted: Rules) -> None:
    """Keep the tenant's limits. For its admins."""
    values = {"rules": json.dumps(wanted.to_mapping())}
    connection.execute(text("UPDATE tenants SET nurture_rules = CAST(:rules AS jsonb)"), values)


def state(connection: Connection, storm_id: str) -> State:
    """Whether the storm's nurture runs."""
    query = text("SELECT state FROM nurture_gates WHERE storm_id = :storm_id")
    found: State = connection.execute(query, {"storm_id": storm_id}).scalar_one_or_none() or "open"
    return found


def hold(connection: Connection, storm_id: str) -> State:
    """Be the only one who schedules in this tenant until the transaction ends; waits for whoever does now.

    All gates, so that two storms' plans for one home do not pass each other by.
    """
    connection.execute(
        text("""INSERT INTO nurture_gates (storm_id, changed_by) VALUES (:storm_id, :who)
                ON CONFLICT (tenant_id, storm_id) DO NOTHING"""),
        {"storm_id": storm_id, "who": who(connection)},
    )
    connection.execute(text("SELECT FROM nurture_gates ORDER BY storm_id FOR UPDATE"))
    return state(connection, storm_id)


def set_state(connection: Connection, storm_id: str, wanted: State) -> None:
    """Open, pause or stop a storm's nurture."""
    hold(connection, storm_id)
    connection.execute(
        text("""UPDATE nurture_gates SET state = :state, changed_by = :who, changed_at = now()
                 WHERE storm_id = :storm_id"""),
        {"state": wanted, "who": who(connection), "storm_id": storm_id},
    )


def table(known: dict[str, Sequence]) -> pd.DataFrame:
    """Sequences step by step: sequence_type, title, step_number, channel, message, delay_days."""
    rows = [(one.name, one.title, number, step.channel, step.message, step.delay_s / 86_400)
            for one in known.values() for number, step in enumerate(one.steps, start=1)]  # fmt: skip
    return pd.DataFrame(rows, columns=["sequence_type", "title", "step_number", "channel", "message", "delay_days"])


def who(connection: Connection) -> str:
    """The name of the person who asks, in the session that is open: a second one could wait for the first for ever."""
    return connection.execute(text("SELECT sec.my_name()")).scalar_one() or "nobody"

"""One row that the database refuses must not take the others with it, nor be taken for a fault of the machine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import psycopg2
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from stormplay.streaming import effects
from stormplay.streaming.effects import AppliedMeanwhile, Effect, Outcome
from stormplay.streaming.events import Event
from stormplay.streaming.staging import ask

# What a row can be the cause of: its data, a constraint, a limit on its size, a rule of ours. Anything else (a lost
# connection, a deadlock, a full disk, a login that has ended) may be well in a moment, so it is the caller's.
_CLASSES = ("22", "23", "54", "P0")
_OWN = ("SP001", "SP002", "SP003")


def apply_apart(connection: Connection, effect: Effect, tenant_id: str, events: Sequence[Event], *,
                asks_first: bool = False) -> Outcome:  # fmt: skip
    """Apply events; where the database refuses, halve them until the row stands alone, and refuse that.

    Args:
        connection: A transaction that has chosen the company.
        effect: Of one kind.
        tenant_id: The company.
        events: Of that kind, no two of one id in one storm.
        asks_first: Whether the ledger is asked before. Else it is asked where it takes fewer events than it was given:
            they are all new as a rule.

    Returns:
        What became of them; what the ledger knew already is in no count of it.

    Raises:
        DBAPIError, psycopg2.Error: The database has a trouble that no row is the cause of.
    """
    while True:
        known = effects.known(connection, tenant_id, events) if asks_first else set()
        new = sorted((event for event in events if event.place not in known), key=_order)
        asks_first = True
        if not new:
            return Outcome()
        ask(connection, "SAVEPOINT apart", {})
        try:
            return effect(connection, tenant_id, new)  # the savepoint ends with the transaction, or under the next one
        except AppliedMeanwhile:  # before, or by somebody for whom this statement waited
            _back(connection)
        except (psycopg2.Error, DBAPIError) as error:
            state = _state(error)
            if not is_poison(state):
                raise
            _back(connection)
            if len(new) == 1:
                return Outcome(refused={new[0].place: _reason(state)})
            middle = len(new) // 2
            found = apply_apart(connection, effect, tenant_id, new[:middle], asks_first=True)
            found.add(apply_apart(connection, effect, tenant_id, new[middle:], asks_first=True))
            return found


def _order(event: Event) -> tuple[str, str, datetime, str]:
    return event.storm_id, event.subject, event.at, event.event_id


def _back(connection: Connection) -> None:
    ask(connection, "ROLLBACK TO SAVEPOINT apart", {})
    ask(connection, "RELEASE SAVEPOINT apart", {})


def is_poison(state: str) -> bool:
    """Whether a SQLSTATE says that a row is at fault."""
    return state.startswith(_CLASSES) or state in _OWN


def _state(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return getattr(cause, "pgcode", None) or ""


def _reason(state: str) -> tuple[str, str]:
    """In our words: the database's may quote a row, and not always this one's."""
    if state == "SP001":
        return "held out", "The home is in the control group of this storm, which is not visited or contacted."
    return "refused", f"The database refused what it says (SQLSTATE {state}); the message was valid."

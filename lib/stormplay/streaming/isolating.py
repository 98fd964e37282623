"""One row that the database refuses must not take the others with it, nor be taken for a fault of the machine."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg2
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from stormplay.streaming.effects import Effect, Outcome
from stormplay.streaming.events import Event
from stormplay.streaming.staging import ask

# What a row can be the cause of: its data, a constraint, a limit on its size, a rule of ours. Anything else (a lost
# connection, a deadlock, a full disk, a login that has ended) may be well in a moment, so it is the caller's.
_CLASSES = ("22", "23", "54", "P0")
_OWN = ("SP001", "SP002", "SP003")


def apply_apart(connection: Connection, effect: Effect, tenant_id: str, events: Sequence[Event]) -> Outcome:
    """Apply events; where the database refuses, halve them until the row stands alone, and refuse that.

    Raises:
        DBAPIError: The database has a trouble that no row is the cause of.
    """
    ask(connection, "SAVEPOINT apart", {})
    try:
        found = effect(connection, tenant_id, events)
    except (psycopg2.Error, DBAPIError) as error:
        state = _state(error)
        if not is_poison(state):
            raise
        ask(connection, "ROLLBACK TO SAVEPOINT apart", {})
        ask(connection, "RELEASE SAVEPOINT apart", {})
        if len(events) == 1:
            return Outcome(refused={events[0].place: _reason(state)})
        middle = len(events) // 2
        found = apply_apart(connection, effect, tenant_id, events[:middle])
        found.add(apply_apart(connection, effect, tenant_id, events[middle:]))
        return found
    ask(connection, "RELEASE SAVEPOINT apart", {})
    return found


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

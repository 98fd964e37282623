"""What a company decides for itself: limits, thresholds, and values that stand for nobody."""

from __future__ import annotations

from psycopg2.extras import Json
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay.errors import BadInput
from stormplay.identity.events import Cause
from stormplay.identity.kinds import Rules
from stormplay.identity.normal import Normal, normal
from stormplay.identity.settling import settle
from stormplay.identity.writing import beside, hold, hold_apart, known, recount, rules

__all__ = ["block", "rules", "save_rules", "unblock"]


def save_rules(connection: Connection, chosen: Rules) -> None:
    """Keep the company's rules; the graph as a whole waits to be worked out."""
    connection.execute(text("UPDATE tenants SET identity_rules = :rules"), {"rules": Json(chosen.to_json())})
    connection.execute(text("UPDATE identity_gates SET settled_at = NULL"))


def block(connection: Connection, kind: str, value: str, reason: str) -> None:
    """See `IdentityGraph.block`.

    Raises:
        BadInput: It is no value of that kind, or no reason is given.
    """
    one, why = _read(kind, value), reason.strip()
    if not why:
        raise BadInput("No reason is given.", "Expected one, for whoever asks why this value joins nobody.")
    hold(connection)
    connection.execute(
        text("""INSERT INTO identity_blocked (identifier_type, value, reason, made_by)
                VALUES (:kind, :value, :why, sec.my_name())
                ON CONFLICT (tenant_id, identifier_type, value) DO UPDATE SET reason = excluded.reason,
                    made_by = excluded.made_by, made_at = now(), lifted_at = NULL"""),
        {"kind": one.kind, "value": one.value, "why": why[:200]},
    )
    _settle(connection, one, is_blocked=True)


def unblock(connection: Connection, kind: str, value: str) -> None:
    """See `IdentityGraph.unblock`."""
    one = _read(kind, value)
    hold(connection)
    connection.execute(
        text("UPDATE identity_blocked SET lifted_at = now() WHERE identifier_type = :kind AND value = :value"),
        {"kind": one.kind, "value": one.value},
    )
    _settle(connection, one, is_blocked=one.is_blocked)


def _settle(connection: Connection, one: Normal, *, is_blocked: bool) -> None:
    ids = list(known(connection, [(one.kind, one.value)]).values())
    if not ids:
        return
    if is_blocked:
        hold_apart(connection, ids)
    else:
        connection.execute(text("UPDATE identifiers SET held_apart = NULL WHERE identifier_id = :id"), {"id": ids[0]})
        recount(connection, ids, rules(connection))
    settle(connection, {*ids, *beside(connection, ids)}, rules(connection), Cause(rule="blocked value"))


def _read(kind: str, value: str) -> Normal:
    found = normal(kind, value)
    if found is None:
        raise BadInput(f"'{value}' is no {kind}.", "Expected one as people write it.")
    return found

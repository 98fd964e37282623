"""The queue of proposals: what the nightly model would not decide alone, and what people answered."""

from __future__ import annotations

import pandas as pd
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import tenancy
from stormplay.errors import BadInput
from stormplay.identity.deciding import A_PERSON, Change, changed, revoke, tie, told
from stormplay.identity.events import Cause
from stormplay.identity.lookup import current
from stormplay.identity.settling import settle
from stormplay.identity.writing import hold, rules


def decide(connection: Connection, proposal_id: str, yes: bool, reason: str) -> Change | None:
    """See `IdentityGraph.decide`."""
    hold(connection)
    row = connection.execute(
        text("""UPDATE identity_proposals
                   SET state = :state, decided_by = sec.my_name(), decided_at = now(), reason = :why
                 WHERE proposal_id = :id AND state = 'waiting'
             RETURNING one_id::text, other_id::text"""),
        {"id": proposal_id, "state": "yes" if yes else "no", "why": reason},
    ).one_or_none()
    if row is None:
        raise BadInput(f"No proposal '{proposal_id}' waits for an answer.", "Expected a proposal_id of proposals().")
    ends = (row.one_id, row.other_id)
    if not yes:
        chosen = rules(connection)
        events = settle(connection, set(ends), chosen, Cause(rule=A_PERSON, reason=reason))
        return told(events[0]) if events else None
    if current(connection, ends[0]) == current(connection, ends[1]):
        return None
    made = tie(connection, ends)
    return changed(connection, ends, Cause(rule=A_PERSON, reason=reason, links=made))


def reopen(connection: Connection, proposal_id: str) -> Change | None:
    """See `IdentityGraph.reopen`."""
    hold(connection)
    row = connection.execute(
        text("""UPDATE identity_proposals SET state = 'waiting', decided_by = NULL, decided_at = NULL, reason = NULL
                 WHERE proposal_id = :id AND state <> 'waiting' RETURNING one_id::text, other_id::text"""),
        {"id": proposal_id},
    ).one_or_none()
    if row is None:
        raise BadInput(f"No proposal '{proposal_id}' was answered.", "Expected one that was answered yes or no.")
    person_tie = text("""SELECT link_id::text FROM identifier_links WHERE rule = :rule AND revoked_at IS NULL
                     AND from_id = :one AND to_id = :other""")
    ends = {"rule": A_PERSON, "one": row.one_id, "other": row.other_id}
    cut = revoke(connection, connection.execute(person_tie, ends).scalars().all(), "asked anew")
    cause = Cause(rule=A_PERSON, reason="asked anew", links=cut)
    events = settle(connection, {row.one_id, row.other_id}, rules(connection), cause)
    return told(events[0]) if events else None


def proposals(connection: Connection, state: str, limit: int) -> pd.DataFrame:
    """See `IdentityGraph.proposals`."""
    return tenancy.frame(
        connection,
        """WITH listed AS (
               SELECT p.* FROM identity_proposals p
                 JOIN identifiers a ON a.tenant_id = :tenant_id AND a.identifier_id = p.one_id
                 JOIN identifiers b ON b.tenant_id = :tenant_id AND b.identifier_id = p.other_id
                WHERE p.tenant_id = :tenant_id AND p.state = :state
                  AND (p.state <> 'waiting' OR a.identity_id <> b.identity_id)  -- others became one meanwhile
                ORDER BY p.strength DESC, p.proposal_id LIMIT :n
           ), shown AS (
               SELECT v.identifier_id, v.shown FROM identifier_values(ARRAY(
                   SELECT one_id FROM listed UNION SELECT other_id FROM listed)) v
           )
           SELECT l.proposal_id, l.one_id, l.other_id, a.identity_id AS one_identity_id,
                  b.identity_id AS other_identity_id, one.shown AS one, other.shown AS other, l.strength, l.rule,
                  l.evidence, l.state, l.made_at, l.decided_by, l.decided_at, l.reason
             FROM listed l JOIN shown one ON one.identifier_id = l.one_id
             JOIN shown other ON other.identifier_id = l.other_id
             JOIN identifiers a ON a.tenant_id = :tenant_id AND a.identifier_id = l.one_id
             JOIN identifiers b ON b.tenant_id = :tenant_id AND b.identifier_id = l.other_id
            ORDER BY l.strength DESC, l.proposal_id""",
        {"state": state, "n": limit},
    )

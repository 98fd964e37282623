"""What people say about identities: these are one, these are not, that was wrong. All of it can be taken back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import tenancy
from stormplay.errors import BadInput, Conflict
from stormplay.identity.events import Cause, Event, Groups
from stormplay.identity.kinds import PRIORITY
from stormplay.identity.lookup import current
from stormplay.identity.settling import settle
from stormplay.identity.writing import hold, link, recount, rules

A_PERSON = "a person"


@dataclass(frozen=True)
class Change:
    """What a decision did.

    Attributes:
        event_id: The event that `undo` takes back.
        kind: 'merged' or 'separated'.
        before, after: identity_id to its identifier_ids.
    """

    event_id: str
    kind: str
    before: Groups
    after: Groups


def merge(connection: Connection, one: str, other: str, reason: str) -> Change:
    """See `IdentityGraph.merge`."""
    hold(connection)
    mine, theirs = _anchor(connection, one), _anchor(connection, other)
    if mine["identity_id"] == theirs["identity_id"]:
        raise BadInput("These two are one identity already.", "Expected two.")
    for node in (mine, theirs):
        if node["held_apart"] is not None:
            raise BadInput(f"A {node['identifier_type']} that is {node['held_apart']} joins nobody.",
                           "Expected an identity with a home, a person or a value of its own.")  # fmt: skip
    ends = sorted((mine["identifier_id"], theirs["identifier_id"]))
    _allow(connection, ends)
    made = tie(connection, (ends[0], ends[1]))
    return changed(connection, ends, Cause(rule=A_PERSON, reason=reason, links=made))


def tie(connection: Connection, ends: tuple[str, str]) -> dict[str, tuple[str, str]]:
    """A person's link between two; one that was revoked before is in force again."""
    made = link(connection, {ends: (1.0, A_PERSON)}, A_PERSON)
    if made:
        return made
    again = connection.execute(
        text("""UPDATE identifier_links SET revoked_at = NULL, revoked_by = NULL, revoked_reason = NULL
                 WHERE from_id = :one AND to_id = :other AND rule = :rule RETURNING link_id::text"""),
        {"one": ends[0], "other": ends[1], "rule": A_PERSON},
    )
    return {again.scalar_one(): ends}


def _allow(connection: Connection, ends: Collection[str]) -> None:
    """A yes of today is worth more than a no of yesterday, between any two of both identities."""
    connection.execute(
        text("""UPDATE identity_proposals SET state = 'yes', decided_by = sec.my_name(), decided_at = now()
                 WHERE state = 'no' AND proposal_id IN (
                    SELECT p.proposal_id FROM identity_proposals p
                      JOIN identifiers a ON a.identifier_id = p.one_id
                      JOIN identifiers b ON b.identifier_id = p.other_id
                     WHERE a.identity_id <> b.identity_id AND a.identity_id = ANY (CAST(:ids AS uuid[]))
                       AND b.identity_id = ANY (CAST(:ids AS uuid[])))"""),
        {"ids": [current(connection, one) for one in ends]},
    )


def separate(connection: Connection, identifiers: Collection[str], reason: str) -> Change:
    """See `IdentityGraph.separate`."""
    hold(connection)
    apart = set(identifiers)
    whole = {current(connection, one) for one in apart}
    if len(whole) != 1:
        raise BadInput("These identifiers are not of one identity.", "Expected some of one.")
    members = _members(connection, whole.pop())
    apart |= _hanging_on(connection, members["identifier_id"].tolist(), apart)
    rest = members[~members["identifier_id"].isin(apart)]
    if rest.empty:
        raise BadInput("These are all identifiers of their identity.", "Expected some of them, and some to stay.")
    cut = connection.execute(
        text("""UPDATE identifier_links SET revoked_at = now(), revoked_by = sec.my_name(), revoked_reason = :reason
                 WHERE revoked_at IS NULL
                   AND (from_id = ANY (CAST(:apart AS uuid[]))) <> (to_id = ANY (CAST(:apart AS uuid[])))
                   AND from_id = ANY (CAST(:whole AS uuid[])) AND to_id = ANY (CAST(:whole AS uuid[]))
             RETURNING link_id::text, from_id::text, to_id::text"""),
        {"apart": list(apart), "whole": members["identifier_id"].tolist(), "reason": reason},
    )
    links = {link_id: (one, other) for link_id, one, other in cut}
    leader = members[members["identifier_id"].isin(apart)].iloc[0]["identifier_id"]
    _refuse(connection, leader, rest.iloc[0]["identifier_id"], reason)
    ends = {node for pair in links.values() for node in pair} | {leader}
    return changed(connection, ends, Cause(rule=A_PERSON, reason=reason, links=links))


def _hanging_on(connection: Connection, members: list[str], apart: set[str]) -> set[str]:
    """Values that were seen with the separated ones alone: a home takes its own telephone number along."""
    rows = connection.execute(
        text("""SELECT l.to_id::text FROM identifier_links l
                 WHERE l.revoked_at IS NULL AND l.to_id = ANY (CAST(:members AS uuid[]))
                   AND NOT EXISTS (SELECT FROM identifier_links o WHERE o.tenant_id = l.tenant_id
                        AND o.from_id = l.to_id AND o.revoked_at IS NULL)
                 GROUP BY l.to_id HAVING bool_and(l.from_id = ANY (CAST(:apart AS uuid[])))"""),
        {"members": [node for node in members if node not in apart], "apart": list(apart)},
    )
    return set(rows.scalars())


def _refuse(connection: Connection, one: str, other: str, reason: str) -> None:
    """Remember that these two are never one."""
    low, high = sorted((one, other))
    connection.execute(
        text("""INSERT INTO identity_proposals (one_id, other_id, strength, rule, state, decided_by, decided_at, reason)
                VALUES (:one, :other, 0, :rule, 'no', sec.my_name(), now(), :reason)
                ON CONFLICT (tenant_id, one_id, other_id) DO UPDATE SET state = 'no', decided_by = excluded.decided_by,
                    decided_at = excluded.decided_at, reason = excluded.reason"""),
        {"one": low, "other": high, "rule": A_PERSON, "reason": reason},
    )


def undo(connection: Connection, event_id: str, reason: str) -> Change:
    """See `IdentityGraph.undo`."""
    hold(connection)
    found = connection.execute(
        text("""SELECT e.kind, e.links, e.after, EXISTS (SELECT FROM identity_events u
                    WHERE u.tenant_id = e.tenant_id AND u.undoes = e.event_id) AS is_undone
                  FROM identity_events e WHERE e.event_id = :id AND e.kind IN ('merged', 'separated')"""),
        {"id": event_id},
    ).one_or_none()
    if found is None:
        raise BadInput(f"There is no merge or separation '{event_id}'.", "Expected an event_id of events().")
    if found.is_undone:
        raise Conflict("That was taken back already.", "Nothing was changed.", "Look at the list of events anew.")
    if not found.links:
        raise BadInput("That came about by a rule, not by a link.", "Expected an event with links.",
                       "Change the limits or block the value instead.")  # fmt: skip
    links = revoke(connection, found.links, reason) if found.kind == "merged" else _restore(connection, found.links)
    if found.kind == "separated":
        _allow_again(connection, found.after)
    ends = {node for pair in links.values() for node in pair}
    return changed(connection, ends, Cause(rule=A_PERSON, reason=reason, undoes=event_id, links=links))


def revoke(connection: Connection, links: Collection[str], reason: str) -> dict[str, tuple[str, str]]:
    """Take links back. Returns those that were in force, with their ends."""
    rows = connection.execute(
        text("""UPDATE identifier_links SET revoked_at = now(), revoked_by = sec.my_name(), revoked_reason = :reason
                 WHERE link_id = ANY (CAST(:ids AS uuid[])) AND revoked_at IS NULL
             RETURNING link_id::text, from_id::text, to_id::text"""),
        {"ids": list(links), "reason": reason},
    )
    return {link_id: (one, other) for link_id, one, other in rows}


def _restore(connection: Connection, links: Collection[str]) -> dict[str, tuple[str, str]]:
    rows = connection.execute(
        text("""UPDATE identifier_links SET revoked_at = NULL, revoked_by = NULL, revoked_reason = NULL
                 WHERE link_id = ANY (CAST(:ids AS uuid[])) AND revoked_at IS NOT NULL
             RETURNING link_id::text, from_id::text, to_id::text"""),
        {"ids": list(links)},
    )
    return {link_id: (one, other) for link_id, one, other in rows}


def _allow_again(connection: Connection, groups: Groups) -> None:
    """Forget the no between the parts of a separation that is taken back."""
    connection.execute(
        text("""UPDATE identity_proposals SET state = 'yes', decided_by = sec.my_name(), decided_at = now()
                 WHERE state = 'no' AND one_id = ANY (CAST(:ids AS uuid[]))
                   AND other_id = ANY (CAST(:ids AS uuid[]))"""),
        {"ids": [node for group in groups.values() for node in group]},
    )


def changed(connection: Connection, ends: Collection[str], cause: Cause) -> Change:
    """Work the components out anew after a person's word.

    Raises:
        BadInput: It did not do what was wanted: the rules keep them apart, or other links keep them together.
    """
    chosen = rules(connection)
    seeds = set(ends) | recount(connection, ends, chosen)
    events = settle(connection, seeds, chosen, cause)
    if not events:
        raise BadInput("That changes no identity.", "Expected two that the rules let come together or apart.",
                       "Too many households would be one, or other links tie them.")  # fmt: skip
    return told(events[0])


def told(event: Event) -> Change:
    """What an event says to whoever decided."""
    return Change(event.event_id, event.kind, event.before, event.after)


def events(connection: Connection, identity_id: str | None, limit: int) -> pd.DataFrame:
    """See `IdentityGraph.events`."""
    return tenancy.frame(
        connection,
        """SELECT e.event_id, e.kind, e.rule, e.reason, e.before, e.after, e.links, e.undoes,
                  EXISTS (SELECT FROM identity_events u WHERE u.tenant_id = e.tenant_id AND u.undoes = e.event_id)
                  AS is_undone, e.made_by, e.made_at
             FROM identity_events e WHERE e.tenant_id = :tenant_id
              AND (CAST(:id AS text) IS NULL OR e.before ? CAST(:id AS text) OR e.after ? CAST(:id AS text))
            ORDER BY e.made_at DESC, e.event_id LIMIT :n""",
        {"id": identity_id, "n": limit},
    )


def _members(connection: Connection, identity: str) -> pd.DataFrame:
    """An identity's identifiers, the most telling and oldest first."""
    found = tenancy.frame(
        connection,
        """SELECT identifier_id::text, identity_id::text, identifier_type, held_apart FROM identifiers
            WHERE tenant_id = :tenant_id AND identity_id = CAST(:id AS uuid)""",
        {"id": identity},
    )
    rank = found["identifier_type"].map(PRIORITY.index)
    return found.assign(rank=rank).sort_values(["rank", "identifier_id"]).drop(columns="rank")


def _anchor(connection: Connection, identity: str) -> Mapping[str, Any]:
    """The most telling and oldest identifier of an identity."""
    found = _members(connection, current(connection, identity)).iloc[0]
    return {str(name): None if pd.isna(value) else value for name, value in found.items()}

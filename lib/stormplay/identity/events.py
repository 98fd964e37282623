"""What is written down where identities come together or apart: who, by which rule, which identifiers before and after.

An event holds ids alone. It is never changed: what was taken back is another event that names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

import pandas as pd
from sqlalchemy.engine import Connection

from stormplay import tenancy

Groups = dict[str, list[str]]
Ends = Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Cause:
    """Why components change.

    Attributes:
        rule: The rule; '' to name the kinds of value that brought them together.
        reason: What a person said.
        undoes: The event that is taken back.
        links: New or revoked links by id, with their ends.
        fresh: Identifiers that were not there before; a home among them counts as an identity of its own.
    """

    rule: str = ""
    reason: str = ""
    undoes: str | None = None
    links: Ends = field(default_factory=dict)
    fresh: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Event:
    """Identities that came together or apart.

    Attributes:
        event_id: Its id.
        kind: 'merged' or 'separated'.
        rule: By which rule.
        before, after: identity_id to its identifier_ids.
        links: The link_ids that did it.
    """

    event_id: str
    kind: Literal["merged", "separated"]
    rule: str
    before: Groups
    after: Groups
    links: list[str]


def tell(connection: Connection, nodes: pd.DataFrame, links: pd.DataFrame, cause: Cause) -> list[Event]:
    """Write down where identities came together or apart.

    Args:
        connection: An open session.
        nodes: identifier_id, identity_id (as it was), now (as it is), identifier_type.
        links: from_id, to_id of all links among them that could join.
        cause: Why.
    """
    was = _groups_before(nodes, cause)
    known = nodes.assign(was=nodes["identifier_id"].map(was)).dropna(subset="was")
    pairs = known[["was", "now"]].drop_duplicates()
    met = known[known["now"].isin(pairs.loc[pairs.duplicated("now"), "now"])]
    parted = known[known["was"].isin(pairs.loc[pairs.duplicated("was"), "was"])]
    events = []
    if len(met):
        bridges = _bridges(met, links, was)
        events += [_event("merged", group, "was", "now", cause, was, bridges) for _, group in met.groupby("now")]
    if len(parted):
        events += [_event("separated", group, "was", "now", cause, was, {}) for _, group in parted.groupby("was")]
    _keep(connection, events, cause)
    return events


def _groups_before(nodes: pd.DataFrame, cause: Cause) -> dict[str, str]:
    """The identity each identifier belonged to. A new home is its own; what else is new goes with what it came with."""
    was = dict(zip(nodes["identifier_id"], nodes["identity_id"], strict=True))
    if not cause.fresh:
        return was
    homes = nodes["identifier_id"].isin(cause.fresh) & (nodes["identifier_type"] == "property_id")
    lone = cause.fresh - set(nodes.loc[homes, "identifier_id"])
    was = {node: group for node, group in was.items() if node not in lone}
    for _ in range(2):  # to what came with an old one, and from there to what came with that
        joined: dict[str, str] = {}
        for one, other in cause.links.values():
            for node, by in ((one, other), (other, one)):
                if node not in was and by in was:
                    joined[node] = min(was[by], joined.get(node, was[by]))
        was |= joined
    return was


def _bridges(met: pd.DataFrame, links: pd.DataFrame, was: Mapping[str, str]) -> dict[str, set[str]]:
    """Per identity of now, the kinds of identifier over which it came together."""
    kind_of = dict(zip(met["identifier_id"], met["identifier_type"], strict=True))
    now = dict(zip(met["identifier_id"], met["now"], strict=True))
    found: dict[str, set[str]] = {}
    ends = links[links["from_id"].isin(kind_of) & links["to_id"].isin(kind_of)]
    for one, other in zip(ends["from_id"], ends["to_id"], strict=True):
        if was[one] != was[other]:
            found.setdefault(now[other], set()).add(kind_of[other])
    return found


def _event(kind: Literal["merged", "separated"], group: pd.DataFrame, before: str, after: str, cause: Cause,
           was: Mapping[str, str], bridges: Mapping[str, set[str]]) -> Event:  # fmt: skip
    inside = set(group["identifier_id"])
    done = [link for link, (one, other) in cause.links.items()
            if one in inside and other in inside and (kind == "separated" or was[one] != was[other])]  # fmt: skip
    kinds = sorted(bridges.get(group["now"].iloc[0], ()))
    rule = cause.rule or (f"same {', '.join(kinds)}" if kinds else "limit of households")
    return Event(str(uuid4()), kind, rule, _listed(group, before), _listed(group, after), done)


def _listed(group: pd.DataFrame, by: str) -> Groups:
    return {str(identity): sorted(rows) for identity, rows in group.groupby(by)["identifier_id"]}


def _keep(connection: Connection, events: Iterable[Event], cause: Cause) -> None:
    rows: list[dict[str, Any]] = [
        {"event_id": one.event_id, "kind": one.kind, "rule": one.rule, "reason": cause.reason, "before": one.before,
         "after": one.after, "links": one.links, "undoes": cause.undoes} for one in events
    ]  # fmt: skip
    if rows:
        who = tenancy.frame(connection, "SELECT sec.my_name() AS who")["who"].iloc[0]
        tenancy.insert(connection, "identity_events", pd.DataFrame(rows).assign(made_by=who))

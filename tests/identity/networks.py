"""Components written the plain way, and identities as sets of what they stand for."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import text

from stormplay import tenancy


def parts(labels):
    found = defaultdict(set)
    for node, label in enumerate(labels):
        found[int(label)].add(node)
    return {frozenset(part) for part in found.values()}


def hanging_together(count, pairs):
    part = {node: {node} for node in range(count)}
    for one, other in pairs:
        if part[one] is not part[other]:
            part[one] |= part[other]
            for node in part[other]:
                part[node] = part[one]
    return {frozenset(p) for p in part.values()}


def identities(tenant, ids=False):
    """The tenant's identities as a set of sets of (type, value)."""
    with tenancy.session(tenant) as connection:
        rows = connection.execute(
            text("""SELECT i.identity_id::text, i.identifier_type, v.value FROM identifiers i
                      JOIN identifier_values(ARRAY(SELECT identifier_id FROM identifiers)) v USING (identifier_id)""")
        ).all()
    found = defaultdict(set)
    for identity, kind, value in rows:
        found[identity].add((kind, value))
    return {(key if ids else None, frozenset(part)) for key, part in found.items()}

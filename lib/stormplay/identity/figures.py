"""How large the graph is, what joins nobody, and what waits for a person: counts alone, no values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd
from sqlalchemy.engine import Connection

from stormplay import tenancy
from stormplay.identity.nights import waiting

_COUNTED = """
WITH alive AS (
    SELECT identity_id, property_id, held_apart FROM identifiers WHERE tenant_id = :tenant_id AND erased_at IS NULL
), each AS (
    SELECT identity_id, count(property_id) AS homes FROM alive WHERE held_apart IS NULL GROUP BY identity_id
), night AS (
    SELECT max(nightly_at) AS nightly_at FROM identity_gates WHERE tenant_id = :tenant_id
)
SELECT (SELECT count(*) FROM each) AS identities, (SELECT count(*) FROM each WHERE homes > 1) AS with_several_homes,
       count(*) AS identifiers, count(*) FILTER (WHERE held_apart = 'shared') AS shared,
       count(*) FILTER (WHERE held_apart = 'blocked') AS blocked, (SELECT nightly_at FROM night) AS nightly_at
  FROM alive
"""


@dataclass(frozen=True)
class Figures:
    """The graph in numbers.

    Attributes:
        identities: Households, those without a home too.
        with_several_homes: Households with more than one home.
        identifiers: Values that are known.
        shared: Values that more households share than their type may join; they join nobody.
        blocked: Values that stand for nobody.
        waiting: Proposals that wait for a yes or no.
        nightly_at: When all households were last compared; None: never.
    """

    identities: int
    with_several_homes: int
    identifiers: int
    shared: int
    blocked: int
    waiting: int
    nightly_at: datetime | None


def figures(connection: Connection) -> Figures:
    """See `IdentityGraph.figures`."""
    row = tenancy.frame(connection, _COUNTED).iloc[0]
    counts = {name: int(row[name]) for name in ("identities", "with_several_homes", "identifiers", "shared", "blocked")}
    at = None if pd.isna(row["nightly_at"]) else pd.Timestamp(row["nightly_at"]).to_pydatetime()
    return Figures(**counts, waiting=waiting(connection), nightly_at=at)

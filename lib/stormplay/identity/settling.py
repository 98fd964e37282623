"""Work out which identifiers are one identity, where links were made or revoked, and write down what changed.

Only what hangs on the changed places is read: from there along every link that could join. The answer for that part
does not depend on what was there before, so writers may come in any order.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import tenancy
from stormplay.identity.components import Links, components
from stormplay.identity.events import Cause, Event, tell
from stormplay.identity.kinds import MERGES_FROM, PRIORITY, Rules

FEW = 2_000  # above so many places the whole graph is read at once

_JOINS = f"l.revoked_at IS NULL AND l.strength >= {MERGES_FROM}"

# From place to place in the order written: without statistics, as in a company of yesterday, the planner would pair
# every place with every other first, and 200 homes took half a minute.
_NEAR = f"""
WITH RECURSIVE reached (id) AS (
    SELECT unnest(CAST(:seeds AS uuid[]))
    UNION
    SELECT n.id FROM reached r
     CROSS JOIN LATERAL (
           SELECT FROM identifiers i
            WHERE i.tenant_id = :tenant_id AND i.identifier_id = r.id AND i.held_apart IS NULL OFFSET 0) i
     CROSS JOIN LATERAL (
           SELECT l.to_id AS id FROM identifier_links l
            WHERE l.tenant_id = :tenant_id AND l.from_id = r.id AND {_JOINS}
            UNION ALL
           SELECT l.from_id FROM identifier_links l
            WHERE l.tenant_id = :tenant_id AND l.to_id = r.id AND {_JOINS} OFFSET 0) n
     CROSS JOIN LATERAL (
           SELECT FROM identifiers o
            WHERE o.tenant_id = :tenant_id AND o.identifier_id = n.id AND o.held_apart IS NULL OFFSET 0) o
)
SELECT i.identifier_id::text, i.identity_id::text, i.identifier_type, i.held_apart, i.household_key
  FROM reached r JOIN identifiers i ON i.tenant_id = :tenant_id AND i.identifier_id = r.id
 ORDER BY i.identifier_id
"""  # noqa: S608 - own words

_ALL = """
SELECT identifier_id::text, identity_id::text, identifier_type, held_apart, household_key
  FROM identifiers WHERE tenant_id = :tenant_id ORDER BY identifier_id
"""

_LINKS = f"""
SELECT l.from_id::text, l.to_id::text, l.strength, l.rule FROM identifier_links l
 WHERE l.tenant_id = :tenant_id AND {_JOINS}
"""  # noqa: S608 - own words

_APART = """
SELECT one_id::text, other_id::text FROM identity_proposals WHERE tenant_id = :tenant_id AND state = 'no'
"""


def settle(connection: Connection, seeds: Collection[str], chosen: Rules, cause: Cause) -> list[Event]:
    """Bring identity_id up to date around some identifiers; events are written where identities meet or part.

    Args:
        connection: A session that holds the gate.
        seeds: Both ends of every link that was made or revoked, and whatever began or ceased to join, with its
            neighbours.
        chosen: The company's rules.
        cause: What the events say.
    """
    if not seeds:
        return []
    nodes, links = _read(connection, seeds)
    if nodes.empty:
        return []
    now = nodes["identifier_id"].to_numpy()[_labels(connection, nodes, links, chosen)]
    nodes = nodes.assign(now=now)
    _store(connection, nodes[nodes["now"] != nodes["identity_id"]])
    return tell(connection, nodes, links, cause)


def _read(connection: Connection, seeds: Collection[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    if len(seeds) > FEW:
        return tenancy.bulk_frame(connection, _ALL), tenancy.bulk_frame(connection, _LINKS)
    nodes = tenancy.frame(connection, _NEAR, {"seeds": list(seeds)})
    among = f"{_LINKS} AND l.from_id = ANY (CAST(:ids AS uuid[])) AND l.to_id = ANY (CAST(:ids AS uuid[]))"
    return nodes, tenancy.frame(connection, among, {"ids": nodes["identifier_id"].tolist()})


def _labels(connection: Connection, nodes: pd.DataFrame, links: pd.DataFrame, chosen: Rules) -> NDArray[np.int64]:
    place = pd.Index(nodes["identifier_id"])
    joins = nodes["held_apart"].isna().to_numpy()
    ends = np.column_stack([place.get_indexer(links["from_id"]), place.get_indexer(links["to_id"])]).astype(np.int64)
    rank = nodes["identifier_type"].map({kind: number for number, kind in enumerate(PRIORITY)}).to_numpy(np.int64)
    used = np.flatnonzero((ends >= 0).all(axis=1))
    used = used[joins[ends[used]].all(axis=1)]
    weight = links["strength"].to_numpy(float)
    found = Links(ends[used], rank[ends[used]].max(axis=1, initial=0), weight[used])
    household = nodes["household_key"].where(nodes["identifier_type"] == "property_id")
    codes = pd.factorize(household)[0].astype(np.int64)
    apart = tenancy.frame(connection, _APART)
    pairs = np.column_stack([place.get_indexer(apart["one_id"]), place.get_indexer(apart["other_id"])])
    pairs = pairs[(pairs >= 0).all(axis=1)].astype(np.int64)
    return components(len(nodes), found, codes, chosen.most_households, pairs)


def _store(connection: Connection, changed: pd.DataFrame) -> None:
    connection.execute(
        text("""UPDATE identifiers i SET identity_id = w.identity
                  FROM unnest(CAST(:ids AS uuid[]), CAST(:now AS uuid[])) AS w (id, identity)
                 WHERE i.tenant_id = :tenant_id AND i.identifier_id = w.id"""),
        {"ids": changed["identifier_id"].tolist(), "now": changed["now"].tolist(),
         "tenant_id": connection.info["tenant_id"]},
    )  # fmt: skip

"""Road engines' answers kept in the database, so that the stops of a route are asked for once a month."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from psycopg2.extras import execute_values
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay.roads.engines import Engine
from stormplay.roads.legs import Legs, Roads
from stormplay.routing.plan import FloatArray

KEPT_DAYS = 30  # roads are built and closed; an engine's map is brought up to date about as often

_KNOWN = """
SELECT digest, source, place_count, distance_m, minutes, estimated FROM road_tables
 WHERE tenant_id = :tenant_id AND digest = ANY (:digests) AND made_at > now() - make_interval(days => :days)
"""

_KEEP = """
INSERT INTO road_tables (tenant_id, digest, source, place_count, distance_m, minutes, estimated) VALUES %s
    ON CONFLICT (tenant_id, digest) DO UPDATE SET source = excluded.source, place_count = excluded.place_count,
       distance_m = excluded.distance_m, minutes = excluded.minutes, estimated = excluded.estimated, made_at = now()
"""


def roads(connection: Connection, engine: Engine | None, groups: Iterable[FloatArray]) -> Roads:
    """An engine with what it answered before for these groups of places, each (n, 2) in degrees."""
    asked = Roads(engine)
    if engine is not None:
        asked.known = known(connection, [asked.key(places) for places in groups])
    return asked


def known(connection: Connection, digests: Iterable[str]) -> dict[str, Legs]:
    """Those answers that are kept and not too old, by their key."""
    asked = {"tenant_id": connection.info["tenant_id"], "digests": list(digests), "days": KEPT_DAYS}
    rows = connection.execute(text(_KNOWN), asked)
    return {row.digest: _read(row.source, row.place_count, row.distance_m, row.minutes, row.estimated) for row in rows}


def keep(connection: Connection, fresh: Mapping[str, Legs]) -> None:
    """Keep answers under their keys."""
    tenant = connection.info["tenant_id"]
    rows = [(tenant, digest, legs.source, len(legs.minutes), _bytes(legs.distance_m), _bytes(legs.minutes),
             legs.is_estimated.astype("u1").tobytes()) for digest, legs in fresh.items()]  # fmt: skip
    if rows:
        execute_values(connection.connection.cursor(), _KEEP, rows, page_size=100)


def _bytes(table: FloatArray) -> bytes:
    return table.astype("<f4").tobytes()


def _read(source: str, count: int, distance_m: bytes, minutes: bytes, estimated: bytes) -> Legs:
    def table(kept: bytes) -> FloatArray:
        return np.frombuffer(kept, "<f4").reshape(count, count).astype(float)

    is_estimated = np.frombuffer(estimated, "u1").reshape(count, count).astype(bool)
    return Legs(table(distance_m), table(minutes), source, is_estimated)

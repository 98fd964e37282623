"""A storm's scores into lead_uplift: one transaction, set by set."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import bulk
from stormplay.uplift.actions import ACTIONS
from stormplay.uplift.encoding import Floats

CHUNK = 50_000

# One array a column. A belief about a later storm stays: it is the one in force.
_UPSERT = """
INSERT INTO lead_uplift AS held (tenant_id, property_id, storm_id, expected_uplift, next_best_action, model_version,
                                 scored_at, reasons)
SELECT CAST(:tenant_id AS uuid), v.property_id, CAST(:storm_id AS uuid), v.uplift,
       (CAST(:actions AS text[]))[v.action], :model_version, now(), v.reasons::jsonb
  FROM unnest(CAST(:ids AS uuid[]), CAST(:uplift AS float8[]), CAST(:action AS int[]), CAST(:reasons AS text[]))
       AS v (property_id, uplift, action, reasons)
ON CONFLICT (tenant_id, property_id) DO UPDATE
   SET storm_id = excluded.storm_id, expected_uplift = excluded.expected_uplift, reasons = excluded.reasons,
       next_best_action = excluded.next_best_action, model_version = excluded.model_version,
       scored_at = excluded.scored_at
 WHERE held.storm_id IS NULL OR held.storm_id <> ALL (CAST(:later AS uuid[]))
"""

_LATER = """
SELECT s.storm_id::text FROM storms s JOIN storms this ON this.tenant_id = s.tenant_id AND this.storm_id = :storm_id
 WHERE s.tenant_id = :tenant_id AND s.event_date > this.event_date
"""


def write(
    connection: Connection, storm_id: str, model_version: str, property_id: pd.Series, uplift: Floats,
    action: NDArray[np.int64], reasons: NDArray[np.object_],
) -> int:  # fmt: skip
    """Write the scores of a storm's homes.

    Args:
        connection: An open session.
        storm_id: The storm that they are about.
        model_version: The text that leads to the model.
        property_id, uplift, action, reasons: Per home: its id, the probability difference, its place in
            `actions.ACTIONS`, sentences as the text of a JSON array.

    Returns:
        How many homes have a new belief; those with one about a later storm keep it.
    """
    tenant = {"tenant_id": connection.info["tenant_id"], "storm_id": storm_id}
    # One at a time: two who score homes in different orders would wait for each other for ever.
    connection.execute(text("SELECT FROM models WHERE model_name = 'uplift' FOR UPDATE"))
    later = connection.execute(text(_LATER), tenant).scalars().all()
    common = {**tenant, "model_version": model_version, "actions": list(ACTIONS), "later": bulk.array_text(later)}
    written = 0
    for part in _parts(len(property_id)):
        rows = {
            "ids": bulk.array_text(property_id.iloc[part]),
            "uplift": bulk.array_text(uplift[part].round(6)),
            "action": bulk.array_text(action[part] + 1),
            "reasons": _texts(reasons[part]),
        }
        written += connection.execute(text(_UPSERT), {**common, **rows}).rowcount
    return written


def _parts(count: int) -> Iterator[slice]:
    for start in range(0, count, CHUNK):
        yield slice(start, start + CHUNK)


def _texts(values: NDArray[np.object_]) -> str:
    """The text of a PostgreSQL array of texts, each quoted once: few are distinct."""
    codes, distinct = pd.factorize(values)
    quoted = np.array(['"' + one.replace("\\", "\\\\").replace('"', '\\"') + '"' for one in distinct], dtype=object)
    return bulk.array_text(quoted[codes])

"""Beliefs that rest on what the stream has changed: the uplift of homes whose storm impact index is another one now.

They are scored anew outside of the batches, by whoever calls `rescore`, with the company's champion, and only the homes
that changed. What is due needs no mark of its own: it is the ledger from `stream_rescores.done_until` on. The mark
moves in the transaction that writes the beliefs, so whoever is killed on the way leaves all of it due.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.engine import URL, Connection

from stormplay import registry, tenancy
from stormplay.errors import UnknownModel
from stormplay.streaming.staging import ask

if TYPE_CHECKING:
    from stormplay.uplift.encoding import Floats
    from stormplay.uplift.features import Present

MODEL = "uplift"

# The horizon: transactions before it have all ended. A mark from another server (a restored backup) counts from 0 on.
_DUE = """
WITH moment AS MATERIALIZED (
    SELECT pg_snapshot_xmin(s) AS horizon, pg_snapshot_xmax(s) AS newest FROM pg_current_snapshot() s
), mark AS (
    SELECT coalesce((SELECT r.done_until FROM stream_rescores r, moment
                      WHERE r.tenant_id = :tenant_id AND r.storm_id = :storm_id AND r.done_until <= moment.newest),
                    '0'::xid8) AS since
)
SELECT moment.horizon::text, e.property_id::text
  FROM moment CROSS JOIN mark LEFT JOIN stream_events e ON e.tenant_id = :tenant_id AND e.storm_id = :storm_id
   AND e.transaction_id >= mark.since AND e.transaction_id < moment.horizon
   AND e.event_type = 'property_impacted' AND NOT e.is_superseded
 GROUP BY 1, 2
"""

_MARK = """
INSERT INTO stream_rescores AS r (tenant_id, storm_id, done_until, homes, model_version)
VALUES (:tenant_id, :storm_id, CAST(:horizon AS xid8), :homes, :model_version)
ON CONFLICT (tenant_id, storm_id) DO UPDATE
   SET done_until = excluded.done_until, homes = excluded.homes, model_version = excluded.model_version,
       rescored_at = clock_timestamp()
"""

_STANDING = "SELECT rescored_at, homes, model_version FROM stream_rescores WHERE tenant_id = :t AND storm_id = :s"


@dataclass(frozen=True)
class Standing:
    """How the beliefs of a storm stand to its events.

    Attributes:
        due: Homes whose index has changed since they were scored.
        rescored_at: When that was done last; None: never.
        model_version: By which model; None: the company has no champion, so nobody could score them.
    """

    due: int
    rescored_at: datetime | None
    model_version: str | None


def standing(tenant: str | UUID, storm: str | UUID) -> Standing:
    """How many homes of a storm are due for scoring, so that a page can say so."""
    with tenancy.session(tenant) as connection:
        storm_id = tenancy.storm_id(connection, storm)
        _, homes = _due(connection, storm_id)
        values = {"t": connection.info["tenant_id"], "s": storm_id}
        row = connection.execute(text(_STANDING), values).one_or_none()
    return Standing(len(homes), row.rescored_at if row else None, row.model_version if row else None)


def due(connection: Connection) -> list[tuple[str, str]]:
    """tenant_id and storm_id of every storm with homes that are due, of all companies, for the service."""
    rows = ask(connection, "SELECT tenant_id::text, storm_id::text FROM sec.stream_due() ORDER BY 1, 2", {})
    return [(str(tenant_id), str(storm_id)) for tenant_id, storm_id in rows]


def rescore(tenant: str | UUID, storm: str | UUID, since: int | None = None, *, address: URL | None = None) -> int:
    """Score the homes of a storm anew whose impact the stream has changed since that was done last.

    Two transactions, and the model between them holds no lock. May be killed at any moment, and called at any time:
    where nothing is due, nothing happens. Two at once do the same work twice.

    Args:
        tenant, storm: Slugs or ids.
        since: Transaction from which on the events count; None: where the last scoring ended.
        address: The login to ask as, such as the service's; None: this process's own.

    Returns:
        How many homes have a new belief. 0 where nothing is due, and where the company has no champion: then the homes
        stay due, and `standing` says so.

    Raises:
        UnknownTenant, UnknownStorm: Not open to whoever asks.
        ArtifactRefused, WrongColumns: The champion cannot be used; the homes stay due.
    """
    from stormplay.uplift import features, writing  # noqa: PLC0415 - brings scikit-learn, which applying needs not

    with tenancy.session(tenant, address) as connection:
        storm_id = tenancy.storm_id(connection, storm)
        champion = _champion(connection)
        if champion is None:
            return 0  # before the ledger is read: of such a company it stays due, and would be read at every turn
        horizon, homes = _due(connection, storm_id, since)
        if not homes:
            return 0
        version, payload = registry.load(connection, champion)
        present = features.present(connection, storm_id, datetime.now(UTC), homes)
    scored = _scored(payload, present)
    with tenancy.session(tenant, address) as connection:
        tenancy.because(connection, "Event stream: {what}")
        written = writing.write(connection, storm_id, version.model_version, present.property_id, *scored)
        values = {"tenant_id": connection.info["tenant_id"], "storm_id": storm_id, "horizon": horizon,
                  "homes": written, "model_version": version.model_version}  # fmt: skip
        connection.execute(text(_MARK), values)
    return written


def _due(connection: Connection, storm_id: str, since: int | None = None) -> tuple[str, list[str]]:
    query = _DUE if since is None else _DUE.replace("mark.since AND", f"'{int(since)}'::xid8 AND")
    values = {"tenant_id": connection.info["tenant_id"], "storm_id": storm_id}
    rows = connection.execute(text(query), values).all()
    return str(rows[0][0]), sorted(str(home) for _, home in rows if home is not None)


def _champion(connection: Connection) -> registry.Version | None:
    """The champion, if it is a model and not numbers that somebody planted."""
    try:
        version = registry.champion(connection, MODEL)
    except UnknownModel:
        return None
    return version if version.source == "trained" else None


def _scored(payload: dict[str, Any], present: Present) -> tuple[Floats, NDArray[np.int64], NDArray[np.object_]]:
    """Uplift, next best action and reasons of homes."""
    from stormplay.uplift.actions import action_codes  # noqa: PLC0415 - as above
    from stormplay.uplift.model import UpliftModel  # noqa: PLC0415
    from stormplay.uplift.reasons import Surrogate  # noqa: PLC0415

    model = UpliftModel.from_payload(payload)
    surrogate = Surrogate.from_plain(model.encoding, payload["reasons"])
    uplift = model.predict(present.features)
    action = action_codes(uplift, present.has_phone, present.has_email, present.refused)
    return uplift, action, surrogate.explain(present.features, uplift)[0]

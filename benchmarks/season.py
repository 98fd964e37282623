"""Two companies in a storm, and the events that come in from it: made up, for the benchmark of the stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import numpy as np
from sqlalchemy import text
from tenants import as_administrator

from stormplay import accounts, database, migrations

STORM = "2021-04-28"
SLUGS = ("hail-one", "hail-two")
IMPACTS, COMPLETIONS = 0.90, 0.08  # of a hundred events; the rest are conversions

_FILL = (
    """CREATE TEMP TABLE home AS SELECT n, uuidv7() AS property_id FROM generate_series(1::bigint, :homes) n""",
    "ANALYZE home",
    """INSERT INTO properties (tenant_id, property_id, address, zip_code, latitude, longitude, is_synthetic)
       SELECT :tenant, property_id, n || ' Made Up Street', '76137', 32.7 + n % 100 / 300.0, -97.4 + n / 1e5, true
         FROM home""",
    """INSERT INTO property_impacts (tenant_id, storm_id, property_id, hail_in, sii_score)
       SELECT :tenant, CAST(:storm AS uuid), property_id, 1, 30 FROM home WHERE n % 2 = 0""",
    """INSERT INTO lead_uplift (tenant_id, property_id, storm_id, expected_uplift, next_best_action, model_version)
       SELECT :tenant, property_id, CAST(:storm AS uuid), n % 41 / 100.0, 'door', 'made up' FROM home""",
    """INSERT INTO policy_decisions_log (tenant_id, storm_id, property_id, decision, reason, model_version)
       SELECT :tenant, CAST(:storm AS uuid), property_id, CASE WHEN n % 5 = 0 THEN 'hold_out' ELSE 'treat' END,
              'made up', 'made up' FROM home""",
    """INSERT INTO jobs (tenant_id, storm_id, property_id) SELECT :tenant, CAST(:storm AS uuid), property_id
         FROM home WHERE n % 5 <> 0""",
    "DROP TABLE home",
)


@dataclass(frozen=True)
class Side:
    """One company: its storm, its homes and its jobs, as ids."""

    tenant_id: str
    storm_id: str
    homes: list[str]
    jobs: list[str]

    @property
    def topic(self) -> str:
        """Where its events are."""
        return f"storm_events_{self.storm_id}"


def load(homes: int) -> list[Side]:
    """Fill the embedded database as administrator with storms of their own; what was there stays."""
    migrations.migrate()
    known = [accounts.add_tenant(slug, slug.capitalize(), is_synthetic=True) for slug in SLUGS]
    sides = []
    with database.transaction(database.admin_url()) as connection:  # all or nothing
        for tenant_id in known:
            made = text("""INSERT INTO storms (tenant_id, slug, name, event_date)
                           VALUES (:tenant, :slug, 'Made up', :day) RETURNING storm_id::text""")
            values = {"tenant": tenant_id, "slug": f"{STORM}-{uuid4().hex[:8]}", "day": STORM}
            storm_id = connection.execute(made, values).scalar_one()
            # Neither foreign keys, the audit nor the score are asked: the rows fit, and nobody did this.
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            for statement in _FILL:
                connection.execute(text(statement), {"tenant": tenant_id, "storm": storm_id, "homes": homes})
            connection.execute(text("SET LOCAL session_replication_role = origin"))
            connection.execute(
                text("SELECT recount_storm_score(:tenant, :storm, NULL, 'Loaded', 'load')"),
                {"tenant": tenant_id, "storm": storm_id},
            )
            sides.append(_read(connection, tenant_id, storm_id))
    as_administrator("VACUUM ANALYZE", "CHECKPOINT")
    return sides


def _read(connection: object, tenant_id: str, storm_id: str) -> Side:
    ask = connection.execute  # type: ignore[attr-defined]
    values = {"tenant": tenant_id, "storm": storm_id}
    homes = ask(
        text("""SELECT property_id::text FROM lead_uplift WHERE tenant_id = :tenant AND storm_id = :storm"""), values
    )
    jobs = ask(text("SELECT job_id::text FROM jobs WHERE tenant_id = :tenant AND storm_id = :storm"), values)
    return Side(tenant_id, storm_id, list(homes.scalars()), list(jobs.scalars()))


def messages(sides: list[Side], count: int, seed: int = 0, impacts: float = IMPACTS) -> Iterator[tuple[str, bytes]]:
    """So many events in the order in which they come in: topic and value; each company has its share by turns.

    `impacts` is the share of homes that are hit. No event is a duplicate, and each job is completed once, as long as
    there are jobs.
    """
    rng = np.random.default_rng(seed)
    now = datetime.now(UTC).isoformat()
    open_jobs = [iter(side.jobs) for side in sides]
    kinds, places = rng.random(count), rng.integers(0, 1 << 30, count)
    scores = rng.random(count) * 100
    for number in range(count):
        side, jobs = sides[number % len(sides)], open_jobs[number % len(sides)]
        home = side.homes[places[number] % len(side.homes)]
        event: dict[str, object] = {"event_id": str(uuid4()), "occurred_at": now}
        job = next(jobs, None) if impacts <= kinds[number] < impacts + COMPLETIONS else None
        if job is not None:
            event |= {"type": "job_completed", "job_id": job}
        elif kinds[number] >= impacts + COMPLETIONS:
            event |= {"type": "conversion", "property_id": home, "value": round(8_000 + scores[number] * 100, 2)}
        else:
            event |= {"type": "property_impacted", "property_id": home, "sii_score": round(scores[number], 3)}
        yield side.topic, json.dumps(event).encode()

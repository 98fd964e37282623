"""Twenty tenants with a million homes and what hangs on them, made up, for benchmarks of the database."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import psycopg2
from psycopg2 import sql
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import accounts, database, migrations
from stormplay.demo.cast import MAIN_STORM, STORMS
from stormplay.errors import BadInput

TENANTS, STOPS_A_ROUTE = 20, 50

Tables = Iterator[tuple[str, pd.DataFrame]]


def load(rows: int, seed: int = 0) -> None:
    """Fill the embedded database, by COPY as administrator; nothing where that was done before.

    Args:
        rows: Properties of all tenants together; their sizes differ as companies' do. Each has three storms with a
            decision for every home, half of the homes hit and a tenth on routes with jobs.
        seed: Same seed, same rows; ids differ.

    Raises:
        BadInput: The database has another number of properties.
    """
    migrations.migrate()
    with database.transaction(database.admin_url()) as connection:
        have = int(connection.execute(text("SELECT count(*) FROM properties")).scalar_one())
    if have == rows:
        return
    if have:
        raise BadInput(f"This folder has {have:,} properties.", f"Expected {rows:,}.", "Name another --home.")
    slugs = [f"tenant-{number:02d}" for number in range(TENANTS)]
    tenants = [accounts.add_tenant(slug, slug, is_synthetic=True, depot=(32.84, -97.29)) for slug in slugs]
    _fill(tenants, rows, np.random.default_rng(seed))
    # Else the server tidies up while something is measured.
    as_administrator("ALTER SYSTEM SET autovacuum = off", "SELECT pg_reload_conf()", "VACUUM ANALYZE", "CHECKPOINT")


def _fill(tenants: Sequence[str], rows: int, rng: np.random.Generator) -> None:
    share = rng.lognormal(0, 0.7, len(tenants))
    sizes = np.diff(np.round(np.cumsum(share) / share.sum() * rows), prepend=0).astype(int)
    with database.transaction(database.admin_url()) as connection:  # all or nothing
        _add_people(connection)
        storms = [_add_storms(connection, tenant_id) for tenant_id in tenants]
        # Neither foreign keys nor the audit are asked: the rows fit, and nobody did this.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        cursor = connection.connection.cursor()
        for tenant_id, storm_ids, size in zip(tenants, storms, sizes, strict=True):
            for table, frame in _tenant(rng, storm_ids, int(size)):
                copy(cursor, table, frame.assign(tenant_id=tenant_id))


def as_administrator(*statements: str) -> None:
    """Run statements as superuser, each in a transaction of its own or in none."""
    connection = psycopg2.connect(database.admin_url().set(drivername="postgresql").render_as_string(False))
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    finally:
        connection.close()


def new_ids(rng: np.random.Generator, count: int) -> list[str]:
    """Ids in the order of time, as uuidv7() makes them."""
    start, tail = time.time_ns() // 1_000_000, rng.bytes(9 * count).hex()
    return [
        f"{start + k // 50:012x}7{tail[18 * k : 18 * k + 3]}8{tail[18 * k + 3 : 18 * k + 18]}" for k in range(count)
    ]


def copy(cursor: Any, table: str, frame: pd.DataFrame) -> None:
    """Load a table's rows."""
    columns = sql.SQL(", ").join(sql.Identifier(name) for name in frame.columns)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(sql.Identifier(table), columns)
    cursor.copy_expert(statement, io.StringIO(frame.to_csv(index=False, header=False)))


def _add_people(connection: Connection) -> None:
    """300 people with memberships and logins: the lock looks among them at every statement."""
    connection.execute(
        text("""WITH made AS (INSERT INTO sec.person (username, display_name)
                              SELECT 'person-' || n, 'Person ' || n FROM generate_series(1, 300) n
                              RETURNING person_id, username),
                     member AS (INSERT INTO sec.membership (person_id, tenant_id)
                                SELECT person_id, tenant_id FROM made, sec.tenant_entry
                                 WHERE hashtext(username || slug) % 10 = 0)
                INSERT INTO sec.login (login, person_id, purpose, expires_at)
                SELECT 'k_' || md5(username), person_id, 'voila', now() + interval '1 day' FROM made
                 WHERE hashtext(username) % 3 = 0""")
    )


def _add_storms(connection: Connection, tenant_id: str) -> dict[str, str]:
    """The demo's storms for a tenant: slug to id."""
    statement = text("""INSERT INTO storms (tenant_id, slug, name, status, event_date)
                        VALUES (:tenant, :slug, :name, :status, :day) RETURNING storm_id::text""")
    ids = {}
    for storm in STORMS:
        values = {"slug": storm.slug, "name": storm.name, "status": storm.status, "day": storm.day}
        ids[storm.slug] = str(connection.execute(statement, {"tenant": tenant_id, **values}).scalar_one())
    return ids


def _tenant(rng: np.random.Generator, storms: Mapping[str, str], count: int) -> Tables:
    """A tenant's rows by table, in the order in which they come in."""
    ids, zips = np.array(new_ids(rng, count), dtype=object), np.sort(rng.integers(76_001, 76_041, count)).astype(str)
    refused = ids[rng.random(count) < 0.03]
    yield "properties", _homes(rng, ids, zips)
    nodes = new_ids(rng, count)
    yield "identifiers", pd.DataFrame({
        "identifier_id": nodes, "identity_id": nodes, "identifier_type": "phone", "source": "form",
        "value": [f"+1817{k:07d}" for k in range(count)], "shown": "a number",
    })  # fmt: skip
    yield "lead_uplift", pd.DataFrame({
        "property_id": ids, "storm_id": storms[MAIN_STORM], "expected_uplift": rng.beta(2, 18, count).round(5),
        "next_best_action": rng.choice(["door", "call", "mail"], count), "model_version": "made up",
    })  # fmt: skip
    yield "suppressions", pd.DataFrame({
        "property_id": refused, "channel": rng.choice(["door", "call"], len(refused)), "reason": "asked",
    })  # fmt: skip
    yield "nurture_sequences", pd.DataFrame({
        "property_id": ids[::20], "sequence_type": "mail", "scheduled_at": "2021-06-01 15:00Z",
    })  # fmt: skip
    for slug, storm_id in storms.items():
        for table, frame in _season(rng, ids, zips, is_past=slug != MAIN_STORM):
            yield table, frame if table == "route_properties" else frame.assign(storm_id=storm_id)


def _homes(rng: np.random.Generator, ids: Any, zips: Any) -> pd.DataFrame:
    count = len(ids)
    return pd.DataFrame({
        "property_id": ids, "address": [f"{k % 9_000} Hail Street" for k in range(count)], "city": "Keller",
        "zip_code": zips, "latitude": (32.7 + rng.random(count) * 0.3).round(6), "owner_name": "Made Up",
        "longitude": (-97.4 + rng.random(count) * 0.4).round(6), "roof_age_years": rng.integers(0, 30, count),
        "phone": [f"+1817555{k % 10_000:04d}" for k in range(count)],
        "home_value_cents": rng.integers(1, 9, count) * 10_000_000, "is_synthetic": True,
    })  # fmt: skip


def _season(rng: np.random.Generator, ids: Any, zips: Any, *, is_past: bool) -> Tables:
    """What one storm brought a tenant."""
    hit = ids[rng.random(len(ids)) < 0.5]
    decision = rng.choice(["treat", "hold_out", "skip"], len(ids), p=[0.2, 0.03, 0.77])
    reason = pd.Series(decision).map({"treat": "uplift", "hold_out": "control group", "skip": "low uplift"})
    arms = np.flatnonzero(decision != "skip")
    known = ids[arms if is_past else arms[::5]]
    yield "property_impacts", pd.DataFrame({
        "property_id": hit, "hail_in": 1.5, "sii_score": rng.integers(0, 100, len(hit)),
    })  # fmt: skip
    yield "policy_decisions_log", pd.DataFrame({
        "property_id": ids, "decision": decision, "reason": reason, "model_version": "made up",
    })  # fmt: skip
    yield "policy_outcomes", pd.DataFrame({
        "property_id": known, "actual_converted": rng.random(len(known)) < 0.1, "value_cents": 1_200_000,
    })  # fmt: skip
    yield "customer_journeys", pd.DataFrame({
        "property_id": np.repeat(known, 2), "channel": ["mail", "door"] * len(known), "timestamp": "2021-05-02 15:00Z",
    })  # fmt: skip
    stops = np.flatnonzero(decision == "treat")[: max(1, len(ids) // 10)]
    if len(stops):
        yield from _fieldwork(rng, ids[stops], zips[stops], is_past=is_past)


def _fieldwork(rng: np.random.Generator, homes: Any, zips: Any, *, is_past: bool) -> Tables:
    """Routes to these homes with their jobs; of the storm at hand every fourth route is begun."""
    place = np.arange(len(homes)) // STOPS_A_ROUTE
    count = int(place[-1]) + 1
    run_id, *route_ids = np.array(new_ids(rng, count + 1), dtype=object)
    of_stop = np.array(route_ids)[place]
    is_done = np.full(len(homes), True) if is_past else place % 4 == 0
    yield "routing_runs", pd.DataFrame({
        "run_id": [run_id], "parameters": "{}", "ledger": "[]", "route_count": count, "distance_m": 1e6, "seconds": 8.0,
        "made_by": "Local person",
    })  # fmt: skip
    yield "routes", pd.DataFrame({
        "route_id": route_ids, "run_id": run_id, "route_name": [f"Route {k + 1:02d}" for k in range(count)],
        "zip_code": zips[::STOPS_A_ROUTE], "property_count": np.bincount(place), "avg_uplift": 0.1,
        "distance_m": 40_000.0, "drive_minutes": 70.0, "status": "done" if is_past else "planned",
        "crew_name": [None if k % 3 else f"Crew {k % 7}" for k in range(count)],
    })  # fmt: skip
    yield "route_properties", pd.DataFrame({
        "route_id": of_stop, "property_id": homes, "sequence_order": np.arange(len(homes)) % STOPS_A_ROUTE + 1,
    })  # fmt: skip
    yield "jobs", pd.DataFrame({
        "route_id": of_stop, "property_id": homes,
        "status": pd.Series(is_done).map({True: "completed", False: "scheduled"}),
        "completed_at": pd.Series(is_done).map({True: "2021-05-03 15:00Z", False: None}),
    })  # fmt: skip

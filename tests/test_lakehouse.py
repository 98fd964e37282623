"""History from three places: the same frame, for members alone, of one company and one storm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import numpy as np
import pandas as pd
import psycopg2
import pyarrow as pa
import pytest
from pandas.testing import assert_frame_equal
from psycopg2.extras import execute_values
from sqlalchemy import text
from trino_double import TrinoDouble
from world import make_world

from stormplay import embedded, tenancy
from stormplay.errors import BadInput, HistoryUnavailable, UnknownStorm, UnknownTenant
from stormplay.forking import kernel_environment
from stormplay.lakehouse import COLUMNS, event_history, places
from stormplay.lakehouse import tables as lake_tables

NOON = datetime(2021, 4, 28, 12, tzinfo=UTC)
SOURCES = ("postgres", "iceberg", "trino")


def make_events(n, seed):
    """Events of all types, some at the same moment; ids that a language would sort otherwise than their characters."""
    rng = np.random.default_rng(seed)
    kinds = rng.choice(["property_impacted", "job_completed", "conversion"], n)
    return [
        {"event_id": f"{'aBÄz-'[i % 5]}{i // 5}", "event_type": str(kind),
         "property_id": None if kind == "job_completed" else str(uuid4()),
         "job_id": str(uuid4()) if kind == "job_completed" else None,
         "sii_score": float(rng.uniform(0, 100)) if kind == "property_impacted" else None,
         "value_cents": int(rng.integers(0, 4_000_000)) if kind == "conversion" else None,
         "event_at": NOON + timedelta(hours=int(rng.integers(0, 50)), microseconds=int(rng.integers(0, 3)) * 1_700)}
        for i, kind in enumerate(kinds)
    ]  # fmt: skip


def into_postgres(tenant_id, storm_id, events):
    rows = [(tenant_id, storm_id, *event.values()) for event in events]
    with psycopg2.connect(embedded.url("postgres")) as connection, connection.cursor() as cursor:
        execute_values(
            cursor, f"INSERT INTO stream_events (tenant_id, storm_id, {', '.join(events[0])}) VALUES %s", rows
        )


def into_lake(catalog, table, tenant_id, storm_id, events, recorded_at=NOON):
    target = catalog.load_table((places.NAMESPACE, table))
    rows = [
        {"tenant_id": tenant_id, "storm_id": storm_id, **event, "recorded_at": recorded_at, "partition": 0, "offset": i,
         # as Flink keeps it
         "event_at": event["event_at"].replace(microsecond=event["event_at"].microsecond // 1_000 * 1_000)}
        for i, event in enumerate(events)
    ]  # fmt: skip
    target.append(pa.Table.from_pylist(rows, schema=target.schema().as_arrow()))


@pytest.fixture(scope="module")
def lake(database, tmp_path_factory):
    """Two companies' storms with events in Postgres and in an Iceberg catalog, late and doubled ones too."""
    folder = tmp_path_factory.mktemp("lake")
    settings = {places.CATALOG: f"sqlite:///{folder}/catalog.db", places.WAREHOUSE: f"file://{folder}/warehouse"}
    ours, theirs = (make_world(treat=2, hold_out=0, skip=0, suppressed=0, without_place=0) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        catalog = places.catalog()
        assert lake_tables.create(catalog) == ["events", "events_late", "events_refused"]
        assert lake_tables.create(catalog) == []
    ids = {}
    for seed, world in enumerate((ours, theirs)):
        with tenancy.session(world.tenant) as connection:
            ids[world.tenant] = str(connection.info["tenant_id"])
            other = connection.execute(text(
                "INSERT INTO storms (slug, name, event_date) VALUES ('calm', 'Calm', '2021-05-01') RETURNING storm_id"
            )).scalar_one()  # fmt: skip
        events = make_events(60, seed)
        for storm_id, part in ((world.storm_id, events[:50]), (str(other), events[50:])):
            into_postgres(ids[world.tenant], storm_id, part)
            into_lake(catalog, "events", ids[world.tenant], storm_id, part[:-5])
            into_lake(catalog, "events_late", ids[world.tenant], storm_id, part[-5:])
        # Delivered again after the job had forgotten it, with another value: the first one counts.
        again = [event | {"sii_score": 1.25} for event in events[:3]]
        into_lake(catalog, "events_late", ids[world.tenant], world.storm_id, again, NOON + timedelta(days=9))
    served = {
        name: catalog.load_table((places.NAMESPACE, name)).scan().to_arrow() for name in ("events", "events_late")
    }
    double = TrinoDouble(served)
    yield SimpleNamespace(settings=settings, ours=ours, theirs=theirs, ids=ids, double=double, catalog=catalog)
    double.close()


@pytest.fixture
def read(lake, monkeypatch):
    """Reads from one of the three places."""

    def from_source(source, *arguments, **more):
        for name in (places.TRINO, places.TOKEN, *lake.settings):
            monkeypatch.delenv(name, raising=False)
        if source == "trino":
            monkeypatch.setenv(places.TRINO, lake.double.url)
        elif source == "iceberg":
            for name, value in lake.settings.items():
                monkeypatch.setenv(name, value)
        return event_history(*arguments, **more)

    return from_source


@pytest.mark.parametrize("source", SOURCES[1:])
def test_the_frame_is_the_same_wherever_it_is_read(lake, read, source):
    spans = ({}, {"since": NOON + timedelta(hours=20)}, {"until": NOON + timedelta(hours=20)},
             {"since": NOON + timedelta(milliseconds=1), "until": NOON + timedelta(hours=30)})  # fmt: skip
    for span in spans:
        expected = read("postgres", lake.ours.tenant, lake.ours.storm, **span)
        found = read(source, lake.ours.tenant, lake.ours.storm, **span)
        assert_frame_equal(found, expected, check_exact=True)
        assert {name: str(kind) for name, kind in found.dtypes.items()} == COLUMNS
        assert (found.job_id.isna() == (found.event_type != "job_completed")).all()
        assert found.sort_values(["event_at", "event_id"]).event_id.tolist() == found.event_id.tolist()
    assert len(expected) > 10


@pytest.mark.parametrize("source", SOURCES)
def test_only_the_storm_that_was_asked_for_comes(lake, read, source):
    for world in (lake.ours, lake.theirs):
        assert len(read(source, world.tenant, world.storm)) == 50
        assert len(read(source, world.tenant, "calm")) == 10
        assert len(read(source, lake.ids[world.tenant], world.storm_id)) == 50
    far = NOON + timedelta(days=900)
    nothing = read(source, lake.ours.tenant, lake.ours.storm, since=far)
    assert nothing.empty
    assert {name: str(kind) for name, kind in nothing.dtypes.items()} == COLUMNS


@pytest.mark.parametrize("source", SOURCES)
def test_who_is_no_member_is_refused_before_anything_is_read(lake, read, source):
    asked = len(lake.double.asked)
    with tenancy.as_person("ana", "test"), pytest.raises(UnknownTenant):
        read(source, lake.ours.tenant, lake.ours.storm)
    with pytest.raises(UnknownStorm):
        read(source, lake.ours.tenant, lake.theirs.storm_id)
    assert len(lake.double.asked) == asked


def test_values_are_bound_and_the_person_is_named(lake, read):
    lake.double.asked.clear()
    read("trino", lake.ours.tenant, lake.ours.storm)
    user, statement = lake.double.asked[-1]
    assert user == "ana"
    body, _, values = statement.rpartition(" USING ")
    assert lake.ids[lake.ours.tenant] not in body
    assert values.count(lake.ours.storm_id) == 2


def test_a_moment_needs_a_zone(lake, read):
    with pytest.raises(BadInput, match="of no zone"):
        read("postgres", lake.ours.tenant, lake.ours.storm, since=datetime(2021, 4, 28))


def test_a_lake_that_does_not_answer_is_said(lake, monkeypatch, tmp_path):
    world = lake.ours
    refusing = TrinoDouble({}, refuse="Access Denied: Cannot select from columns")
    monkeypatch.setenv(places.TRINO, refusing.url)
    with pytest.raises(HistoryUnavailable, match="TrinoUserError"):
        event_history(world.tenant, world.storm)
    refusing.close()
    monkeypatch.delenv(places.TRINO)
    monkeypatch.setenv(places.CATALOG, f"sqlite:///{tmp_path}/none.db")
    monkeypatch.setenv(places.WAREHOUSE, f"file://{tmp_path}")
    with pytest.raises(HistoryUnavailable, match="NoSuchTableError"):
        event_history(world.tenant, world.storm)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (places.TRINO, "trino.example.org"),
        (places.TRINO, "https://trino.example.org"),
        (places.TRINO, "http://ana:secret@127.0.0.1:8080"),
        (places.TRINO, "http://ana@trino.example.org:8080"),
        (places.CATALOG, "mysql://lake:secret@host/lake"),
        (places.CATALOG, "sqlite:////tmp/no-warehouse.db"),
    ],
)
def test_a_place_that_is_none_is_refused_without_its_secret(lake, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(BadInput) as refused:
        event_history(lake.ours.tenant, lake.ours.storm)
    assert "secret" not in str(refused.value)


def test_no_kernel_is_told_where_the_lake_is():
    told = {places.TRINO: "https://x", places.TOKEN: "t", places.CATALOG: "postgresql://x", places.WAREHOUSE: "s3://x",
            "PYICEBERG_CATALOG__LAKE__S3__SECRET_ACCESS_KEY": "k", "AWS_SECRET_ACCESS_KEY": "k"}  # fmt: skip
    given = kernel_environment(told, {}, database_url="postgresql://k_1@/x", username="ana")
    assert not set(told) & set(given)


def test_further_settings_reach_pyiceberg(lake, monkeypatch):
    for name, value in lake.settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYICEBERG_CATALOG__LAKE__S3__ACCESS_KEY_ID", "key")
    assert places.catalog().properties["s3.access-key-id"] == "key"


@pytest.mark.parametrize(
    ("role", "view", "wanted"),
    [
        ("stormplay_lake", "storm_of_lake", lambda lake: ("storm_id", lake.ours.storm_id)),
        ("stormplay_trino", "member_of_lake", lambda lake: ("username", "local")),
    ],
)
def test_a_role_of_the_lake_reads_its_one_view_and_nothing_else(lake, role, view, wanted):
    column, value = wanted(lake)
    owner = psycopg2.connect(embedded.url("postgres"))
    with owner, owner.cursor() as cursor:
        cursor.execute(f"SET LOCAL SESSION AUTHORIZATION {role}")
        cursor.execute(f"SELECT tenant_id FROM sec.{view} WHERE {column} = %s", (value,))
        assert (lake.ids[lake.ours.tenant],) in cursor.fetchall()
    other = {"storm_of_lake": "member_of_lake", "member_of_lake": "storm_of_lake"}[view]
    tables = f"public.storms public.stream_events sec.storm_entry sec.membership sec.person sec.login sec.{other}"
    for statement in (*(f"SELECT 1 FROM {name}" for name in tables.split()), f"DELETE FROM sec.{view}"):
        with pytest.raises(psycopg2.Error) as refused, owner, owner.cursor() as cursor:
            cursor.execute(f"SET LOCAL SESSION AUTHORIZATION {role}")
            cursor.execute(statement)
        assert refused.value.pgcode in ("42501", "55000"), statement  # the second: a view of two tables takes none
    owner.close()


def test_a_service_and_a_closed_account_are_members_of_nothing(lake):
    with psycopg2.connect(embedded.url("postgres")) as owner, owner.cursor() as cursor:
        cursor.execute("SELECT username FROM sec.member_of_lake")
        assert "stormplay-stream" not in {name for (name,) in cursor.fetchall()}
        cursor.execute("UPDATE sec.person SET disabled_at = now() WHERE username = 'local'")
        cursor.execute("SELECT count(*) FROM sec.member_of_lake WHERE username = 'local'")
        assert cursor.fetchone() == (0,)
        owner.rollback()


def test_days_and_companies_are_folders_of_their_own(lake):
    found = lake.catalog.load_table((places.NAMESPACE, "events")).inspect.partitions().to_pandas()
    days = pd.DataFrame(found["partition"].tolist())
    assert set(days.columns) == {"tenant_id", "event_day"}
    assert set(days["tenant_id"]) == set(lake.ids.values())
    assert days["event_day"].nunique() == 3

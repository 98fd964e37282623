"""The job of deploy/lakehouse on a real Flink against Apache Kafka, killed in the middle: each event once.

A slow lane: it needs Java 17, Maven and minutes; Trino also Java 24."""

from __future__ import annotations

import collections
import json
import os
import random
import re
import shutil
import sys
import threading
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import psycopg2
import pytest
from kafka import KafkaProducer

sys.path.insert(0, str(Path(__file__).parents[1]))

import flink_up
import kafka_up
import trino_up
from pandas.testing import assert_frame_equal
from sqlalchemy import text
from trino.dbapi import connect
from trino.exceptions import TrinoUserError
from world import guests, make_world

from stormplay import embedded, tenancy
from stormplay.embedded.place import socket_folder
from stormplay.lakehouse import event_history, places
from stormplay.lakehouse import tables as lake_tables

pytestmark = [
    pytest.mark.skipif(not (shutil.which("java") and shutil.which("mvn")), reason="needs Java 17 and Maven"),
    pytest.mark.timeout(1800),
]
EVENTS = int(os.environ.get("STORMPLAY_SCALE_EVENTS", "60000"))
JOB = b'"type": "job_completed", "job_id": "01a22362-7d9a-7fdb-b545-7db1782f9100"'
BAD = (b"{", b"\xff\xfe", b"[1]", b'{"event_id": "x", "type": "rain"}', b'{"event_id": 7, %s}' % JOB,
       b'{"event_id": "x", "type": "conversion", "value": "12"}',
       b'{"event_id": "x", "occurred_at": "1", %s}' % JOB,
       b'{"event_id": "x", "occurred_at": "2999-01-01T00:00:00Z", %s}' % JOB)  # fmt: skip


class Rain:
    """Produces events of several storms while others kill what reads them, and knows what must be found afterwards."""

    def __init__(self, bootstrap, storms, seed=9):
        self.bootstrap, self.storms, self.random = bootstrap, storms, random.Random(seed)
        self.wanted: dict[tuple[str, str], str] = {}  # (storm, event_id) -> type
        self.said: dict[tuple[str, str], dict] = {}  # of some, what was sent
        self.late: set[tuple[str, str]] = set()
        self.refused = collections.Counter()
        self.sent = 0
        self.stranger = f"storm_events_{uuid4()}"

    def pour(self, count, seconds):
        """So many events over so many seconds: doubled, malformed, late ones and some of no storm among them."""
        producer = KafkaProducer(bootstrap_servers=self.bootstrap, linger_ms=20)
        began = time.monotonic()
        for i in range(count):
            self._one(producer)
            if i % 500 == 0:
                time.sleep(max(0, began + seconds * i / count - time.monotonic()))
        producer.flush()
        producer.close()

    def _one(self, producer):
        draw, storm = self.random.random(), self.random.choice(self.storms)
        topic, event_id = f"storm_events_{storm}", f"e{self.sent}"
        self.sent += 1
        if draw < 0.01:
            bad = self.random.choice(BAD)
            producer.send(topic, bad)
            self.refused["known"] += 1
            return
        if draw < 0.012:
            strange = {"event_id": event_id, "type": "job_completed", "job_id": str(uuid4())}
            producer.send(self.stranger, json.dumps(strange).encode())
            self.refused["unknown storm"] += 1
            return
        kind = self.random.choice(["property_impacted", "job_completed", "conversion"])
        said = {"event_id": event_id, "type": kind}
        said |= {"job_id": str(uuid4())} if kind == "job_completed" else {"property_id": str(uuid4())}
        said |= {"sii_score": draw * 100} if kind == "property_impacted" else {}
        said |= {"value": round(draw * 1e4, 2)} if kind == "conversion" else {}
        if 0.02 < draw < 0.03:
            said["occurred_at"] = "2026-01-01T10:00:00+01:00"
            self.late.add((storm, event_id))
        elif 0.03 < draw < 0.05:
            moment = datetime.now(UTC).astimezone(timezone(timedelta(minutes=self.random.choice((-570, -300, 0, 330)))))
            said["occurred_at"] = moment.isoformat().replace("+00:00", "Z")
            self.said[storm, event_id] = said
        self.wanted[storm, event_id] = kind
        for _ in range(2 if draw > 0.97 else 1):
            producer.send(topic, json.dumps(said).encode(), key=str(self.random.random()).encode())


@pytest.fixture(scope="module")
def lake(database, tmp_path_factory):
    """Kafka, Flink, the catalog in Postgres, and two companies' storms."""
    folder = tmp_path_factory.mktemp("lakehouse")
    worlds = [make_world(treat=2, hold_out=0, skip=0, suppressed=0, without_place=0) for _ in range(2)]
    owner = psycopg2.connect(embedded.url("postgres"))
    owner.autocommit = True
    with owner.cursor() as cursor:
        cursor.execute("ALTER ROLE stormplay_lake PASSWORD 'lookup-1'")
        cursor.execute("CREATE ROLE lake LOGIN PASSWORD 'catalog-1'")
        cursor.execute("CREATE DATABASE lake OWNER lake")
    door = flink_up.Doorway(socket_folder(embedded.home()) / ".s.PGSQL.5432")
    warehouse, here = f"file://{folder}/warehouse", f"127.0.0.1:{door.port}"
    settings = {places.CATALOG: f"postgresql://lake:catalog-1@{here}/lake", places.WAREHOUSE: warehouse}
    broker = kafka_up.apache(folder / "kafka")
    told = {"KAFKA": broker.bootstrap, "POSTGRES_URI": f"jdbc:postgresql://{here}/stormplay",
            "POSTGRES_PASSWORD": "lookup-1", "CATALOG_URI": f"jdbc:postgresql://{here}/lake", "CATALOG_USER": "lake",
            "CATALOG_PASSWORD": "catalog-1", "WAREHOUSE": warehouse, "CHECKPOINTS": f"file://{folder}/checkpoints",
            "COMMIT_EVERY": "3 s"}  # fmt: skip
    (folder / "flink").mkdir()
    cluster = flink_up.Cluster(folder / "flink")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        catalog = places.catalog()
        lake_tables.create(catalog)
        rain = Rain(broker.bootstrap, [world.storm_id for world in worlds])
        for topic in (*(f"storm_events_{storm}" for storm in rain.storms), rain.stranger):
            broker.topic(topic, 2)
        yield SimpleNamespace(catalog=catalog, cluster=cluster, told=told, rain=rain, worlds=worlds, here=here,
                              warehouse=warehouse, folder=folder)  # fmt: skip
    cluster.stop()
    broker.stop()
    door.close()


def rows(lake, table):
    return lake.catalog.load_table((places.NAMESPACE, table)).scan().to_arrow().to_pandas()


def test_each_event_is_there_once_after_kills_of_everything(lake):
    cluster, rain = lake.cluster, lake.rain
    cluster.start()
    rain.pour(EVENTS // 6, 1)
    cluster.submit(**lake.told)
    cluster.wait(lambda: cluster.checkpoints() >= 2, 300)

    pouring = threading.Thread(target=rain.pour, args=(EVENTS - EVENTS // 6, 60))
    pouring.start()
    time.sleep(8)
    cluster.kill("taskmanager")  # the job manager starts the job again, from the last checkpoint
    cluster.start("taskmanager")
    time.sleep(20)
    job = cluster.job()["jid"]
    cluster.kill()  # both: nobody knows of the job any more
    cluster.start()
    said = cluster.submit(**lake.told)
    assert "Going on from" in said
    assert job in said
    assert "runs already" in cluster.submit(**lake.told)
    pouring.join()

    done = cluster.checkpoints()
    cluster.wait(lambda: cluster.checkpoints() >= done + 2, 300)
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        found = {name: rows(lake, name) for name in ("events", "events_late", "events_refused")}
        if len(found["events"]) + len(found["events_late"]) >= len(rain.wanted) and (
            len(found["events_refused"]) >= rain.refused.total()
        ):
            break
        time.sleep(2)
    once = [
        (r.storm_id, r.event_id, r.event_type) for name in ("events", "events_late") for r in found[name].itertuples()
    ]
    assert sorted(once) == sorted((*key, kind) for key, kind in rain.wanted.items())
    counted = collections.Counter(kind for *_, kind in once)
    assert counted == collections.Counter(rain.wanted.values())

    aside = {(r.storm_id, r.event_id) for r in found["events_late"].itertuples()}
    assert aside
    assert aside <= rain.late
    refused = found["events_refused"]
    assert not refused.duplicated(["topic", "partition", "offset"]).any()
    assert (refused.reason == "unknown storm").sum() == rain.refused["unknown storm"]
    assert (refused.reason != "unknown storm").sum() == rain.refused["known"]
    assert refused.payload.notna().all()


def test_each_storm_is_its_companys(lake):
    for world in lake.worlds:
        with tenancy.session(world.tenant) as connection:
            tenant_id = str(connection.info["tenant_id"])
            assert connection.execute(text("SELECT count(*) FROM storms")).scalar_one() == 1
        for table in ("events", "events_late"):
            found = rows(lake, table)
            assert set(found[found.storm_id == world.storm_id].tenant_id) == {tenant_id}
        history = event_history(world.tenant, world.storm)
        assert len(history) == sum(storm == world.storm_id for storm, _ in lake.rain.wanted)
        for row in history[
            history.event_id.isin([event for storm, event in lake.rain.said if storm == world.storm_id])
        ].itertuples():
            sent = lake.rain.said[world.storm_id, row.event_id]
            moment = datetime.fromisoformat(sent["occurred_at"])
            assert row.event_at == moment.replace(microsecond=moment.microsecond // 1000 * 1000)
            assert row.event_type == sent["type"]
            assert (row.job_id if "job_id" in sent else row.property_id) == sent.get("job_id", sent.get("property_id"))
            if "value" in sent:
                assert row.value_cents == round(sent["value"] * 100)
            if "sii_score" in sent:
                assert row.sii_score == sent["sii_score"]


# ---- the same tables over Trino, under the rules of deploy/lakehouse/trino


@pytest.fixture(scope="module")
def trino(lake, tmp_path_factory):
    if trino_up.java() is None:
        pytest.skip("Trino needs Java 24 or later")
    with psycopg2.connect(embedded.url("postgres")) as owner, owner.cursor() as cursor:
        cursor.execute("ALTER ROLE stormplay_trino PASSWORD 'members-1'")
    server = trino_up.Trino(
        tmp_path_factory.mktemp("trino"), CATALOG_URI=f"jdbc:postgresql://{lake.here}/lake", CATALOG_USER="lake",
        CATALOG_PASSWORD="catalog-1", WAREHOUSE=lake.warehouse, MEMBERS_PASSWORD="members-1",
        POSTGRES_URI=f"jdbc:postgresql://{lake.here}/stormplay",
    )  # fmt: skip
    yield server
    server.stop()


def ask(server, person, statement):
    with connect(host="127.0.0.1", port=server.port, user=person, catalog="lake", schema="stormplay") as connection:
        return connection.cursor().execute(statement).fetchall()


def test_trino_gives_the_frame_that_duckdb_gives(lake, trino, monkeypatch):
    for world in lake.worlds:
        with guests(world.tenant, "analyst", "ana"):
            expected = event_history(world.tenant, world.storm)
            half = expected.event_at.iloc[len(expected) // 2].to_pydatetime()
            part = event_history(world.tenant, world.storm, since=half)
            monkeypatch.setenv(places.TRINO, trino.url("ana"))
            assert_frame_equal(event_history(world.tenant, world.storm), expected, check_exact=True)
            assert_frame_equal(event_history(world.tenant, world.storm, since=half), part, check_exact=True)
            monkeypatch.delenv(places.TRINO)


def test_trino_shows_a_person_their_companies_alone(lake, trino):
    ours, _ = lake.worlds
    every = "SELECT DISTINCT storm_id FROM {}"
    for table in ("events", "events_late", "events_refused"):
        assert ask(trino, "ana", every.format(table)) == []
        with guests(ours.tenant, "analyst", "ana"):
            assert ask(trino, "ana", every.format(table)) == [[ours.storm_id]]
        assert ask(trino, "ana", every.format(table)) == []  # from the moment that she is no member any more
    assert len(ask(trino, "lake-admin", every.format("events"))) == 2
    assert {row[0] for row in ask(trino, "ben", "SELECT username FROM members.sec.member_of_lake")} <= {"ben"}


@pytest.mark.parametrize(
    "statement",
    [
        'SELECT * FROM "events$files"',
        'SELECT * FROM "events$partitions"',
        'SELECT * FROM "events$snapshots"',
        "INSERT INTO events_late SELECT * FROM events",
        "DELETE FROM events",
        "CREATE TABLE mine AS SELECT * FROM events",
        "CREATE VIEW mine AS SELECT * FROM events",
        "DROP TABLE events",
        "ALTER TABLE events EXECUTE optimize",
        "CALL lake.system.rollback_to_snapshot('stormplay', 'events', 1)",
        "SELECT * FROM TABLE(members.system.query(query => 'SELECT username FROM sec.member_of_lake'))",
        "CALL members.system.execute(query => 'SELECT 1')",
        "SELECT * FROM TABLE(lake.system.table_changes('stormplay', 'events', 1, 2))",
        "SELECT * FROM system.runtime.queries",
        "SET SESSION AUTHORIZATION 'lake-admin'",
        "SET SESSION lake.projection_pushdown_enabled = false",
    ],
)
def test_trino_refuses_what_would_lead_around_the_filter(trino, statement):
    with pytest.raises(TrinoUserError) as refused:
        ask(trino, "ana", statement)
    # The second is what Trino says to upkeep of a table that is filtered.
    assert refused.value.error_name in ("PERMISSION_DENIED", "NOT_SUPPORTED"), refused.value


def test_upkeep_changes_no_row_and_a_company_can_be_taken_out(lake, trino):
    """What README.md tells `lake-admin` to do each night, and when a company leaves."""
    ours, theirs = lake.worlds
    before = rows(lake, "events").groupby("storm_id").size()
    files = len(lake.catalog.load_table((places.NAMESPACE, "events")).inspect.files())
    said = re.search(r"```sql\n(.*?)```", (flink_up.LAKEHOUSE / "README.md").read_text(), re.DOTALL)[1]
    for statement in said.strip().rstrip(";").split(";\n"):
        ask(trino, "lake-admin", statement)
    assert len(lake.catalog.load_table((places.NAMESPACE, "events")).inspect.files()) < files
    assert rows(lake, "events").groupby("storm_id").size().equals(before)
    with tenancy.session(theirs.tenant) as connection:
        gone = connection.info["tenant_id"]
    ask(trino, "lake-admin", f"DELETE FROM events WHERE tenant_id = '{gone}'")
    assert rows(lake, "events").groupby("storm_id").size().to_dict() == {ours.storm_id: before[ours.storm_id]}

"""Every table that knows a tenant, those of the newest migration too: nobody reads, changes, adds or removes there.

Each attack is first played by the administrator, whom no policy holds: there it reaches the rows, so it is an attack.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import psycopg2
import pytest
from photos import photo
from psycopg2 import sql
from sqlalchemy import text
from sqlalchemy.engine import make_url
from world import make_world

from stormplay import (
    IdentityGraph,
    JobTracker,
    NurtureLoop,
    ReportDesk,
    RouteBuilder,
    TreatmentPolicy,
    accounts,
    broker,
    quality,
    registry,
    slo,
    tenancy,
)
from stormplay import database as db
from stormplay.billing import closing, metering, subscribing
from stormplay.nurture import Rules
from stormplay.reports import history
from stormplay.reports.orders import orders
from stormplay.roads import estimated, keeping
from stormplay.slo import watching
from stormplay.streaming.applying import apply
from stormplay.streaming.events import Record

NOTEBOOK = Path(__file__).resolve().parents[1] / "notebooks" / "score.ipynb"

_TABLES = """
SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' ORDER BY 1
"""


@pytest.fixture(scope="module")
def sides(database, tmp_path_factory):
    """Two companies in which people have worked, and somebody who is an admin of the first alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORMPLAY_PICTURES", str(tmp_path_factory.mktemp("pictures")))
        mine, theirs = made(tmp_path_factory.mktemp("mine")), made(tmp_path_factory.mktemp("theirs"))
        accounts.add_person("trespasser", "Tres Passer", "hailstorm-1")
        accounts.add_member("trespasser", mine["slug"], "admin")
        yield mine, theirs


def made(tmp):
    world = make_world(treat=12, suppressed=1)
    builder = RouteBuilder(world.tenant, world.storm)
    builder.assign_crew(builder.generate_routes(time_limit_s=0.3)[0].route_id, "Crew Ray")
    tracker = JobTracker(world.tenant, world.storm)
    job = tracker.find(limit=1).iloc[0]
    tracker.update_job(job["job_id"], status="contacted", notes="A secret of ours.")
    tracker.add_photo(job["job_id"], photo("blue"))
    tracker.import_csv(
        f"job_id,status,new_status,new_note,seen_at\n{job['job_id']},contacted,inspected,x,2021-05-03 14:00\n"
    )
    with tenancy.session(world.tenant) as connection:
        connection.execute(text("UPDATE lead_uplift SET expected_uplift = 0.3"))
        connection.execute(text("UPDATE properties SET phone = '(817) 555-0142', email = 'owner@example.com'"))
        home = {"home": str(job["property_id"]), "storm": world.storm_id}
        connection.execute(text("""INSERT INTO policy_outcomes (property_id, storm_id, actual_converted)
                                   VALUES (:home, :storm, true)"""), home)  # fmt: skip
        connection.execute(text("""INSERT INTO customer_journeys (property_id, storm_id, channel, "timestamp")
                                   VALUES (:home, :storm, 'call', now())"""), home)  # fmt: skip
    loop = NurtureLoop(world.tenant, world.storm)
    loop.save_rules(Rules(holdout_share=0.2))
    loop.schedule()
    loop.pause()
    loop.resume()
    graph = IdentityGraph(world.tenant)
    graph.absorb()
    one, other = (graph.resolve_identity("property_id", home) for home in world.properties["property_id"].iloc[-2:])
    graph.undo(graph.merge(one, other).event_id)
    graph.merge(one, other)
    graph.separate([other])
    graph.block("phone", "(817) 555-0142", "the office's own")
    graph.erase_person(graph.resolve_identity("property_id", world.properties["property_id"].iloc[-3]), "asked")
    TreatmentPolicy(world.tenant, world.storm).apply()
    quality.run(world.tenant, world.storm)
    with tenancy.session(world.tenant) as connection:
        keeping.keep(connection, {"0" * 64: estimated(np.array([[32.8, -97.3], [32.9, -97.3]]))})
        registry.register(connection, "uplift", None, purpose="to be found by nobody else", code_version="1")
    with tenancy.as_person("local", "report"):
        (order,) = orders([NOTEBOOK], {}, tmp, "local", tenants=[world.tenant], storms=[world.storm])
    login = broker.open_kernel("local", 60, "report")
    history.begin(order, login.login, datetime.now(UTC))
    broker.close_kernel(login.login)
    ReportDesk(world.tenant, world.storm).request("score")
    stream(world)
    subscribing.subscribe(world.tenant, "starter", date(2024, 1, 1))
    closing.close_month(world.tenant, "2024-01")
    metering.record(world.tenant, "reports", "many", 90, datetime.now(UTC))
    metering.meter_all()
    alert(world)
    with db.transaction(db.admin_url()) as connection:
        found = connection.execute(text("SELECT tenant_id::text FROM sec.tenant_entry WHERE slug = :slug"),
                                   {"slug": world.tenant})  # fmt: skip
        return {"slug": world.tenant, "id": found.scalar_one()}


def stream(world):
    """An event, a letter, a position, and a mark of what was scored."""
    service = broker.open_service("stream", 60)
    topic, home = f"storm_events_{world.storm_id}", world.properties["property_id"].iloc[0]
    message = f'{{"event_id": "1", "type": "property_impacted", "property_id": "{home}", "sii_score": 70}}'
    values = [Record(topic, 0, number, 0, None, value) for number, value in enumerate((message.encode(), b"ours"))]
    with db.transaction(make_url(service.url)) as connection:
        assert apply(connection, "every table", values).dead == {"malformed": 1}
        connection.execute(text("INSERT INTO stream_rescores (storm_id, done_until) VALUES (:storm, '1'::xid8)"),
                           {"storm": world.storm_id})  # fmt: skip
    db.engine(make_url(service.url)).dispose()
    broker.close_kernel(service.login)


def alert(world):
    """An objective of their own, counts, an alert, and who is told of it."""
    slo.set_objective(world.tenant, "page_time", threshold=4.0)
    slo.add_contact(world.tenant, "boss@ours.example")
    with db.transaction(db.admin_url()) as connection:
        connection.execute(text("""INSERT INTO slo_counts
                                   SELECT tenant_id, 'page_time', date_trunc('minute', now()), 0, 99 FROM storms
                                    WHERE storm_id = :storm"""), {"storm": world.storm_id})  # fmt: skip
    watching.turn()


def tables():
    """At collection there is no database: the names are read from the migrations."""
    import re

    from stormplay import migrations

    every = "\n".join(file.sql for file in migrations.files())
    named = re.findall(r"CREATE TABLE (?:public\.)?(\w+) \(\n(?:.*\n)*?\);", every)
    return sorted({name for name in named if re.search(rf"CREATE TABLE (public\.)?{name} \(\n\s*tenant_id", every)})


def test_the_list_is_the_catalogues(sides):
    with db.transaction(db.admin_url()) as connection:
        assert set(connection.execute(text(_TABLES)).scalars()) == set(tables())


def count(cursor, table, tenant):
    cursor.execute(sql.SQL("SELECT count(*) FROM {} WHERE tenant_id = %s").format(sql.Identifier(table)), (tenant,))
    return cursor.fetchone()[0]


def texts(cursor):
    """All rows; bytes as they are, for a view of them prints where it is in memory."""
    return sorted(str([bytes(v) if isinstance(v, memoryview) else v for v in row]) for row in cursor.fetchall())


@pytest.mark.parametrize("table", tables())
def test_nobody_reaches_anothers_rows(table, sides, as_person):
    mine, theirs = sides
    name = sql.Identifier(table)
    admin = psycopg2.connect(db.admin_url().set(drivername="postgresql").render_as_string(hide_password=False))
    with admin, admin.cursor() as cursor:
        there = count(cursor, table, theirs["id"])
        cursor.execute(sql.SQL("SELECT * FROM {} WHERE tenant_id = %s").format(name), (theirs["id"],))
        columns = [column.name for column in cursor.description]
        before = texts(cursor)
    assert there > 0 or table in EMPTY, "there is something to reach"

    login = as_person("trespasser")
    attacks = [
        (sql.SQL("SELECT count(*) FROM {} WHERE tenant_id = %(theirs)s").format(name), 0),
        (sql.SQL("SELECT count(*) FROM {} WHERE tenant_id <> %(mine)s").format(name), 0),
        (sql.SQL("UPDATE {} SET tenant_id = %(mine)s WHERE tenant_id = %(theirs)s").format(name), None),
        (sql.SQL("DELETE FROM {} WHERE tenant_id = %(theirs)s").format(name), None),
        (sql.SQL("INSERT INTO {} (tenant_id) VALUES (%(theirs)s)").format(name), None),
        *((sql.SQL("UPDATE {} SET {} = {} WHERE tenant_id = %(theirs)s").format(name, one, one), "untouched")
          for one in map(sql.Identifier, columns)),
    ]  # fmt: skip
    for chosen in (mine["id"], theirs["id"]):
        for statement, expected in attacks:
            link = psycopg2.connect(login.url)
            try:
                with link, link.cursor() as cursor:
                    cursor.execute("SELECT set_config('app.tenant_id', %s, true)", (chosen,))
                    cursor.execute(statement, {"mine": mine["id"], "theirs": theirs["id"]})
                    got = cursor.fetchone()[0] if cursor.description else cursor.rowcount
                    assert got == 0, statement.as_string(link)
                    assert expected is not None, f"{statement.as_string(link)} was taken"
            except psycopg2.Error as error:
                assert error.pgcode in ("42501", "428C9", "23502"), error  # refused; a key's column or a generated one
            finally:
                link.close()
    with admin, admin.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT * FROM {} WHERE tenant_id = %s").format(name), (theirs["id"],))
        assert texts(cursor) == before
    admin.close()


# Tables of which this world has no rows, and why that is no hole: the statements are refused all the same.
EMPTY = {"nurture_outbox", "nurture_plans", "policy_outcomes"}

"""What is counted, by whom, and that a retry counts once."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from counted import admin, counts, put, rows, tenant_id
from sqlalchemy import text
from sqlalchemy.engine import make_url
from world import as_administrator, guests, make_world

from stormplay import RouteBuilder, accounts, broker, database, planning, retention, routes, slo, tenancy
from stormplay.errors import BadInput, Conflict, DatabaseUnavailable
from stormplay.slo import SERVICES, watching
from stormplay.slo.recording import PageView, Recorder
from stormplay.streaming import objectives as stream_objectives


@pytest.fixture
def company(database):
    """A company of its own with two members."""
    slug = f"counted-{uuid4().hex[:8]}"
    accounts.add_tenant(slug, "Counted Roofing", is_synthetic=True)
    with guests(slug, "analyst", "ana", "vic"):
        yield slug


def view(tenant, seconds=1.0, outcome="whole", person="ana", ago_s=0):
    at = datetime.now(UTC) - timedelta(seconds=ago_s)
    return PageView(person, tenant, at.isoformat(), seconds, outcome)


def test_the_defaults_of_the_database_are_those_of_the_code(database):
    found = {row["service"]: (row["target"], row["threshold"]) for row in rows("SELECT * FROM sec.slo_service")}
    assert found == {one.name: (one.target, one.threshold) for one in SERVICES.values()}


def test_pages_are_counted_for_members_of_the_company_alone(company):
    recorder = Recorder()
    for one in (
        view(company, 4.9), view(tenant_id(company), 5.0), view(company, 5.1), view(company, 1.0, "failed"),
        view(company, 2.0, "left"), view(company, 9.0, "left"),
        view(company, person="ben"), view("no-such-company"), view(company, person="nobody-of-that-name"),
        view(company, ago_s=8 * 86_400),
    ):  # fmt: skip
        recorder.add(one)
    assert recorder.hand_over() == 5
    assert counts(company, "page_time") == (2, 5)
    assert recorder.waiting == 0


def test_a_page_without_a_company_is_that_of_a_person_who_has_one(database):
    slug, person = f"only-{uuid4().hex[:6]}", f"only{uuid4().hex[:6]}"
    accounts.add_tenant(slug, "Only Roofing", is_synthetic=True)
    accounts.add_person(person, "Only One", None)
    accounts.add_member(person, slug, "viewer")
    recorder = Recorder()
    recorder.add(view("", person=person))
    recorder.add(view("", person="vic"))  # a member of several: nobody knows which
    assert recorder.hand_over() == 1
    assert counts(slug, "page_time") == (1, 1)


def test_a_batch_counts_once_and_waits_for_the_database(company, monkeypatch):
    recorder = Recorder()
    recorder.add(view(company))
    whole = database_transaction = database.transaction

    @contextmanager
    def lost(*given, **more):
        """Committed, and then the line is lost before anybody knows."""
        with database_transaction(*given, **more) as connection:
            yield connection
        raise DatabaseUnavailable("The line was lost.")

    monkeypatch.setattr(database, "transaction", lost)
    with pytest.raises(DatabaseUnavailable):
        recorder.hand_over()
    assert recorder.waiting == 1
    recorder.add(view(company))
    monkeypatch.setattr(database, "transaction", whole)
    assert recorder.hand_over() == 1, "the first batch is known"
    assert counts(company, "page_time") == (2, 2)


def test_a_companys_own_threshold_and_switch_hold(company, as_person):
    as_administrator(accounts.add_member, "ana", company, "admin")
    as_person("ana")
    slo.set_objective(company, "page_time", threshold=2.0)
    assert slo.set_objective(company, "page_time", target=0.95).threshold == 2.0, "the rest stays"
    recorder = Recorder()
    recorder.add(view(company, 3.0))
    _as_broker(recorder.hand_over)
    assert counts_as_admin(company) == (0, 1)
    slo.set_objective(company, "page_time", is_on=False)
    recorder.add(view(company, 1.0))
    assert _as_broker(recorder.hand_over) == 0
    assert slo.standing(company).frame.set_index("service").loc["page_time", "state"] == "switched off"


def _as_broker(act):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("STORMPLAY_DATABASE_URL", raising=False)
        return act()


def counts_as_admin(company):
    return _as_broker(lambda: counts(company, "page_time"))


def test_plans_are_counted_and_refusals_are_not(database, monkeypatch):
    world = make_world(treat=10, suppressed=0, without_place=1)
    builder = RouteBuilder(world.tenant, world.storm)
    builder.generate_routes(time_limit_s=0.2)
    assert counts(world.tenant, "route_generation") == (1, 1)
    with pytest.raises(BadInput):
        builder.generate_routes(0)

    def busy(*_):
        raise Conflict("Somebody else is generating.")

    monkeypatch.setattr(routes, "lock_storm", busy)
    with pytest.raises(Conflict):
        builder.generate_routes(time_limit_s=0.2)
    assert counts(world.tenant, "route_generation") == (1, 1)
    monkeypatch.setattr(routes, "lock_storm", planning.lock_storm)

    def broken(*_, **__):
        raise RuntimeError("the solver fell over")

    monkeypatch.setattr(routes, "solve_stops", broken)
    with pytest.raises(RuntimeError):
        builder.generate_routes(time_limit_s=0.2)
    assert counts(world.tenant, "route_generation") == (1, 2)


def test_reports_are_counted_by_how_they_end(database):
    world = make_world(treat=3, suppressed=0, without_place=1)
    values = {"t": tenant_id(world.tenant), "s": world.storm_id}
    endings = [("fresh", None), ("failed", "x"), ("stale", "x"), ("timed out", "x"), ("killed", "It was ended."),
               ("killed", "The report was stopped. The last good one was left as it is.")]  # fmt: skip
    for status, error in endings:
        with admin() as connection:
            run = connection.execute(
                text("""INSERT INTO report_runs (tenant_id, storm_id, notebook, destination, parameters,
                            as_of, username) VALUES
                            (CAST(:t AS uuid), CAST(:s AS uuid), 'score', 'x', '{}', now(), 'ana')
                        RETURNING run_id"""), values).scalar_one()  # fmt: skip
            end = text("SELECT sec.end_report(CAST(:t AS uuid), :run, :status, 1, 1, NULL, NULL, NULL, NULL, :error)")
            told = values | {"run": run, "status": status, "error": error}
            assert connection.execute(end, told).scalar_one()
            assert not connection.execute(end, told).scalar_one(), "a second end is none"
    assert counts(world.tenant, "report_success") == (1, 5), "what somebody stopped is no event"


def test_looks_at_reports_find_the_old_ones(database):
    world = make_world(treat=3, suppressed=0, without_place=1)
    values = {"t": tenant_id(world.tenant), "s": world.storm_id}

    def made(hours_ago, notebook="score"):
        with admin() as connection:
            connection.execute(
                text("""INSERT INTO report_runs (tenant_id, storm_id, notebook, destination, parameters,
                            as_of, username,
                            status, started_at, ended_at)
                        SELECT CAST(:t AS uuid), CAST(:s AS uuid), :notebook, 'x', '{}', now(), 'ana', 'fresh', at, at
                          FROM (SELECT now() - make_interval(hours => :ago) AS at) a"""),
                values | {"ago": hours_ago, "notebook": notebook})  # fmt: skip

    made(30)
    watching.turn()
    assert counts(world.tenant, "report_freshness") == (0, 0), "made once by hand: nobody expects it again"
    made(60)
    watching.turn()
    watching.turn()
    good, total = counts(world.tenant, "report_freshness")
    assert (good, total) in ((0, 1), (0, 2)), "30 hours are too old; one look in five minutes, however often one looks"
    made(1)
    with admin() as connection:
        connection.execute(text("DELETE FROM slo_counts WHERE tenant_id = CAST(:t AS uuid)"), values)
    watching.turn()
    assert counts(world.tenant, "report_freshness") == (1, 1)


@contextmanager
def stream_service():
    login = broker.open_service("stream", 60)
    try:
        with database.transaction(make_url(login.url)) as connection:
            yield connection
    finally:
        database.engine(make_url(login.url)).dispose()
        broker.close_kernel(login.login)


def test_the_stream_tells_how_far_it_is_behind(database):
    one, other = (make_world(treat=3, suppressed=0, without_place=1) for _ in range(2))
    lag = {(f"storm_events_{one.storm_id}", 0): (10, 60), (f"storm_events_{one.storm_id}", 1): (0, 50),
           (f"storm_events_{other.storm_id}", 0): (0, 20_000), ("elsewhere", 0): (0, 9),
           (f"storm_events_{uuid4()}", 0): (0, 9)}  # fmt: skip
    with stream_service() as connection:
        assert stream_objectives.look(connection, lag) == 2
        stream_objectives.look(connection, lag)
    good, total = counts(one.tenant, "stream_lag")
    assert good == total and total in (1, 2), "one look a minute"
    assert counts(other.tenant, "stream_lag")[0] == 0

    # It dies: its login stays, and nobody looks.
    with admin() as connection:
        connection.execute(text("UPDATE sec.login SET opened_at = now() WHERE purpose = 'service stream'"))  # others'
        connection.execute(text("UPDATE sec.slo_beat SET beat_at = now() - interval '4 minutes'"))
        connection.execute(text("""UPDATE slo_counts SET bucket_at = bucket_at - interval '5 minutes'
                                    WHERE service = 'stream_lag'"""))  # fmt: skip
    watching.turn()
    assert counts(one.tenant, "stream_lag") == (good, total), "it has said goodbye"
    login = broker.open_service("stream", 600)
    try:
        with admin() as connection:
            connection.execute(text("""UPDATE sec.login SET opened_at = now() - interval '10 minutes'
                                        WHERE login = :login"""), {"login": login.login})  # fmt: skip
        watching.turn()
        assert counts(one.tenant, "stream_lag") == (good, total + 1), "a minute of silence"
    finally:
        broker.close_kernel(login.login)


def test_beliefs_that_rest_on_old_events_are_not_fresh(database):
    world = make_world(treat=3, suppressed=0, without_place=1)
    values = {"t": tenant_id(world.tenant), "s": world.storm_id}
    with admin() as connection:
        connection.execute(text("INSERT INTO stream_positions VALUES (CAST(:t AS uuid), CAST(:s AS uuid), 0, 1, 1)"),
                           values)  # fmt: skip
        connection.execute(text("""INSERT INTO stream_events (tenant_id, storm_id, event_id, event_type, event_at,
                                       applied_at)
                                   VALUES (CAST(:t AS uuid), CAST(:s AS uuid), 'e', 'property_impacted', now(),
                                       now() - interval '20 minutes')"""), values)  # fmt: skip
    watching.turn()
    assert counts(world.tenant, "data_freshness")[0] == 0 and counts(world.tenant, "data_freshness")[1] >= 1
    with admin() as connection:
        connection.execute(text("""INSERT INTO stream_rescores (tenant_id, storm_id, done_until)
                                   VALUES (CAST(:t AS uuid), CAST(:s AS uuid), pg_current_xact_id())"""),
                           values)  # fmt: skip
        connection.execute(text("DELETE FROM slo_counts WHERE tenant_id = CAST(:t AS uuid)"), values)
    watching.turn()
    assert counts(world.tenant, "data_freshness") == (1, 1)


def test_minutes_become_hours_and_nothing_is_lost(company):
    for minutes in (0, 1, 300, 500, 501, 2_000):
        put(company, "page_time", 2, 3, minutes)
    watching.fold()
    assert counts(company, "page_time") == (12, 18)
    old = rows("""SELECT count(*) AS n FROM slo_counts WHERE tenant_id = CAST(:t AS uuid)
                     AND extract(minute FROM bucket_at) <> 0 AND bucket_at < now() - interval '8 hours'""",
               t=tenant_id(company))  # fmt: skip
    assert old[0]["n"] == 0
    assert watching.fold() == 0
    recorder = Recorder()
    recorder.add(view(company, ago_s=9 * 3_600))
    recorder.hand_over()
    assert watching.fold() == 0, "what comes late goes to its hour"
    put(company, "page_time", 1, 1, 60 * 24 * 60)
    (gone,) = retention.retire(
        {"slo": 40}, is_real=True, rules=[rule for rule in retention.RULES if rule.name == "slo"]
    )
    assert gone.count >= 1
    assert counts(company, "page_time") == (13, 19)


def test_counts_by_their_own_functions_are_not_written_down_twice(company):
    recorder = Recorder()
    recorder.add(view(company))
    recorder.hand_over()
    query = "SELECT count(*) AS n FROM sec.audit_entry WHERE table_name = 'slo_counts' AND tenant_id = CAST(:t AS uuid)"
    assert rows(query, t=tenant_id(company))[0]["n"] == 0
    put(company, "page_time", 1, 1, 3)
    assert rows(query, t=tenant_id(company))[0]["n"] >= 1, "another hand is"


def test_a_companys_standing_reads_under_its_own_rights(company, as_person):
    put(company, "page_time", 990, 1_000, 60)
    as_person("ana")
    found = slo.standing(company)
    row = found.frame.set_index("service").loc["page_time"]
    assert (row["good"], row["total"], row["attained"]) == (990, 1_000, 0.99)
    assert row["budget_left"] == pytest.approx(0) and row["state"] == "used up"
    assert found.sentence.startswith("1 of 1 measured objectives in danger: Pages.")
    with tenancy.session(company) as connection:
        assert tenancy.frame(connection, "SELECT count(*) AS n FROM slo_counts")["n"].iloc[0] == 1

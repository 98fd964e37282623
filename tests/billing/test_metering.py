"""What is counted, from the work itself: once, whole, in the transaction that does it; caps and warnings."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from threading import Event, Thread

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from world import make_world

from stormplay import JobTracker, RouteBuilder, accounts, billing, broker, tenancy
from stormplay import database as db
from stormplay.billing import metering, subscribing
from stormplay.errors import BadInput, CapReached
from stormplay.streaming.applying import apply
from stormplay.streaming.events import Record

TERM = {"per": 1, "tiers": [{"up_to": None, "micros": 1_000_000}]}


@pytest.fixture
def world(database):
    return make_world(treat=24, hold_out=4, skip=2, suppressed=0, without_place=0)


def counted(world, meter):
    with tenancy.session(world.tenant) as connection:
        rows = connection.execute(text("SELECT quantity FROM usage_events WHERE meter = :meter"), {"meter": meter})
        live = connection.execute(
            text(
                "SELECT coalesce(sum(quantity), 0) FROM sec.my_usage('2000-01-01', '2100-01-01') WHERE meter = :meter"
            ),
            {"meter": meter},
        ).scalar_one()
        total = sum(rows.scalars())
    assert live == total  # summed up or not
    return total


def test_a_home_is_a_routed_stop_once_a_storm(world):
    builder = RouteBuilder(world.tenant, world.storm)
    stops = sum(route.property_count for route in builder.generate_routes(max_per_route=10, time_limit_s=0.2))
    assert counted(world, "routed_stops") == stops == 24
    builder.generate_routes(max_per_route=7, time_limit_s=0.2)  # planned anew
    home = builder.get_routes().iloc[0]
    assert counted(world, "routed_stops") == 24 and home["property_count"] <= 7
    stop = world.properties["property_id"].iloc[0]
    builder.take_off(stop)
    builder.add_stop(stop)
    assert counted(world, "routed_stops") == 24


def test_what_is_rolled_back_is_not_counted(world):
    with pytest.raises(RuntimeError), tenancy.session(world.tenant) as connection:
        connection.execute(text("UPDATE lead_uplift SET scored_at = now()"))
        raise RuntimeError
    assert counted(world, "scored_properties") == 30  # those that the world was made with


def test_a_scoring_is_one_event_a_storm_however_many_parts_it_is_written_in(world):
    with tenancy.session(world.tenant) as connection:
        for half in ("<", ">="):
            connection.execute(
                text(f"UPDATE lead_uplift SET storm_id = :storm, scored_at = now() WHERE expected_uplift {half} 0.2"),
                {"storm": world.storm_id},
            )
    with tenancy.session(world.tenant) as connection:
        query = "SELECT quantity FROM usage_events WHERE meter = 'scored_properties' AND event_key LIKE :storm"
        assert connection.execute(text(query), {"storm": f"{world.storm_id}:%"}).scalars().all() == [30]


def test_a_report_counts_when_it_ended_fresh_and_once(world):
    with db.transaction(db.admin_url()) as connection:
        runs = connection.execute(
            text("""INSERT INTO report_runs (tenant_id, storm_id, notebook, destination, parameters, as_of, username)
                    SELECT tenant_id, storm_id, 'score', 'here', '{}', now(), 'local' FROM storms
                     CROSS JOIN generate_series(1, 3) WHERE storm_id = :storm RETURNING tenant_id, run_id"""),
            {"storm": world.storm_id},
        ).all()
    assert counted(world, "reports") == 0
    with db.transaction(db.broker_url()) as connection:
        for status, (tenant, run) in zip(("fresh", "failed", "fresh"), runs, strict=True):
            for _ in range(2):  # a second word about a run is refused, and changes no count
                connection.execute(
                    text("SELECT sec.end_report(:t, :r, :s, 1, 1, 1, now(), '{}', '{}', NULL)"),
                    {"t": tenant, "r": run, "s": status},
                )
    assert counted(world, "reports") == 2


def test_who_changes_something_is_active_once_and_who_reads_is_not(world, as_person):
    accounts.add_person("counter", "Con Ter", "long-enough-1")
    accounts.add_member("counter", world.tenant, "operator")
    before = counted(world, "active_users")
    as_person("counter")
    tracker = JobTracker(world.tenant, world.storm)
    tracker.find(limit=1)
    assert counted(world, "active_users") == before
    for _ in range(3):
        RouteBuilder(world.tenant, world.storm).generate_routes(time_limit_s=0.1)
    assert counted(world, "active_users") == before + 1


def test_the_streams_events_count_as_often_as_they_are_new(world):
    topic, homes = f"storm_events_{world.storm_id}", list(world.properties["property_id"][:20])
    values = [f'{{"event_id": "{n}", "type": "property_impacted", "property_id": "{home}", "sii_score": 70}}'.encode()
              for n, home in enumerate(homes)]  # fmt: skip
    service = broker.open_service("stream", 60)
    people = counted(world, "active_users")
    for first, batch in ((0, values), (20, values)):  # the second is the first, delivered again
        with db.transaction(make_url(service.url)) as connection:
            apply(connection, f"metering {world.tenant}",
                  [Record(topic, 0, first + n, 0, None, value) for n, value in enumerate(batch)])  # fmt: skip
    db.engine(make_url(service.url)).dispose()
    broker.close_kernel(service.login)
    assert counted(world, "stream_events") == 20 and counted(world, "active_users") == people  # a service is nobody


def test_storage_is_measured_once_a_day(world):
    metering.meter_all()
    first = counted(world, "storage_bytes")
    with tenancy.session(world.tenant) as connection:
        connection.execute(text("UPDATE properties SET address = repeat('x', 5000)"))
    assert metering.meter_all().measured == 0
    assert counted(world, "storage_bytes") == first > 30 * 100


def test_a_rollup_that_is_ended_half_way_has_not_begun(world):
    with db.transaction(db.admin_url()) as connection:
        waiting = connection.execute(text("SELECT count(*) FROM sec.usage_pending")).scalar_one()
    with pytest.raises(RuntimeError), db.transaction(db.broker_url()) as connection:
        assert connection.execute(text("SELECT sec.roll_up_usage()")).scalar_one() > 0
        raise RuntimeError
    with db.transaction(db.admin_url()) as connection:
        assert connection.execute(text("SELECT count(*) FROM sec.usage_pending")).scalar_one() == waiting > 0
    before = counted(world, "scored_properties")
    assert metering.meter_all().hours > 0 and metering.meter_all().hours == 0
    assert counted(world, "scored_properties") == before


def test_events_that_are_committed_while_it_sums_up_are_not_lost(world):
    """Many who count, and two who sum up, at once."""
    stop = Event()

    def sum_up():
        while not stop.is_set():
            with db.transaction(db.broker_url()) as connection:
                connection.execute(text("SELECT sec.roll_up_usage()"))

    def count(who):
        for n in range(20):
            metering.record(world.tenant, "reports", f"{who}-{n // 2}", 1, datetime.now(UTC))

    summing = [Thread(target=sum_up) for _ in range(2)]
    counting = [Thread(target=count, args=(who,)) for who in range(3)]
    for thread in (*summing, *counting):
        thread.start()
    for thread in counting:
        thread.join()
    stop.set()
    for thread in summing:
        thread.join()
    assert counted(world, "reports") == 30
    metering.meter_all()
    assert counted(world, "reports") == 30


def test_a_key_counts_once_and_what_cannot_be_counted_is_refused(world):
    now = datetime.now(UTC)
    assert metering.record(world.tenant, "reports", "one", 2, now, {"from": "elsewhere"})
    assert not metering.record(world.tenant, "reports", "one", 5, now)
    assert counted(world, "reports") == 2
    for bad in (("doors", "k", 1, now), ("reports", "", 1, now), ("reports", "k", -1, now),
                ("reports", "k", 1, datetime(2024, 1, 1))):  # fmt: skip
        with pytest.raises(BadInput):
            metering.record(world.tenant, *bad)


def subscribed(world, **terms):
    name = world.tenant
    subscribing.add_plan(name, 0, {meter: TERM | term for meter, term in terms.items()})
    subscribing.subscribe(world.tenant, name, date.today().replace(day=1) - timedelta(days=40))


def test_a_plan_beyond_the_cap_is_refused_before_it_begins(world, monkeypatch):
    subscribed(world, routed_stops={"included": 5, "cap": 23})
    solved = []
    monkeypatch.setattr("stormplay.routes.solve_stops", lambda *_, **__: solved.append(1))
    builder = RouteBuilder(world.tenant, world.storm)
    with pytest.raises(
        CapReached, match=r"allows 23 routed stops in .*; 0 are used, and this needs 24 more\. Nothing was begun"
    ):
        builder.generate_routes()
    assert not solved and builder.get_routes().empty and counted(world, "routed_stops") == 0


def test_what_is_planned_anew_needs_no_room(world):
    builder = RouteBuilder(world.tenant, world.storm)
    builder.generate_routes(time_limit_s=0.1)
    subscribed(world, routed_stops={"included": 5, "cap": 24})
    assert builder.generate_routes(time_limit_s=0.1)
    frame = billing.standing(world.tenant).frame.set_index("meter")
    assert "The cap of 24 homes is reached" in frame.loc["routed_stops", "warning"]


def test_a_report_beyond_the_cap_is_refused_and_leaves_no_run(world, tmp_path):
    from pathlib import Path

    from stormplay.reports import run

    subscribed(world, reports={"included": 1, "cap": 1})
    metering.record(world.tenant, "reports", "before", 1, datetime.now(UTC))
    notebook = Path(__file__).resolve().parents[2] / "notebooks" / "score.ipynb"
    with pytest.raises(CapReached, match="allows 1 reports") as refused:
        run(notebook, {"tenant": world.tenant, "storm": world.storm}, tmp_path / "out")
    assert refused.value.exit_code == 7 and not list(tmp_path.rglob("*.html"))
    with tenancy.session(world.tenant) as connection:
        assert connection.execute(text("SELECT count(*) FROM report_runs")).scalar_one() == 0


def test_it_warns_at_eighty_and_at_a_hundred_once_each(world):
    subscribed(world, reports={"included": 10}, stream_events={"included": 10})

    def warned():
        metering.meter_all()
        with tenancy.session(world.tenant) as connection:
            rows = connection.execute(text("SELECT meter, level, said FROM usage_warnings ORDER BY meter, level")).all()
        return [(meter, level) for meter, level, _ in rows], [said for *_, said in rows]

    for n, levels in ((7, []), (8, [80]), (9, [80]), (10, [80, 100]), (15, [80, 100])):
        metering.record(world.tenant, "reports", f"up to {n}", n - int(counted(world, "reports")), datetime.now(UTC))
        found, said = warned()
        assert found == [("reports", level) for level in levels]
        assert all("Reports: " in one and "is used. What is more is charged." in one for one in said)
    row = billing.standing(world.tenant).frame.set_index("meter").loc["reports"]
    assert row["share"] == 1.5 and row["warning"].startswith("150 % of the 10 reports included")


def test_the_database_and_the_bill_agree_on_what_is_included(world):
    """Two reckon it: the one that warns and refuses, and the one that bills; also where the plan changes."""
    first = date.today().replace(day=1)
    for name, included in (("one", 1_000), ("two", 77)):
        terms = {meter: TERM | {"included": included} for meter in ("reports", "active_users", "routed_stops")}
        subscribing.add_plan(f"{name}-{world.tenant}", 0, terms)
    subscribing.subscribe(world.tenant, f"one-{world.tenant}", first - timedelta(days=40))
    subscribing.subscribe(world.tenant, f"two-{world.tenant}", first + timedelta(days=9))
    month = f"{first:%Y-%m}"
    frame = billing.standing(world.tenant, month).frame.set_index("meter")
    with db.transaction(db.admin_url()) as connection:
        rows = connection.execute(
            text("""SELECT s.meter, s.used, s.included FROM sec.tenant_entry t
                     CROSS JOIN LATERAL sec.usage_standing(t.tenant_id, :month, :month) s WHERE t.slug = :slug"""),
            {"month": first, "slug": world.tenant},
        ).all()
    assert {(row.meter, row.used, row.included) for row in rows} == {
        (meter, frame.loc[meter, "used"], frame.loc[meter, "included"])
        for meter in ("reports", "active_users", "routed_stops")
    }


def test_without_a_plan_usage_is_counted_and_nothing_is_billed(world):
    found = billing.standing(world.tenant)
    assert found.plan == "" and found.estimate_cents == 0 and found.invoices.empty
    assert "nothing is billed" in found.sentence
    assert found.frame.set_index("meter").loc["scored_properties", "used"] == 30

"""RouteBuilder on a real database: one transaction, started routes kept, nothing lost, the ledger adds up."""

from __future__ import annotations

import csv
import io
import threading

import pytest
from sqlalchemy import text
from world import make_world

from stormplay import JobTracker, RouteBuilder, planning, tenancy
from stormplay.errors import BadInput, Cancelled, Conflict, NothingToRoute, UnknownRoute, UnknownStorm, UnknownTenant

FAST = {"time_limit_s": 0.3}


@pytest.fixture
def world(database):
    return make_world()


@pytest.fixture
def builder(world):
    return RouteBuilder(world.tenant, world.storm)


def rows(world, query, **parameters):
    with tenancy.session(world.tenant) as connection:
        return connection.execute(text(query), parameters).all()


def change(world, statement, **parameters):
    with tenancy.session(world.tenant) as connection:
        connection.execute(text(statement), parameters)


def state(world):
    """Everything a failed generation must leave as it was."""
    return [
        rows(world, f"SELECT * FROM {table} ORDER BY 1, 2, 3")
        for table in ("routes", "route_properties", "jobs", "routing_runs")
    ]


def test_no_crew_works_longer_than_the_shift(builder):
    builder.generate_routes(visit_type="inspection", shift_minutes=480, **FAST)
    found = builder.get_routes()
    assert found["work_minutes"].max() <= 480 and found["property_count"].max() <= 7
    assert found["property_count"].sum() == 115


def test_a_run_keeps_what_it_was_asked_for_and_why_stops_are_on_no_route(world, builder):
    assert builder.made_with == {}
    far = builder.get_ledger().set_index("outcome").loc["ready", "properties"]
    homes = rows(world, "SELECT property_id FROM policy_decisions_log WHERE decision = 'treat' LIMIT 30")
    change(world, "UPDATE properties SET latitude = 34.2 WHERE property_id = ANY (:homes) AND latitude IS NOT NULL",
           homes=[row.property_id for row in homes])  # fmt: skip
    builder.generate_routes(visit_type="adjuster", shift_minutes=480, balance=0.1, territory_m=200.0, **FAST)
    made = builder.made_with
    wanted = {"visit_type": "adjuster", "shift_minutes": 480, "balance": 0.1, "territory_m": 200.0, "max_per_route": 50}
    assert made | wanted == made
    (reason,) = made["left_out"]
    assert reason == "driving there and the visit alone take longer than the longest day"
    routed = builder.get_routes()["property_count"].sum()
    assert made["left_out"][reason] == far - routed > 20
    assert set(builder.get_routes()["visit_type"]) == {"adjuster"}
    assert builder.get_routes()["work_minutes"].max() <= 480
    with pytest.raises(BadInput, match="no visit type 'swim'"):
        builder.generate_routes(visit_type="swim")


def test_a_shift_that_reaches_nobody_changes_nothing(world, builder):
    builder.generate_routes(**FAST)
    before = state(world)
    with pytest.raises(NothingToRoute, match="No stop can be put on a route") as refused:
        builder.generate_routes(visit_type="inspection", shift_minutes=60, **FAST)
    assert "minutes alone" in str(refused.value) and state(world) == before
    with pytest.raises(BadInput, match="shift_minutes is -1"):
        builder.generate_routes(shift_minutes=-1, **FAST)


def test_only_treated_homes_are_routed_each_once(world, builder):
    routes = builder.generate_routes(max_per_route=25, **FAST)
    stops = builder.get_stops()
    assert stops["property_id"].is_unique
    decided = dict(rows(world, "SELECT property_id::text, decision FROM policy_decisions_log"))
    assert {decided[property_id] for property_id in stops["property_id"]} == {"treat"}
    assert len(stops) == 120 - 3 - 2  # treated, less those who said no, less those without coordinates
    assert max(route.property_count for route in routes) <= 25
    assert sum(route["property_count"] for route in routes) == len(stops)
    jobs = rows(world, "SELECT property_id::text, route_id::text, status FROM jobs")
    assert {(p, r) for p, r, _ in jobs} == set(zip(stops["property_id"], stops["route_id"], strict=True))
    assert {status for *_, status in jobs} == {"scheduled"}


def test_the_seeds_query_sees_what_is_routed(world, builder):
    """The data contract of the seed, as written: what it lists is what may be routed, one row a home."""
    listed = rows(world, """
        SELECT p.property_id, p.zip_code, p.latitude, p.longitude, lu.expected_uplift, pdl.decision
          FROM properties p
          JOIN lead_uplift lu ON p.property_id = lu.property_id
          JOIN policy_decisions_log pdl ON p.property_id = pdl.property_id
         WHERE pdl.decision = 'treat' AND pdl.storm_id = :storm_id""", storm_id=world.storm_id)  # fmt: skip
    assert len(listed) == 120
    builder.generate_routes(**FAST)
    assert set(builder.get_stops()["property_id"]) <= {str(row.property_id) for row in listed}


def test_a_stored_route_tells_the_truth_about_its_stops(builder):
    routes = builder.generate_routes(max_per_route=30, **FAST)
    shown, stops = builder.get_routes(), builder.get_stops()
    assert list(shown["route_id"]) == [route.route_id for route in routes]
    for row in shown.itertuples():
        mine = stops[stops["route_id"] == row.route_id]
        assert list(mine["sequence_order"]) == list(range(1, row.property_count + 1))
        assert row.avg_uplift == pytest.approx(mine["expected_uplift"].mean())
        assert row.zip_code in set(mine["zip_code"])
        assert row.distance_m > 0
        assert row.drive_minutes > 0
        assert row.status == "planned"
    assert shown["avg_uplift"].is_monotonic_decreasing


def test_the_ledger_adds_up_before_and_after(world, builder):
    before = builder.get_ledger()
    builder.generate_routes(**FAST)
    after = builder.get_ledger()
    for ledger in (before, after):
        assert ledger["properties"].sum() == 150
    count = dict(zip(after["outcome"], after["properties"], strict=True))
    assert count == {"routed": 115, "held back": 20, "skipped": 10, "suppressed": 3, "without coordinates": 2}
    assert dict(zip(before["outcome"], before["properties"], strict=True))["ready"] == 115


def test_generating_again_replaces_what_nobody_has_begun(world, builder):
    first = builder.generate_routes(max_per_route=50, **FAST)
    second = builder.generate_routes(max_per_route=20, **FAST)
    assert not {route.route_id for route in first} & {route.route_id for route in second}
    assert set(builder.get_routes()["route_id"]) == {route.route_id for route in second}
    assert len(builder.get_stops()) == 115
    assert rows(world, "SELECT count(*) FROM jobs")[0][0] == 115
    kept = rows(world, "SELECT replaced_plan FROM routing_runs ORDER BY made_at")[-1][0]
    assert sum(len(route["stops"]) for route in kept) == 115


def test_a_plan_is_compared_with_the_one_that_it_replaced(world, builder):
    assert builder.get_revision() is None
    builder.generate_routes(max_per_route=50, **FAST)
    assert builder.get_revision() is None, "it replaced none"
    before = builder.get_stops().merge(builder.get_routes()[["route_id", "route_name"]], on="route_id")
    distance_before_m = builder.get_routes()["distance_m"].sum()
    gone = before["property_id"].iloc[0]
    change(world, "INSERT INTO suppressions (property_id, channel, reason) VALUES (:p, 'door', 'said no')", p=gone)
    builder.generate_routes(max_per_route=30, **FAST)
    found = builder.get_revision()
    now = builder.get_stops()
    assert found.left == [str(gone)]
    assert found.replaced_count == before["route_name"].nunique()
    assert len(found.stops) == len(now) == 114
    then = before.set_index(before["property_id"].astype(str))["route_name"]
    assert (found.stops["before"] == found.stops["property_id"].map(then)).all()
    assert found.count("stayed") + found.count("moved") == 114
    assert found.count("new") == 0
    assert found.routes["stops"].sum() == 114
    assert found.distance_before_m == pytest.approx(distance_before_m)
    assert found.distance_m == pytest.approx(builder.get_routes()["distance_m"].sum())


def test_a_started_route_is_kept_with_its_stops_and_order(world, builder):
    builder.generate_routes(max_per_route=25, **FAST)
    routes = builder.get_routes()
    started, done, by_hand = routes["route_id"].iloc[:3]
    one = "(SELECT job_id FROM jobs WHERE route_id = :r LIMIT 1)"
    change(world, f"UPDATE jobs SET status = 'inspected' WHERE job_id = {one}", r=started)
    change(world, "UPDATE jobs SET status = 'completed', completed_at = now() WHERE route_id = :r", r=done)
    change(world, "UPDATE routes SET status = 'started' WHERE route_id = :r", r=by_hand)
    locked = {route: builder.get_stops(route)[["property_id", "sequence_order"]] for route in (started, done, by_hand)}
    builder.generate_routes(max_per_route=40, **FAST)
    for route, before in locked.items():
        assert builder.get_stops(route)[["property_id", "sequence_order"]].equals(before)
    stops = builder.get_stops()
    assert stops["property_id"].is_unique
    assert len(stops) == 115
    after = builder.get_routes().set_index("route_id")
    assert after.loc[[started, done, by_hand], "status"].tolist() == ["started", "done", "started"]
    assert after.loc[done, "completed_count"] == after.loc[done, "property_count"]
    assert after["route_name"].is_unique


def test_a_route_with_a_note_stays_with_its_note(world, builder):
    builder.generate_routes(max_per_route=25, **FAST)
    noted = builder.get_routes()["route_id"].iloc[0]
    jobs, home = JobTracker(world.tenant, world.storm), str(builder.get_stops(noted)["property_id"].iloc[0])
    jobs.update_job(jobs.get_job(home)["job_id"], notes="Gate code 1234")
    builder.generate_routes(max_per_route=40, **FAST)
    assert builder.get_routes().set_index("route_id").loc[noted, "status"] == "started"
    assert "Gate code 1234" in str(jobs.get_job(home)["notes"]) and builder.get_stops()["property_id"].is_unique


def test_a_crew_goes_with_the_stops_it_had(builder):
    builder.generate_routes(max_per_route=25, **FAST)
    route = builder.get_routes()["route_id"].iloc[1]
    had = set(builder.get_stops(route)["property_id"])
    builder.assign_crew(route, "Crew Alvarez")
    builder.generate_routes(max_per_route=25, **FAST)
    shown = builder.get_routes()
    assert shown["crew_name"].notna().sum() == 1
    carried = shown.loc[shown["crew_name"] == "Crew Alvarez", "route_id"].iloc[0]
    shares = {r: len(had & set(builder.get_stops(r)["property_id"])) for r in shown["route_id"]}
    assert shares[carried] == max(shares.values())


@pytest.mark.parametrize("limit", [0, -3, 2.5, True, "50", None])
def test_a_limit_that_is_none_is_one_sentence_and_changes_nothing(world, builder, limit):
    builder.generate_routes(**FAST)
    before = state(world)
    with pytest.raises(BadInput, match=r"max_per_route is .*\. Expected a whole number of stops, 1 or more"):
        builder.generate_routes(max_per_route=limit)
    assert state(world) == before


def test_cancel_changes_nothing(world, builder):
    builder.generate_routes(max_per_route=25, **FAST)
    before = state(world)
    seen = []

    def stop(step):
        seen.append(step.fraction)
        return False

    with pytest.raises(Cancelled):
        builder.generate_routes(max_per_route=50, time_limit_s=5, progress=stop)
    assert seen
    assert state(world) == before


def test_progress_rises_to_the_end(builder):
    seen = []
    builder.generate_routes(time_limit_s=1.0, progress=seen.append)
    fractions = [step.fraction for step in seen]
    assert fractions == sorted(fractions)
    assert fractions[0] >= 0
    assert fractions[-1] == pytest.approx(1.0)


@pytest.mark.parametrize("step", ["retire", "compose", "store"])
def test_a_failure_at_any_step_leaves_the_plan_as_it_was(world, builder, monkeypatch, step):
    builder.generate_routes(max_per_route=25, **FAST)
    before = state(world)

    def after_it(*arguments, **named):
        getattr(planning, step)(*arguments, **named)
        raise RuntimeError("the power failed")

    monkeypatch.setattr(f"stormplay.routes.{step}", after_it)
    with pytest.raises(RuntimeError, match="power"):
        builder.generate_routes(max_per_route=50, **FAST)
    assert state(world) == before


def test_two_at_once_one_is_told_and_nothing_is_doubled(world, builder):
    running, go_on = threading.Event(), threading.Event()

    def hold(step):
        running.set()
        go_on.wait(10)

    first = threading.Thread(target=lambda: builder.generate_routes(progress=hold, **FAST))
    first.start()
    assert running.wait(10)
    with pytest.raises(Conflict, match="generating routes for this storm right now"):
        RouteBuilder(world.tenant, world.storm).generate_routes(**FAST)
    go_on.set()
    first.join()
    assert builder.get_stops()["property_id"].is_unique


def test_a_route_that_is_started_meanwhile_stops_the_plan(world, builder):
    builder.generate_routes(max_per_route=25, **FAST)
    route = builder.get_routes()["route_id"].iloc[0]
    done = []

    def start_one(step):
        if not done:
            change(world, "UPDATE jobs SET status = 'en route' WHERE route_id = :r", r=route)
            done.append(state(world))

    with pytest.raises(Conflict, match="started while the plan was made"):
        builder.generate_routes(max_per_route=50, progress=start_one, **FAST)
    assert state(world) == done[0]


def test_a_storm_without_decisions_says_what_comes_first(world):
    change(world, "INSERT INTO storms (slug, name, event_date) VALUES ('empty', 'Empty', '2021-05-01')")
    empty = RouteBuilder(world.tenant, "empty")
    with pytest.raises(NothingToRoute, match=r"No property .* has a decision yet.*Run the treatment policy"):
        empty.generate_routes()
    assert empty.get_routes().empty
    assert empty.get_stops().empty
    assert empty.get_ledger()["properties"].sum() == 0
    assert empty.as_of is None


def test_everybody_held_back_or_started_is_said(database):
    controls = make_world(treat=0, hold_out=5, skip=1, suppressed=0, without_place=0)
    with pytest.raises(NothingToRoute, match="5 held back"):
        RouteBuilder(controls.tenant, controls.storm).generate_routes()
    full = make_world(treat=6, hold_out=0, skip=0, suppressed=0, without_place=0)
    builder = RouteBuilder(full.tenant, full.storm)
    builder.generate_routes(**FAST)
    change(full, "UPDATE routes SET status = 'started'")
    with pytest.raises(NothingToRoute, match="on a started route already"):
        builder.generate_routes(**FAST)


def test_unknown_and_foreign_names(world, as_person):
    with pytest.raises(UnknownStorm, match="no storm 'hale'"):
        RouteBuilder(world.tenant, "hale")
    with pytest.raises(UnknownTenant, match="no tenant 'nobody'"):
        RouteBuilder("nobody", "hail")
    as_person("ana")  # not a member of this world
    with pytest.raises(UnknownTenant):
        RouteBuilder(world.tenant, world.storm)
    with pytest.raises(UnknownTenant):
        RouteBuilder(tenant=world.tenant, storm=world.storm_id)


def test_crews(world, builder):
    builder.generate_routes(**FAST)
    route = builder.get_routes()["route_id"].iloc[0]
    builder.assign_crew(route, "  Crew   Ortiz ")
    assert builder.get_routes()["crew_name"].iloc[0] == "Crew Ortiz"
    builder.assign_crew(route, None)
    assert builder.get_routes()["crew_name"].isna().all()
    for name in ("", "   ", "x" * 81):
        with pytest.raises(BadInput):
            builder.assign_crew(route, name)
    for unknown in (world.storm_id, "not-an-id"):
        for call in (lambda u=unknown: builder.assign_crew(u, "A"), lambda u=unknown: builder.export_route_csv(u)):
            with pytest.raises(UnknownRoute):
                call()


def test_the_csv_is_in_order_and_safe(world, builder):
    change(world, "UPDATE properties SET address = '=cmd|''/C calc''!A0', owner_name = '+1'")
    builder.generate_routes(max_per_route=40, **FAST)
    route = builder.get_routes()["route_id"].iloc[0]
    refused = builder.get_stops(route)["property_id"].iloc[3]
    change(world, "INSERT INTO suppressions (property_id, channel, reason) VALUES (:p, 'all', 'asked')", p=refused)
    parsed = list(csv.DictReader(io.StringIO(builder.export_route_csv(route))))
    assert [int(row["stop"]) for row in parsed] == list(range(1, len(parsed) + 1))
    assert {row["address"] for row in parsed} == {"'=cmd|'/C calc'!A0"}
    assert all(float(row["longitude"]) < 0 for row in parsed), "a negative number stays a number"
    assert [row["do_not_knock"] for row in parsed].index("yes") == 3


def test_without_a_depot_routes_are_open(database):
    world = make_world(treat=60, depot=None)
    builder = RouteBuilder(world.tenant, world.storm)
    assert builder.depot is None
    open_ones = sum(route.distance_m for route in builder.generate_routes(max_per_route=30, **FAST))
    closed = sum(route.distance_m for route in builder.generate_routes(max_per_route=30, depot=(32.84, -97.29), **FAST))
    assert open_ones < closed


@pytest.mark.timeout(60)
def test_fresh_tables_are_read_in_bulk_not_in_nested_loops(database):
    """Without statistics the planner takes each table for one row; this hung for minutes once."""
    world = make_world(treat=2_500, hold_out=600, skip=2_900)
    builder = RouteBuilder(world.tenant, world.storm)
    for _ in range(2):
        builder.generate_routes(**FAST)
        assert builder.get_ledger()["properties"].sum() == 6_000
        assert len(builder.get_stops()) == builder.get_routes()["property_count"].sum()

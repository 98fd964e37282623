"""A plan changed on its day, on a real database: one stop more, one less, the rest in a shorter order."""

from __future__ import annotations

from uuid import UUID, uuid4

import numpy as np
import pytest
from sqlalchemy import text
from world import make_world

from stormplay import JobTracker, RouteBuilder, StormPlayScore, accounts, tenancy
from stormplay.day import adding, queries
from stormplay.errors import BadInput, Conflict, HeldOut, NotAllowed, UnknownRoute
from stormplay.routing import route_distance_m

FAST = {"time_limit_s": 0}
DEPOT = (32.84, -97.29)


@pytest.fixture
def world(database):
    return make_world(treat=60, hold_out=5, skip=5)


@pytest.fixture
def builder(world):
    """Three routes with room for one more, and a home that was let in after they were made."""
    builder = RouteBuilder(world.tenant, world.storm)
    world.late = world.properties["property_id"].iloc[40]
    change(world, "INSERT INTO suppressions (property_id, channel, reason) VALUES (:p, 'door', 'dog')", p=world.late)
    builder.generate_routes(max_per_route=20, **FAST)
    change(world, "UPDATE suppressions SET lifted_at = now() WHERE property_id = :p", p=world.late)
    return builder


def change(world, statement, **parameters):
    with tenancy.session(world.tenant) as connection:
        connection.execute(text(statement), parameters)


def rows(world, query, **parameters):
    with tenancy.session(world.tenant) as connection:
        return connection.execute(text(query), parameters).all()


def begin(world, builder, route_id, count):
    """Visit the first stops of a route, as a crew does."""
    homes = builder.get_stops(route_id)["property_id"].iloc[:count].tolist()
    change(world, "UPDATE jobs SET status = 'completed', completed_at = now(), status_since = now() "
                  "WHERE property_id = ANY (CAST(:homes AS uuid[]))", homes=homes)  # fmt: skip
    return homes


def scramble(world, builder, route_id, kept):
    """The stops behind the first ones the other way round, and every second one at the end."""
    homes = builder.get_stops(route_id)["property_id"].tolist()
    rest = homes[kept:]
    order = homes[:kept] + rest[::2] + rest[1::2][::-1]
    numbers = {"route_id": route_id, "homes": order, "numbers": list(range(1, len(order) + 1))}
    change(world, queries.ORDER, **numbers)
    return order


def check_routes(builder):
    """What is stored of each route is true of its stops."""
    stops = builder.get_stops()
    assert stops["property_id"].is_unique
    for route in builder.get_routes().itertuples():
        mine = stops[stops["route_id"] == route.route_id]
        assert list(mine["sequence_order"]) == list(range(1, len(mine) + 1))
        assert route.property_count == len(mine)
        assert route.avg_uplift == pytest.approx(mine["expected_uplift"].mean())
        assert route.distance_m == pytest.approx(route_distance_m(mine[["latitude", "longitude"]], builder.depot))
        assert route.travel_source == "estimate"
    return stops


def test_a_stop_goes_where_it_adds_least_and_nothing_else_changes(world, builder):
    before = check_routes(builder)
    length = builder.get_routes().set_index("route_id")["distance_m"]
    added = builder.add_stop(world.late)
    after = check_routes(builder)
    mine = after[after["route_id"] == added.route_id]
    assert mine["property_id"].iloc[added.position - 1] == world.late
    assert after[after["property_id"] != world.late]["property_id"].tolist() == before["property_id"].tolist()
    now = builder.get_routes().set_index("route_id")["distance_m"]
    assert now[added.route_id] - length[added.route_id] == pytest.approx(added.added_m)
    assert added.later == len(mine) - added.position
    place = tuple(world.properties.set_index("property_id").loc[world.late, ["latitude", "longitude"]])
    least = min(
        route_distance_m(np.insert(stops, at, place, axis=0), DEPOT) - route_distance_m(stops, DEPOT)
        for _, rows in before.groupby("route_id")
        for stops in [rows[["latitude", "longitude"]].to_numpy(dtype=float)]
        for at in range(len(stops) + 1)
    )
    assert added.added_m == pytest.approx(least, rel=1e-3)
    assert f"is stop {added.position} of {added.route_name} now" in added.said
    (job,) = rows(world, "SELECT status, route_id::text FROM jobs WHERE property_id = :p", p=world.late)
    assert job == ("scheduled", added.route_id)
    assert builder.get_ledger().set_index("outcome").loc["routed", "properties"] == 55
    with pytest.raises(BadInput, match="on a route already"):
        builder.add_stop(world.late)

    gone = builder.take_off(world.late)
    assert (gone.route_id, gone.route_name) == (added.route_id, added.route_name)
    assert check_routes(builder).equals(before), "taken back, all is as it was"
    assert rows(world, "SELECT FROM jobs WHERE property_id = :p", p=world.late) == []


def test_never_before_a_stop_that_was_visited_and_within_the_plans_limits(world, builder):
    routes = builder.get_routes()["route_id"].tolist()
    for route in routes:
        begin(world, builder, route, 8)
    with pytest.raises(UnknownRoute):
        builder.add_stop(world.late, route_id=uuid4())
    added = builder.add_stop(world.late, route_id=routes[1])
    assert added.route_id == routes[1]
    assert added.position > 8
    causes = StormPlayScore(world.tenant, world.storm).history()["cause"]
    assert causes.str.contains(f"put a stop on {added.route_name}", regex=False).any()
    check_routes(builder)
    builder.take_off(world.late)
    begin(world, builder, routes[0], 20)
    with pytest.raises(BadInput, match="Route 01 is done"):
        builder.add_stop(world.late, route_id=routes[0])
    assert builder.add_stop(world.late).route_id != routes[0]


def test_a_full_plan_says_so(world, builder):
    builder.generate_routes(max_per_route=11, **FAST)  # 55 homes: five full routes
    late = rows(world, "INSERT INTO properties (address, latitude, longitude) VALUES ('9 Late Road', 32.9, -97.25) "
                       "RETURNING property_id")[0][0]  # fmt: skip
    change(world, "INSERT INTO lead_uplift (property_id, expected_uplift, next_best_action, model_version) "
                  "VALUES (:p, 0.2, 'door', 'test')", p=late)  # fmt: skip
    change(world, "INSERT INTO policy_decisions_log (storm_id, property_id, decision, reason, model_version) "
                  "VALUES (:s, :p, 'treat', 'uplift', 'test')", s=world.storm_id, p=late)  # fmt: skip
    with pytest.raises(BadInput, match=r"None of the 5 routes has room .* allows 11 stops a route"):
        builder.add_stop(late)
    with pytest.raises(BadInput, match="Route 01 has no room"):
        builder.add_stop(late, route_id=builder.get_routes()["route_id"].iloc[0])


def test_the_longest_day_of_the_plan_holds_for_what_is_put_in(world, builder):
    change(world, "UPDATE suppressions SET lifted_at = NULL WHERE property_id = :p", p=world.late)
    builder.generate_routes(visit_type="inspection", shift_minutes=480, **FAST)
    change(world, "UPDATE suppressions SET lifted_at = now() WHERE property_id = :p", p=world.late)
    full = builder.get_routes().sort_values("work_minutes").iloc[-1]
    assert full["work_minutes"] + 65 > 480
    with pytest.raises(BadInput, match=rf"{full['route_name']} has no time .* allows 8 hours a day"):
        builder.add_stop(world.late, route_id=full["route_id"])


def test_who_may_not_be_visited_is_refused_with_the_reason(world, builder):
    homes = dict(rows(world, "SELECT decision, min(property_id::text) FROM policy_decisions_log GROUP BY 1"))
    with pytest.raises(HeldOut, match="in the control group of this storm"):
        builder.add_stop(homes["hold_out"])
    with pytest.raises(BadInput, match="policy skips this home: low uplift"):
        builder.add_stop(homes["skip"])
    change(world, "UPDATE suppressions SET lifted_at = NULL WHERE property_id = :p", p=world.late)
    with pytest.raises(BadInput, match="said no to visits"):
        builder.add_stop(world.late)
    with pytest.raises(BadInput, match="no coordinates"):
        builder.add_stop(world.properties["property_id"].iloc[0])
    for nobody in (uuid4(), "x"):
        with pytest.raises(BadInput, match="no home"):
            builder.add_stop(nobody)
    check_routes(builder)


def test_homes_are_found_by_how_their_address_begins(world, builder):
    assert list(builder.find_ready("140  TEST str")["property_id"]) == [world.late]
    found = builder.find_ready("1")
    assert found["outcome"].iloc[0] == "ready"
    assert dict(zip(found["outcome"], found["alike"], strict=True)) == {
        "ready": 1, "routed": 54, "held back": 5, "skipped": 5, "suppressed": 3, "without coordinates": 2,
    }  # fmt: skip
    assert builder.find_ready("nowhere").empty


def test_a_stop_that_was_begun_or_noted_stays(world, builder):
    stops = builder.get_stops()
    one, noted, away = stops["property_id"].iloc[:3]
    begin(world, builder, stops["route_id"].iloc[0], 1)
    with pytest.raises(BadInput, match="stays: its visit has begun"):
        builder.take_off(one)
    tracker = JobTracker(world.tenant, world.storm)
    tracker.update_job(tracker.get_job(noted)["job_id"], notes="Gate code 12.")
    with pytest.raises(BadInput, match="something is noted of it"):
        builder.take_off(noted)
    builder.take_off(away)
    with pytest.raises(BadInput, match="on no route of this storm"):
        builder.take_off(away)
    assert one in set(check_routes(builder)["property_id"])


def test_the_rest_of_a_day_gets_shorter_and_what_was_visited_stays(world, builder):
    route = builder.get_routes()["route_id"].iloc[0]
    begun = begin(world, builder, route, 6)
    left = len(scramble(world, builder, route, 6)) - 6
    before = builder.get_routes().set_index("route_id")["distance_m"]
    done = builder.reorder_rest(route)
    assert builder.get_stops(route)["property_id"].tolist()[:6] == begun
    after = builder.get_routes().set_index("route_id")["distance_m"]
    saved_m = done.distance_before_m - done.distance_m
    assert saved_m > 0
    assert 0 < done.moved <= left
    assert f"of driving instead of {done.minutes_before:.0f}: {done.moved} of {left} stops" in done.said
    check_routes(builder)
    again = builder.reorder_rest(route)
    assert (again.moved, again.minutes) == (0, pytest.approx(done.minutes))
    assert "Nothing was changed" in again.said
    assert after[route] <= before[route] * 1.001, "as short as it was planned, or shorter"


def test_the_rest_begins_where_the_crew_was_last_even_out_of_order(world, builder):
    route = builder.get_routes()["route_id"].iloc[0]
    stops = builder.get_stops(route)["property_id"].tolist()
    scramble(world, builder, route, 0)
    change(world, "UPDATE jobs SET status = 'no_answer', status_since = now() WHERE property_id = :p", p=stops[9])
    builder.reorder_rest(route)
    after = builder.get_stops(route)["property_id"].tolist()
    assert after[0] == stops[9]
    assert sorted(after) == sorted(stops)
    begin(world, builder, route, 20)
    with pytest.raises(BadInput, match="is done"):
        builder.reorder_rest(route)


def test_a_crew_that_begins_a_stop_meanwhile_is_not_overtaken(world, builder, monkeypatch):
    before = builder.get_stops()
    hold = adding.hold

    def slow(connection, route):
        last = route.stops["property_id"].iloc[-1]
        change(world, "UPDATE jobs SET status = 'en_route' WHERE property_id = :p", p=last)
        hold(connection, route)

    monkeypatch.setattr(adding, "hold", slow)
    with pytest.raises(Conflict, match="has just begun another stop"):
        builder.add_stop(world.late)
    same = ["route_id", "property_id", "sequence_order"]
    assert builder.get_stops()[same].equals(before[same])


def test_without_a_depot_and_with_a_stop_that_lost_its_place(database):
    world = make_world(treat=20, hold_out=0, skip=0, suppressed=0, without_place=1, depot=None)
    builder = RouteBuilder(world.tenant, world.storm)
    builder.generate_routes(**FAST)
    route = builder.get_routes()["route_id"].iloc[0]
    lost, late = builder.get_stops()["property_id"].iloc[3], world.properties["property_id"].iloc[0]
    change(world, "UPDATE properties SET latitude = NULL, longitude = NULL WHERE property_id = :p", p=lost)
    change(world, "UPDATE properties SET latitude = 32.9, longitude = -97.25 WHERE property_id = :p", p=late)
    assert builder.add_stop(late).route_id == route
    scramble(world, builder, route, 0)
    assert builder.reorder_rest(route).moved > 0
    stops = builder.get_stops(route)
    assert len(stops) == 20
    assert stops["property_id"].iloc[-1] == lost
    assert list(stops["sequence_order"]) == list(range(1, 21))


# ---- who may not


@pytest.fixture
def rival(database):
    """Another company with routes of its own."""
    world = make_world(treat=20)
    RouteBuilder(world.tenant, world.storm).generate_routes(**FAST)
    return world


def everything(world):
    return [rows(world, f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in ("routes", "route_properties", "jobs")]


def test_another_companys_homes_and_routes_are_not_there(world, builder, rival):
    theirs = RouteBuilder(rival.tenant, rival.storm).get_stops().iloc[0]
    before = everything(rival)
    for act in (
        lambda: builder.add_stop(theirs["property_id"]),
        lambda: builder.take_off(theirs["property_id"]),
        lambda: builder.add_stop(world.late, route_id=theirs["route_id"]),
        lambda: builder.reorder_rest(theirs["route_id"]),
    ):
        with pytest.raises(BadInput, match=r"no home|on no route|no route"):
            act()
    off = text("SELECT take_stop_off(CAST(:s AS uuid), CAST(:p AS uuid))")
    values = {"s": rival.storm_id, "p": theirs["property_id"]}
    with tenancy.session(world.tenant) as connection:
        assert connection.execute(off, values).scalar_one() is None
        moved = connection.execute(text(queries.SHIFT), {"route_id": theirs["route_id"], "number": 1, "by": 1})
        assert moved.rowcount == 0
    assert everything(rival) == before
    with tenancy.session(rival.tenant) as connection:
        assert connection.execute(off, values).scalar_one() == UUID(theirs["route_id"]), "to its own it does so"


def test_another_storms_homes_and_routes_are_not_there(world, builder):
    change(world, "INSERT INTO storms (slug, name, event_date) VALUES ('other', 'Other', '2021-06-01')")
    other = RouteBuilder(world.tenant, "other")
    stop = builder.get_stops().iloc[0]
    before = everything(world)
    for act in (
        lambda: other.add_stop(world.late),
        lambda: other.take_off(stop["property_id"]),
        lambda: other.reorder_rest(stop["route_id"]),
    ):
        with pytest.raises(BadInput, match=r"no home|on no route|no route"):
            act()
    assert everything(world) == before


def test_a_viewer_changes_nothing_and_an_operator_only_what_the_day_needs(world, builder, as_person):
    stop, before = builder.get_stops().iloc[0], everything(world)
    for role in ("viewer", "operator"):
        accounts.add_person(f"{role}-{world.tenant}", role.title(), "hailstorm-1")
        accounts.add_member(f"{role}-{world.tenant}", world.tenant, role)
    as_person(f"viewer-{world.tenant}")
    assert builder.find_ready("140").shape[0] == 1
    for act in (
        lambda: builder.add_stop(world.late),
        lambda: builder.take_off(stop["property_id"]),
        lambda: builder.reorder_rest(stop["route_id"]),
    ):
        with pytest.raises(NotAllowed, match="your role in this company is viewer, and this needs operator"):
            act()
    assert everything(world) == before
    as_person(f"operator-{world.tenant}")
    for statement in (
        "DELETE FROM route_properties", "DELETE FROM jobs", "UPDATE route_properties SET property_id = uuidv7()",
        "UPDATE route_properties SET route_id = uuidv7()", "UPDATE routes SET run_id = NULL",
        "UPDATE routes SET visit_type = 'adjuster'",
    ):  # fmt: skip
        with pytest.raises(NotAllowed, match="permission denied"):
            change(world, statement)
    builder.take_off(builder.get_stops().iloc[1]["property_id"])
    assert builder.add_stop(world.late).route_name


def test_a_home_that_is_held_out_meanwhile_is_kept_off_by_the_database(world, builder, monkeypatch):
    control = rows(world, "SELECT property_id::text FROM policy_decisions_log WHERE decision = 'hold_out' LIMIT 1")[0][
        0
    ]
    before = everything(world)
    place = {"latitude": 32.9, "longitude": -97.25, "outcome": "ready", "reason": "", "address": "1 Control Road"}
    monkeypatch.setattr(adding, "candidate", lambda *_: place)  # as if it had been ready a moment ago
    with pytest.raises(HeldOut, match="control group"):
        builder.add_stop(control)
    assert everything(world) == before

"""Driving by the road: two engines' interfaces over real HTTP, what they cannot answer, and the routes of a plan."""

from __future__ import annotations

import numpy as np
import pytest
from engine_up import METRES_PER_SECOND, engine, table
from hypothesis import given, settings
from hypothesis import strategies as st
from world import make_world

from stormplay import RouteBuilder, tenancy
from stormplay.errors import BadInput, Cancelled
from stormplay.roads import Roads, drive, engine_of, engines, estimated, group
from stormplay.routing import drive_minutes, route_distance_m

RNG = np.random.default_rng(1)
PLACES = np.column_stack([32.8 + RNG.random(70) * 0.05, -97.3 + RNG.random(70) * 0.05])


@pytest.fixture(params=["osrm", "valhalla"])
def kind(request):
    return request.param


@pytest.fixture
def server():
    with engine() as running:
        yield running


def named(kind, server):
    return engine_of(f"{kind}+http://127.0.0.1:{server.server_address[1]}/")


def test_both_engines_give_metres_and_minutes_in_blocks(kind, server):
    legs = Roads(named(kind, server)).legs(PLACES)
    metres, seconds = table(PLACES.round(6).tolist(), PLACES.round(6).tolist())
    np.fill_diagonal(expected := np.array(metres), 0)
    assert legs.distance_m == pytest.approx(expected, rel=1e-9)
    assert legs.minutes == pytest.approx(np.array(seconds) / 60, rel=1e-9)
    assert not np.array_equal(legs.minutes, legs.minutes.T), "the way back is not the way there"
    assert legs.source == {"osrm": "OSRM", "valhalla": "Valhalla"}[kind]
    assert not legs.is_estimated.any()
    assert len(server.requests) == 4, "70 places are 2 by 2 blocks of 50"


def test_a_pair_without_a_way_is_estimated_and_counted(kind, server):
    places = np.vstack([PLACES[:4], [[85.0, 10.0]]])
    legs = Roads(named(kind, server)).legs(places)
    assert legs.is_estimated.sum() == 8
    assert legs.distance_m[0, 4] == pytest.approx(estimated(places).distance_m[0, 4])
    assert np.isfinite(legs.minutes).all()


@pytest.mark.parametrize(
    ("behave", "said", "asked"),
    [
        ("broken", "status 503", 1),
        ("html", "no JSON", 1),
        ("odd", "something else", 1),
        ("negative", "no table", 1),
        ("no segment", "matching segment", 3),  # a matter of these places; the next may fare better
    ],
)
def test_an_engine_that_fails_costs_accuracy_and_says_so(kind, server, behave, said, asked):
    if behave == "no segment" and kind == "valhalla":
        behave, said = "html", "no JSON"
        asked = 1
    server.behave = behave
    roads = Roads(named(kind, server))
    found = [roads.legs(PLACES[at : at + 5]) for at in (0, 5, 10)]
    assert all(legs.source == "estimate" and legs.is_estimated.all() for legs in found)
    assert said in roads.notice
    assert len(server.requests) == asked, "one that is down is not asked again"


def test_one_that_is_slow_or_away_is_given_up_once(kind, server, monkeypatch):
    monkeypatch.setattr(engines, "ANSWER_S", 0.1)
    server.behave = "slow"
    roads = Roads(named(kind, server))
    assert [roads.legs(PLACES[at : at + 4]).source for at in (0, 4, 8)] == ["estimate"] * 3
    assert "took too long" in roads.notice
    away = Roads(engine_of(f"{kind}+http://127.0.0.1:1"))
    assert away.legs(PLACES[:3]).source == "estimate"
    assert "cannot be reached" in away.notice


@pytest.mark.parametrize("url", ["http://127.0.0.1", "osrm+ftp://x", "osrm+http://", "google+http://x", "osrm"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(BadInput, match="names no road engine"):
        engine_of(url)


@settings(max_examples=15)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=4), st.booleans(), st.integers(0, 99))
def test_a_route_keeps_its_stops_and_never_takes_longer(sizes, has_depot, seed):
    """By whatever matrix: the order is only changed where that is quicker by it."""
    rng = np.random.default_rng(seed)
    places = np.column_stack([32.8 + rng.random(sum(sizes)) * 0.1, -97.3 + rng.random(sum(sizes)) * 0.1])
    routes = np.split(rng.permutation(sum(sizes)), np.cumsum(sizes)[:-1])
    depot = (32.85, -97.25) if has_depot else None

    class Grid:
        name, identity = "Grid", "grid"

        def block(self, starts, ends):
            metres, seconds = table(starts.tolist(), ends.tolist())
            return np.array(metres), np.array(seconds) / 60

    found = drive(routes, places, depot, Roads(Grid()))
    for before, after, minutes in zip(routes, found.routes, found.drive_minutes, strict=True):
        assert sorted(before) == sorted(after)
        assert minutes == pytest.approx(along(places[after], depot))
        assert minutes <= along(places[before], depot) + 1e-9
    assert found.distance_m == pytest.approx([route_distance_m(places[route], depot) for route in found.routes])


def along(path, depot):
    path = path if depot is None else np.vstack([depot, path, depot])
    _, seconds = table(path.tolist(), path.tolist())
    return sum(seconds[at][at + 1] for at in range(len(path) - 1)) / 60


def test_without_an_engine_the_order_stands_and_minutes_are_estimated():
    route = np.array([3, 1, 2])
    found = drive([route], PLACES, None, Roads(None))
    assert found.routes[0].tolist() == [3, 1, 2]
    assert found.sources == ["estimate"]
    assert found.drive_minutes[0] == pytest.approx(drive_minutes(route_distance_m(PLACES[route])))
    assert np.isnan(found.road_distance_m[0])


def test_a_route_that_is_too_long_for_a_table_is_estimated(server):
    places = np.tile(PLACES, (2, 1))
    found = drive([np.arange(140)], places, None, Roads(named("osrm", server)))
    assert found.sources == ["estimate"]
    assert server.requests == []


def test_the_question_is_the_same_in_whatever_order_the_stops_come():
    roads = Roads(engine_of("osrm+http://127.0.0.1:1"))
    one, other = (roads.key(group(np.array(order), PLACES, None)) for order in ([4, 2, 9], [9, 4, 2]))
    assert one == other
    assert one != roads.key(group(np.array([4, 2, 8]), PLACES, None))


# ---- a plan over the database


@pytest.fixture
def world(database):
    return make_world(treat=60)


@pytest.fixture
def by_road(monkeypatch, server, kind):
    monkeypatch.setenv("STORMPLAY_ROADS", f"{kind}+http://127.0.0.1:{server.server_address[1]}")
    return {"osrm": "OSRM", "valhalla": "Valhalla"}[kind]


def test_routes_are_timed_by_the_road_and_asked_for_once(world, server, by_road):
    builder = RouteBuilder(world.tenant, world.storm)
    phases = []
    builder.generate_routes(15, time_limit_s=0, progress=lambda step: phases.append(step.phase))
    routes, stops = builder.get_routes(), builder.get_stops()
    assert set(routes["travel_source"]) == {by_road}
    assert "roads" in phases
    for route in routes.itertuples():
        mine = stops[stops["route_id"] == route.route_id].sort_values("sequence_order")
        path = np.vstack([builder.depot, mine[["latitude", "longitude"]].to_numpy(float), builder.depot])
        metres, seconds = table(path.tolist(), path.tolist())
        steps = range(len(path) - 1)
        assert route.road_distance_m == pytest.approx(sum(metres[at][at + 1] for at in steps), rel=1e-4)
        assert route.drive_minutes == pytest.approx(sum(seconds[at][at + 1] for at in steps) / 60, rel=1e-4)
        assert route.road_distance_m <= route.drive_minutes * 60 * METRES_PER_SECOND
        assert route.distance_m < route.road_distance_m
    asked = len(server.requests)
    assert asked == len(routes)
    builder.generate_routes(15, time_limit_s=0)
    assert len(server.requests) == asked, "the same stops are not asked for again"


def test_an_engine_that_is_down_costs_no_plan(world, server, by_road):
    server.behave = "broken"
    builder = RouteBuilder(world.tenant, world.storm)
    assert builder.generate_routes(15, time_limit_s=0)
    assert set(builder.get_routes()["travel_source"]) == {"estimate"}
    assert builder.get_routes()["road_distance_m"].isna().all()
    assert "no answer" in builder.travel_notice
    server.behave = "well"
    builder.generate_routes(15, time_limit_s=0)
    assert set(builder.get_routes()["travel_source"]) == {by_road}
    assert builder.travel_notice == ""


def test_a_route_that_changes_on_its_day_is_asked_for_again_and_keeps_its_order(world, server, by_road):
    builder = RouteBuilder(world.tenant, world.storm)
    builder.generate_routes(15, time_limit_s=0)
    before = builder.get_routes().set_index("route_id")
    stops = builder.get_stops()
    home = stops["property_id"].iloc[4]
    gone = builder.take_off(home)
    asked = len(server.requests)
    added = builder.add_stop(home, route_id=gone.route_id)
    assert len(server.requests) == asked, "these stops were asked for when the plan was made"
    mine = builder.get_stops(added.route_id)
    kept = stops[(stops["route_id"] == added.route_id) & (stops["property_id"] != home)]["property_id"].tolist()
    assert [one for one in mine["property_id"] if one != home] == kept
    route = builder.get_routes().set_index("route_id").loc[added.route_id]
    path = np.vstack([builder.depot, mine[["latitude", "longitude"]].to_numpy(float), builder.depot])
    seconds = table(path.tolist(), path.tolist())[1]
    steps = range(len(path) - 1)
    assert route["travel_source"] == by_road
    assert route["drive_minutes"] == pytest.approx(sum(seconds[at][at + 1] for at in steps) / 60, rel=1e-4)
    rest = builder.reorder_rest(added.route_id)
    assert rest.minutes <= rest.minutes_before == pytest.approx(route["drive_minutes"], rel=1e-4)
    server.behave = "broken"
    said = builder.take_off(kept[0]).said
    assert "Driving is estimated where the road network gave no answer" in said
    now = builder.get_routes().set_index("route_id")
    assert now.loc[added.route_id, "travel_source"] == "estimate"
    others = before.index.drop(added.route_id)
    assert now.loc[others, "drive_minutes"].equals(before.loc[others, "drive_minutes"])


def test_stopping_while_the_roads_are_asked_for_changes_nothing(world, by_road):
    builder = RouteBuilder(world.tenant, world.storm)
    with pytest.raises(Cancelled):
        builder.generate_routes(15, time_limit_s=0, progress=lambda step: step.phase != "roads")
    assert builder.get_routes().empty


def test_what_is_kept_tells_no_place(world, by_road):
    RouteBuilder(world.tenant, world.storm).generate_routes(15, time_limit_s=0)
    with tenancy.session(world.tenant) as connection:
        kept = tenancy.frame(connection, "SELECT digest, source, place_count FROM road_tables")
    assert set(kept["source"]) == {by_road}
    assert kept["digest"].str.fullmatch("[0-9a-f]{64}").all()


def test_a_wrong_setting_is_said_before_anything_is_solved(world, monkeypatch):
    monkeypatch.setenv("STORMPLAY_ROADS", "http://127.0.0.1")
    with pytest.raises(BadInput, match="STORMPLAY_ROADS"):
        RouteBuilder(world.tenant, world.storm).generate_routes(15)

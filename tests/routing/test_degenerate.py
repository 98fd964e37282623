"""Storms nobody orders: nothing, one house, the whole town at one point, both sides of the date line."""

import math

import numpy as np
import pytest
from yardstick import DALLAS, UntilBetter, check_complete, great_circle_m, length, over, town

from stormplay.routing import solve

DEPOTS = pytest.mark.parametrize("depot", [None, DALLAS])


@DEPOTS
@pytest.mark.parametrize("nothing", [[], np.zeros((0, 2)), ()])
def test_no_stop_is_an_empty_plan_that_is_finished(nothing, depot):
    plan = solve(nothing, depot=depot)
    assert (plan.routes, plan.distance_m, plan.unassigned, plan.ended) == ([], 0.0, {}, "converged")
    assert len(plan.route_distances_m) == 0


def test_one_stop():
    there = (32.7, -97.3)
    assert solve([there]).distance_m == 0
    plan = solve([there], depot=DALLAS)
    assert [route.tolist() for route in plan.routes] == [[0]]
    assert plan.distance_m == pytest.approx(2 * great_circle_m(DALLAS, there))


def test_two_stops():
    stops = [(32.7, -97.3), (32.8, -97.2)]
    assert solve(stops).distance_m == pytest.approx(great_circle_m(*stops))
    around = great_circle_m(DALLAS, stops[0]) + great_circle_m(*stops) + great_circle_m(stops[1], DALLAS)
    assert solve(stops, depot=DALLAS).distance_m == pytest.approx(around)
    assert solve(stops, max_per_route=1).distance_m == 0


@DEPOTS
def test_all_at_one_address(depot):
    plan = solve(np.full((130, 2), (32.8, -97.2)), depot=depot, max_per_route=50, time_limit_s=0.5)
    check_complete(plan, 130)
    there = 0 if depot is None else 2 * len(plan.routes) * great_circle_m(DALLAS, (32.8, -97.2))
    assert plan.distance_m == pytest.approx(there)


def test_stops_at_the_depot_itself():
    plan = solve(np.full((7, 2), DALLAS), depot=DALLAS, max_per_route=3, time_limit_s=0.3)
    check_complete(plan, 7)
    assert plan.distance_m == 0


def test_the_date_line_is_no_border():
    rng = np.random.default_rng(3)
    offset = rng.uniform(-0.05, 0.05, (60, 2))
    here = solve(offset, max_per_route=20, time_limit_s=0)
    across = solve((offset + (0, 180) + 180) % 360 - 180, max_per_route=20, time_limit_s=0)
    check_complete(across, 60)
    assert across.distance_m == pytest.approx(here.distance_m, rel=0.05)
    assert across.distance_m < 60 * 10_000


def test_longitude_may_count_to_360():
    west = town(40)
    east = west + np.array([0, 360])
    assert solve(east, time_limit_s=0).distance_m == pytest.approx(solve(west, time_limit_s=0).distance_m)


@pytest.mark.parametrize("latitude", [90, -90])
def test_a_ring_around_a_pole(latitude):
    ring = np.column_stack([np.full(36, latitude * 0.9999), np.arange(-180, 180, 10)])
    plan = solve([*ring, (latitude, 0), (latitude, 77)], max_per_route=40, time_limit_s=0.5)
    check_complete(plan, 38)
    assert plan.distance_m == pytest.approx(
        length(plan, False, over([*ring, (latitude, 0), (latitude, 77)], None, great_circle_m)), abs=1
    )
    radius = great_circle_m(ring[0], (latitude, 0))
    assert plan.distance_m < 2 * math.pi * radius + 2 * radius


def test_rows_without_a_place_are_named():
    stops = [(math.nan, -97), (32.7, -97), (math.inf, 0), (32.8, -math.inf), (90.1, 0), (0, 360.1), (1e308, -1e308)]
    plan = solve(stops, depot=DALLAS)
    assert [route.tolist() for route in plan.routes] == [[1]]
    outside = "coordinates outside the globe"
    assert plan.unassigned == dict.fromkeys((0, 2, 3), "no coordinates") | dict.fromkeys((4, 5, 6), outside)


def test_none_is_a_missing_place():
    assert solve([(None, None), (32.7, -97)]).unassigned == {0: "no coordinates"}


def test_nothing_but_rows_without_a_place():
    plan = solve(np.full((5, 2), math.nan), depot=DALLAS)
    assert plan.routes == [] and len(plan.unassigned) == 5 and plan.ended == "converged"


@DEPOTS
def test_three_thousand_on_one_street(depot):
    street = np.column_stack([np.full(3000, 32.8), np.random.default_rng(0).uniform(-97.3, -97.2, 3000)])
    plan = solve(street, depot=depot, time_limit_s=0)
    check_complete(plan, 3000)
    assert len(plan.routes) == 60
    if depot is None:  # straight along, never back: the whole is shorter than the street
        assert plan.distance_m < great_circle_m((32.8, -97.3), (32.8, -97.2)) * 1.001


@DEPOTS
def test_a_route_longer_than_a_group_is_improved_in_windows(depot):
    stops = town(700)
    plan = solve(stops, depot=depot, max_per_route=350, time_limit_s=30, progress=UntilBetter())
    check_complete(plan, 700)
    assert [len(route) for route in plan.routes] == [350, 350]
    assert plan.distance_m < plan.start_distance_m
    assert plan.distance_m == pytest.approx(length(plan, depot is not None, over(stops, depot, great_circle_m)))


@pytest.mark.parametrize("most", [31, 5_000, 10**18, 10**30])
def test_a_limit_above_the_number_of_stops(most):
    plan = solve(town(30), depot=DALLAS, max_per_route=most, time_limit_s=0.3)
    check_complete(plan, 30)
    assert len(plan.routes) == 1


def test_one_stop_a_route():
    stops = town(25)
    plan = solve(stops, depot=DALLAS, max_per_route=1, time_limit_s=0.3)
    assert len(plan.routes) == 25
    assert plan.distance_m == pytest.approx(sum(2 * great_circle_m(DALLAS, stop) for stop in stops))

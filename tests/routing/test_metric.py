"""The same question by every metric: distances that agree with each other and with their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yardstick import DALLAS, check_complete, great_circle_m, length, lopsided_matrix, over, planar_block, rounded, town

from stormplay.routing import haversine_m, solve
from stormplay.routing.metric import euclidean_rounded

degrees = st.tuples(st.floats(-90, 90), st.floats(-180, 180))
STOPS = town(60)


def haversine_block(rows, columns):
    return haversine_m(rows[:, None, :], columns[None, :, :])


@given(degrees, degrees)
def test_haversine_is_the_angle_between_the_points(start, end):
    measured = haversine_m(np.array(start), np.array(end))
    assert measured == pytest.approx(great_circle_m(start, end), rel=1e-7, abs=1.0)
    assert measured == haversine_m(np.array(end), np.array(start))


@pytest.mark.parametrize(
    ("start", "end", "metres"),
    [
        ((0, 0), (0, 1), 111_195.08),
        ((0, 0), (0, 180), math.pi * 6_371_008.8),
        ((90, 0), (-90, 123), math.pi * 6_371_008.8),
        ((0, 179.5), (0, -179.5), 111_195.08),
        ((45, 45), (45, 45), 0),
    ],
)
def test_haversine_landmarks(start, end, metres):
    assert haversine_m(np.array(start), np.array(end)) == pytest.approx(metres, abs=0.01)


@pytest.mark.parametrize(("end", "distance"), [((3, 4), 5), ((1, 1), 1), ((0, 2.5), 3), ((0, 2.49), 2), ((0, 0.5), 1)])
def test_halves_are_rounded_up(end, distance):
    assert euclidean_rounded(np.zeros(2), np.array(end, dtype=float)) == distance


@pytest.mark.parametrize("depot", [None, DALLAS])
def test_name_function_and_matrix_give_one_and_the_same_plan(depot):
    nodes = STOPS if depot is None else np.vstack([depot, STOPS])
    answers = [
        solve(STOPS, depot=depot, max_per_route=20, metric=metric, time_limit_s=0)
        for metric in (
            "haversine",
            haversine_block,
            haversine_block(nodes, nodes),
            haversine_block(nodes, nodes).tolist(),
        )
    ]
    for plan in answers:
        check_complete(plan, 60)
        assert plan.distance_m == pytest.approx(length(plan, depot is not None, over(STOPS, depot, great_circle_m)))
        assert [r.tolist() for r in plan.routes] == [r.tolist() for r in answers[0].routes]


@pytest.mark.parametrize("depot", [None, (500, 500)])
def test_rounded_plane(depot):
    stops = np.random.default_rng(5).integers(0, 1000, (80, 2))
    plan = solve(stops, depot=depot, max_per_route=20, metric="euclidean_rounded", time_limit_s=1)
    check_complete(plan, 80)
    assert plan.distance_m == length(plan, depot is not None, over(stops, depot, rounded))
    assert plan.distance_m == int(plan.distance_m)


@pytest.mark.parametrize("kind", ["function", "matrix"])
def test_a_plane_of_the_callers_own(kind):
    """Coordinates that are no degrees are fine beside a function or a matrix: the distances are the caller's."""
    stops = np.random.default_rng(5).uniform(0, 10_000, (60, 2))
    metric = planar_block if kind == "function" else planar_block(stops, stops)
    plan = solve(stops, max_per_route=20, metric=metric, time_limit_s=0.5)
    check_complete(plan, 60)
    assert not plan.unassigned
    assert plan.distance_m == pytest.approx(length(plan, False, over(stops, None, math.dist)))


@pytest.mark.parametrize("has_depot", [False, True])
def test_one_way_matrix_is_read_from_row_to_column(has_depot):
    matrix = lopsided_matrix(30 + has_depot)
    depot = (0, 0) if has_depot else None
    plan = solve(np.zeros((30, 2)), depot=depot, max_per_route=10, metric=matrix, time_limit_s=1)
    check_complete(plan, 30)
    node = {None: 0} | {row: row + has_depot for row in range(30)}
    assert plan.distance_m == pytest.approx(length(plan, has_depot, lambda a, b: matrix[node[a], node[b]]))
    assert plan.distance_m != pytest.approx(length(plan, has_depot, lambda a, b: matrix[node[b], node[a]]))


def test_a_depot_that_is_far_from_itself_costs_nothing_where_no_route_is_driven():
    matrix = np.full((9, 9), 1.0)
    matrix[0, 1:] = matrix[1:, 0] = 100.0
    plan = solve(np.zeros((8, 2)), depot=(0, 0), max_per_route=8, demand=[1, 2] * 4, capacity=7, metric=matrix)
    check_complete(plan, 8)
    node = {None: 0} | {row: row + 1 for row in range(8)}
    assert plan.distance_m == pytest.approx(length(plan, True, lambda a, b: matrix[node[a], node[b]]))


def test_rows_left_out_do_not_shift_the_matrix():
    matrix = lopsided_matrix(7)
    stops = np.zeros((6, 2))
    stops[2] = math.nan
    plan = solve(stops, depot=(0, 0), max_per_route=2, metric=matrix, time_limit_s=0.5)
    check_complete(plan, 6)
    node = {None: 0} | {row: row + 1 for row in range(6)}
    assert plan.distance_m == pytest.approx(length(plan, True, lambda a, b: matrix[node[a], node[b]]))


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_very_small_and_very_large_units(scale):
    stops = np.random.default_rng(1).uniform(0, 80, (40, 2))
    plan = solve(stops, max_per_route=20, metric=planar_block(stops, stops) * scale, time_limit_s=0.5)
    check_complete(plan, 40)
    assert plan.distance_m == pytest.approx(scale * length(plan, False, over(stops, None, math.dist)))

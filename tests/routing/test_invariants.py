"""What holds for every plan, whatever was asked."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yardstick import check_complete, great_circle_m, length, lopsided_matrix, over, rounded

from stormplay.routing import solve

degrees = st.tuples(st.floats(-90, 90), st.floats(-180, 180))
plane = st.tuples(st.integers(0, 1000), st.integers(0, 1000))
unusable = st.sampled_from([(math.nan, 0.0), (0.0, math.inf), (91.0, 0.0), (0.0, -1e9), (-math.inf, math.nan)])


@given(st.lists(degrees | unusable, max_size=60), st.none() | degrees, st.integers(1, 70))
def test_bisection_alone(stops, depot, most):
    plan = solve(np.array(stops).reshape(-1, 2), depot=depot, max_per_route=most, time_limit_s=0)
    check_complete(plan, len(stops))
    usable = [row for row, (lat, lon) in enumerate(stops) if abs(lat) <= 90 and abs(lon) <= 360]
    assert len(plan.routes) == math.ceil(len(usable) / most)
    assert sorted(row for route in plan.routes for row in route) == usable
    assert max(map(len, plan.routes), default=0) <= most
    # Points a hair apart, or antipodes: the formula's own rounding is about a tenth of a metre there.
    expected = length(plan, depot is not None, over(stops, depot, great_circle_m))
    assert plan.distance_m == pytest.approx(expected, rel=1e-7, abs=1.0 * (len(stops) + 1))


@settings(max_examples=12, deadline=None)
@given(
    st.lists(plane, min_size=1, max_size=40),
    st.none() | plane,
    st.integers(1, 45),
    st.integers(1, 12),
    st.randoms(use_true_random=False),
)
def test_improved_plans_with_demand(stops, depot, most, capacity, random):
    demand = [random.randint(0, capacity + 1) for _ in stops]
    plan = solve(
        stops, depot=depot, max_per_route=most, demand=demand, capacity=capacity,
        metric="euclidean_rounded", time_limit_s=0.3,
    )  # fmt: skip
    check_complete(plan, len(stops))
    assert set(plan.unassigned) == {row for row, units in enumerate(demand) if units > capacity}
    assert all(len(route) <= most for route in plan.routes)
    assert all(sum(demand[row] for row in route) <= capacity for route in plan.routes)
    assert plan.distance_m == length(plan, depot is not None, over(stops, depot, rounded))


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12)), min_size=1, max_size=40),
    st.integers(1, 10),
    st.integers(1, 12),
)
def test_demands_that_pack_badly(stops, most, capacity):
    demand = [units for _, units in stops]
    plan = solve(
        [(x, 0) for x, _ in stops], max_per_route=most, demand=demand, capacity=capacity,
        metric="euclidean_rounded", time_limit_s=0,
    )  # fmt: skip
    check_complete(plan, len(stops))
    assert all(len(route) <= most and sum(demand[row] for row in route) <= capacity for route in plan.routes)


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 25), st.booleans(), st.integers(0, 1000))
def test_one_way_streets(n, has_depot, seed):
    matrix = lopsided_matrix(n + has_depot, seed)
    depot = (0, 0) if has_depot else None
    plan = solve(np.zeros((n, 2)), depot=depot, max_per_route=9, metric=matrix, time_limit_s=0.3)
    check_complete(plan, n)
    node = {None: 0} | {row: row + has_depot for row in range(n)}
    assert plan.distance_m == pytest.approx(length(plan, has_depot, lambda a, b: matrix[node[a], node[b]]))


@pytest.mark.parametrize("n", [1, 49, 50, 51, 100, 101, 333])
@pytest.mark.parametrize("depot", [None, (32.6, -97.3)])
def test_unit_demand_uses_the_fewest_routes_of_even_size(n, depot):
    stops = np.random.default_rng(n).normal((32.8, -97.2), 0.05, (n, 2))
    plan = solve(stops, depot=depot, time_limit_s=0)
    assert len(plan.routes) == math.ceil(n / 50)
    assert max(map(len, plan.routes)) - min(map(len, plan.routes)) <= 1


def test_equal_demands_above_one_use_the_fewest_routes():
    plan = solve(np.random.default_rng(0).random((40, 2)), demand=[3] * 40, capacity=10, time_limit_s=0)
    assert len(plan.routes) == math.ceil(40 / 3)

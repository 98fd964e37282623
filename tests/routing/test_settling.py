"""Who works where: crews keep to their own ground and have even days, where that is asked for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yardstick import DALLAS, check_complete, town

from stormplay.errors import BadInput
from stormplay.routing import homes_abroad, solve

TRIALS = 60_000


def abroad(plan, stops):
    label = np.full(len(stops), -1)
    for number, route in enumerate(plan.routes):
        label[route] = number
    return int(homes_abroad(stops, label).sum())


@pytest.fixture(scope="module")
def far_from_the_depot():
    """Routes to a town far away pay for their way there, so the shortest plan does not care who works where."""
    return town(400, seed=3), np.add(DALLAS, (0.6, 0.6))


def test_crews_keep_to_their_own_ground_where_that_is_worth_something(far_from_the_depot):
    stops, depot = far_from_the_depot
    plans = [
        solve(stops, depot=depot, max_per_route=40, iterations=TRIALS, territory_m=worth) for worth in (0, 200, 2000)
    ]
    crossing = [abroad(plan, stops) for plan in plans]
    assert crossing[0] > 20 and crossing[1] < crossing[0] / 2 and crossing[2] <= crossing[1]
    for plan in plans:
        check_complete(plan, len(stops))
        assert max(map(len, plan.routes)) <= 40
    # What it costs is what was said to be worth it.
    assert plans[1].distance_m - plans[0].distance_m <= 200 * (crossing[0] - crossing[1])


def test_days_are_made_even_where_that_is_asked_for():
    stops = town(200, seed=5)
    given = {"depot": DALLAS, "max_per_route": 60, "service_minutes": 10.0, "iterations": TRIALS}
    as_it_comes, even = solve(stops, **given), solve(stops, balance=0.05, **given)
    assert sorted(np.concatenate(even.routes)) == list(range(200))
    assert len(even.routes) == len(as_it_comes.routes) == 4
    assert as_it_comes.route_minutes.max() > 1.1 * as_it_comes.route_minutes.mean()
    assert even.route_minutes.max() <= 1.06 * even.route_minutes.mean()


@settings(max_examples=6, deadline=None)
@given(st.integers(5, 60), st.integers(3, 9), st.integers(0, 99))
def test_no_limit_is_exceeded_for_it(n, capacity, seed):
    rng = np.random.default_rng(seed)
    demand, stops = rng.integers(0, capacity + 1, n), town(n, seed)
    plan = solve(
        stops, depot=DALLAS, demand=demand, capacity=capacity, max_per_route=12, shift_minutes=180,
        service_minutes=7.0, territory_m=300.0, balance=0.0, iterations=3_000,
    )  # fmt: skip
    assert sorted([row for route in plan.routes for row in route.tolist()] + [*plan.unassigned]) == list(range(n))
    assert all(len(route) <= 12 and demand[route].sum() <= capacity for route in plan.routes)
    assert (plan.route_minutes <= 180 + 1e-6).all()


def test_the_same_seed_gives_the_same_plan(far_from_the_depot):
    stops, depot = far_from_the_depot
    twice = [solve(stops, depot=depot, iterations=20_000, territory_m=300.0, balance=0.1).routes for _ in range(2)]
    assert all(np.array_equal(a, b) for a, b in zip(*twice, strict=True))


@pytest.mark.parametrize(("name", "value"), [("territory_m", -1), ("territory_m", "far"), ("balance", np.nan)])
def test_what_cannot_be_meant_is_refused(name, value):
    with pytest.raises(BadInput, match=name):
        solve(town(10), **{name: value})

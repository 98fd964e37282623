"""A day that has begun: what has been driven stays, the rest is planned anew from there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yardstick import DALLAS, great_circle_m, length, over, town

from stormplay.errors import BadInput
from stormplay.routing import Crew, solve

TRIALS = 20_000


def rows(plan):
    return sorted([row for route in plan.routes for row in route.tolist()] + [*plan.unassigned])


def heads(plan, routes, locked):
    """For each route with locked stops, whether one of the plan begins with them, in this order."""
    begun = [list(route)[:count] for route, count in zip(routes, locked, strict=True) if count]
    return [any(route.tolist()[: len(head)] == head for route in plan.routes) for head in begun]


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_locked_stops_never_move(data):
    n = data.draw(st.integers(1, 40))
    order = data.draw(st.permutations(range(n)))
    cuts = sorted(data.draw(st.lists(st.integers(0, n), max_size=4)))
    routes = [order[a:b] for a, b in zip([0, *cuts], [*cuts, n], strict=True)]
    routes = routes[: data.draw(st.integers(0, len(routes)))]
    locked = [data.draw(st.integers(0, len(route))) for route in routes]
    depot = data.draw(st.sampled_from([None, DALLAS]))
    most = data.draw(st.integers(1, 45))
    stops = town(n, seed=data.draw(st.integers(0, 9)))
    plan = solve(stops, depot=depot, max_per_route=most, routes=routes, locked=locked, iterations=2_000)
    assert rows(plan) == list(range(n)) and not plan.unassigned
    assert all(heads(plan, routes, locked))
    # A route has more stops than the limit only where so many were locked on it.
    allowed = [max([most, *locked])] * len(plan.routes)
    assert all(len(route) <= bound for route, bound in zip(plan.routes, allowed, strict=True))
    expected = length(plan, depot is not None, over(stops, depot, great_circle_m))
    assert plan.distance_m == pytest.approx(expected, rel=1e-7, abs=1.0)


def test_the_rest_of_a_day_is_driven_from_where_the_crew_is():
    stops = np.add(DALLAS, [(0.00, 0.10), (0.00, 0.20), (0.00, 0.30), (0.01, 0.30), (0.01, 0.20), (0.01, 0.10)])
    badly = [0, 1, 4, 2, 5, 3]  # two have been visited
    plan = solve(stops, depot=DALLAS, routes=[badly], locked=[2], iterations=TRIALS)
    assert [route.tolist() for route in plan.routes] == [[0, 1, 2, 3, 4, 5]]
    assert plan.distance_m < plan.start_distance_m


def test_an_urgent_stop_goes_on_a_route_that_has_begun():
    here, there = town(30, seed=1, spread=0.01), np.add(town(30, seed=2, spread=0.01), 0.2)
    stops = np.vstack([here, there, np.add(DALLAS, (0.2, 0.2))])  # the last is the urgent one
    routes, locked = [list(range(30)), list(range(30, 60))], [10, 10]
    plan = solve(stops, depot=DALLAS, max_per_route=40, routes=routes, locked=locked, iterations=TRIALS)
    assert len(plan.routes) == 2 and rows(plan) == list(range(61)) and all(heads(plan, routes, locked))
    assert next(route for route in plan.routes if 60 in route).tolist()[:10] == list(range(30, 40))


def test_a_shift_counts_what_has_been_driven():
    stops = town(60, seed=4)
    day = {"depot": DALLAS, "shift_minutes": 240.0, "service_minutes": 6.0}
    before = solve(stops, iterations=TRIALS, **day)
    locked = [len(route) // 2 for route in before.routes]
    backwards = [np.concatenate([r[:k], r[k:][::-1]]) for r, k in zip(before.routes, locked, strict=True)]
    after = solve(stops, routes=backwards, locked=locked, iterations=TRIALS, **day)
    assert rows(after) == list(range(60)) and all(heads(after, backwards, locked))
    assert (after.route_minutes <= 240 + 1e-6).all()


def test_each_crew_goes_on_with_its_own_route():
    crews = [Crew("north", start=(33.0, -97.3), end=(33.0, -97.3)), Crew("south", start=(32.3, -97.3), end=None)]
    with pytest.raises(BadInput, match="end anywhere"):
        solve(town(10), crews=crews)
    crews = [crews[0], Crew("south", start=(32.3, -97.3), end=(32.3, -97.3))]
    plan = solve(town(20), depot=None, crews=crews, routes=[[0, 1], [2, 3]], locked=[2, 1], iterations=TRIALS)
    first = {name: route.tolist()[0] for name, route in zip(plan.route_crews, plan.routes, strict=True)}
    assert first == {"north": 0, "south": 2} and rows(plan) == list(range(20)) and not plan.unassigned


def test_a_plan_is_a_start_where_nothing_is_locked():
    stops = town(120, seed=6)
    before = solve(stops, depot=DALLAS, iterations=TRIALS)
    again = solve(stops, depot=DALLAS, routes=before.routes, time_limit_s=0)
    assert again.distance_m == pytest.approx(before.distance_m) and again.start_distance_m == again.distance_m


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"routes": [[0, 0]]}, "twice"),
        ({"routes": [[99]]}, "Stop 99"),
        ({"locked": [1]}, "no route"),
        ({"routes": [[0, 1]], "locked": [3]}, "locked"),
        ({"routes": [[0], [1]], "crews": [Crew(start=None, end=None)]}, "2 routes and 1 crews"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(asked, said):
    with pytest.raises(BadInput, match=said):
        solve(town(10), **asked)

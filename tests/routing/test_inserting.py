"""One more stop on a day that has begun."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yardstick import DALLAS, great_circle_m, lopsided_matrix, town

from stormplay.errors import BadInput
from stormplay.routing import drive_minutes, insert, solve


def metres(route, stops, depot):
    path = [depot, *(stops[row] for row in route), depot]
    return sum(great_circle_m(a, b) for a, b in itertools.pairwise(place for place in path if place is not None))


@given(st.integers(0, 2**32), st.integers(1, 4), st.booleans(), st.sampled_from([None, 60.0, 150.0]))
def test_the_cheapest_place_behind_what_is_locked(seed, count, has_depot, shift):
    rng = np.random.default_rng(seed)
    stops, depot = town(13, seed), DALLAS if has_depot else None
    routes = np.split(rng.permutation(12), sorted(rng.integers(0, 13, count - 1)))
    locked = [int(rng.integers(0, len(route) + 1)) for route in routes]
    found = insert(routes, 12, stops, locked=locked, depot=depot, max_per_route=8, shift_minutes=shift,
                   service_minutes=2)  # fmt: skip
    places = []
    for number, route in enumerate(routes):
        for at in range(locked[number], len(route) + 1):
            longer = metres(np.insert(route, at, 12), stops, depot)
            is_kept = shift is None or drive_minutes(longer) + 2 * (len(route) + 1) <= shift
            if len(route) < 8 and is_kept:
                places.append(longer - metres(route, stops, depot))
    if not places:
        assert found.route is None and found.routes[0].tolist() == routes[0].tolist() and found.reason
        return
    assert found.added == pytest.approx(min(places), abs=0.01)
    for number, (before, after) in enumerate(zip(routes, found.routes, strict=True)):
        if number == found.route:
            assert after[: locked[number]].tolist() == before[: locked[number]].tolist()
            assert after[after != 12].tolist() == before.tolist() and after[found.position] == 12
            assert found.later.tolist() == after[found.position + 1 :].tolist()
        else:
            assert after.tolist() == before.tolist()


def test_a_plan_takes_one_more_stop_and_says_where():
    stops = town(41, seed=3)
    plan = solve(stops[:40], depot=DALLAS, max_per_route=20, iterations=2_000)
    found = insert(plan.routes, 40, stops, depot=DALLAS, max_per_route=21)
    assert found.reason.startswith(f"Stop 40 goes to place {found.position + 1} of route {found.route + 1}: ")
    assert sorted(np.concatenate(found.routes).tolist()) == list(range(41))


def test_the_way_back_may_be_longer():
    matrix = lopsided_matrix(6)
    found = insert([[0, 1, 2, 3]], 4, np.zeros((5, 2)), depot=(0, 0), metric=matrix)

    def whole(route):
        return sum(matrix[a, b] for a, b in itertools.pairwise([0, *(row + 1 for row in route), 0]))

    least = min(whole(np.insert([0, 1, 2, 3], at, 4)) for at in range(5))
    assert whole(found.routes[0]) == pytest.approx(least)
    assert found.added == pytest.approx(least - whole([0, 1, 2, 3]))


def test_nobody_has_room_or_time():
    stops = town(5)
    assert insert([[0, 1], [2, 3]], 4, stops, max_per_route=2).reason == "All 2 routes are full."
    late = insert([[0, 1], [2, 3]], 4, stops, depot=DALLAS, shift_minutes=200, service_minutes=80)
    assert (late.route, late.reason) == (None, "No crew with room has the time for it in its shift.")
    assert insert([], 4, stops).reason == "There is no route to put it on."


@pytest.mark.parametrize(
    ("routes", "stop", "wish"),
    [([[0, 1], [1]], 2, {}), ([[0, 2]], 2, {}), ([[0, 9]], 2, {}), ([[0]], 3, {}), ([[0]], 7, {}),
     ([[0]], 1, {"locked": [2]}), ([[0]], 1, {"locked": []}), ([[0]], 1, {"max_per_route": 0}),
     ([[0]], 1, {"shift_minutes": math.nan})],
)  # fmt: skip
def test_what_cannot_be_is_refused(routes, stop, wish):
    with pytest.raises(BadInput):
        insert(routes, stop, [*town(3), (math.nan, 0)], **wish)

"""Groups of routes to be solved again: disjoint, near each other, never too large."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stormplay.routing.neighbourhood import Neighbourhood, near_pairs


def routes_on_a_grid(side, size):
    """`side` x `side` routes of `size` stops, each in its own cell."""
    rng = np.random.default_rng(0)
    corners = np.array([(x, y) for x in range(side) for y in range(side)], dtype=float)
    points = np.repeat(corners, size, axis=0) + rng.random((side * side * size, 2))
    return points, list(np.arange(len(points)).reshape(side * side, size))


@given(st.integers(1, 60), st.sampled_from([2, 3]), st.integers(0, 99))
def test_pairs_are_of_two_different_points(n, dimensions, seed):
    rng = np.random.default_rng(seed)
    pairs = near_pairs(rng.random((n, dimensions)), rng)
    assert pairs.shape[1] == 2 and (n == 1) == (len(pairs) == 0)
    assert (pairs[:, 0] != pairs[:, 1]).all() and set(pairs.ravel()) <= set(range(n))


def test_most_pairs_are_near():
    points = np.random.default_rng(0).random((2000, 2))
    pairs = near_pairs(points, np.random.default_rng(1))
    apart = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    assert np.quantile(apart, 0.8) < 0.08  # two random points are 0.52 apart


@given(st.integers(1, 5), st.integers(1, 6), st.integers(1, 40), st.integers(20, 60), st.integers(0, 99))
def test_groups_are_disjoint_complete_and_within_the_limit(side, size, least, most, seed):
    points, routes = routes_on_a_grid(side, size)
    rng = np.random.default_rng(seed)
    groups = Neighbourhood(routes, near_pairs(points, rng), len(points)).draw(rng, 4, least, most)
    assert sorted(number for group in groups for number in group) == list(range(len(routes)))
    assert all(len(group) * size <= most for group in groups)
    assert all(len(group) <= max(4, -(-least // size)) for group in groups)


def test_groups_are_of_neighbours():
    points, routes = routes_on_a_grid(8, 30)
    rng = np.random.default_rng(3)
    around = Neighbourhood(routes, near_pairs(points, rng), len(points))
    pairs = [group for _ in range(20) for group in around.draw(rng, 2, 1, 240) if len(group) == 2]
    apart = [np.abs(np.subtract(divmod(one, 8), divmod(other, 8))).max() for one, other in pairs]
    assert np.mean(np.array(apart) == 1) > 0.95


def test_empty_and_oversized_routes_are_left_alone():
    points, routes = routes_on_a_grid(2, 10)
    routes = [routes[0], np.zeros(0, dtype=np.intp), np.concatenate(routes[1:3]), routes[3]]
    rng = np.random.default_rng(0)
    groups = Neighbourhood(routes, near_pairs(points, rng), 40).draw(rng, 4, 1, 15)
    assert sorted(number for group in groups for number in group) == [0, 3]

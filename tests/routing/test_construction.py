"""Bisection by itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yardstick import great_circle_m

from stormplay.routing.construction import bisect, embed_sphere, routes_needed

points = st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=80)


@given(points, st.integers(1, 90))
def test_equal_demands_split_evenly_into_the_fewest_routes(places, most):
    n = len(places)
    routes = bisect(np.array(places), np.ones(n, dtype=np.intp), most, n)
    assert sorted(np.concatenate(routes).tolist()) == list(range(n))
    assert len(routes) == routes_needed(np.ones(n, dtype=np.intp), most, n) == -(-n // most)
    sizes = [len(route) for route in routes]
    assert max(sizes) - min(sizes) <= 1 and max(sizes) <= most


@given(points, st.data(), st.integers(1, 20), st.integers(1, 9))
def test_unequal_demands_fit(places, data, most, capacity):
    n = len(places)
    units = np.array(data.draw(st.lists(st.integers(0, capacity), min_size=n, max_size=n)), dtype=np.intp)
    routes = bisect(np.array(places), units, most, capacity)
    assert sorted(np.concatenate(routes).tolist()) == list(range(n))
    assert all(0 < len(route) <= most and units[route].sum() <= capacity for route in routes)
    assert len(routes) >= routes_needed(units, most, capacity)


def test_two_towns_are_not_mixed():
    towns = np.concatenate([np.zeros((50, 2)), np.full((50, 2), 100.0)])
    assert {tuple(sorted(route // 50)) for route in bisect(towns, np.ones(100, dtype=np.intp), 25, 100)} == {
        (0,) * 25,
        (1,) * 25,
    }


def test_nothing_to_split():
    assert bisect(np.zeros((0, 2)), np.zeros(0, dtype=np.intp), 5, 5) == []


@given(st.tuples(st.floats(-90, 90), st.floats(-180, 180)), st.tuples(st.floats(-90, 90), st.floats(-180, 180)))
def test_the_embedding_keeps_what_is_near(start, end):
    chord = np.linalg.norm(np.subtract(*embed_sphere(np.array([start, end]))))
    radius = 6_371_008.8
    assert chord == pytest.approx(2 * radius * np.sin(great_circle_m(start, end) / radius / 2), abs=0.01)

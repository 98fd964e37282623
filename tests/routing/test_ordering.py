"""The order inside a route: a path that only gets shorter, also where streets are one-way."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yardstick import lopsided_matrix, planar_block

from stormplay.routing.ordering import improve_path, order_path, strips


def path_length(matrix, order):
    nodes = [0, *(order + 1), len(matrix) - 1]
    return sum(matrix[a, b] for a, b in itertools.pairwise(nodes))


def square(n, seed):
    places = np.random.default_rng(seed).random((n + 2, 2))
    return planar_block(places, places)


@settings(deadline=None)
@given(st.integers(1, 25), st.integers(0, 999), st.booleans())
def test_an_improved_path_visits_all_and_is_no_longer(n, seed, one_way):
    matrix = lopsided_matrix(n + 2, seed) if one_way else square(n, seed)
    start = np.random.default_rng(seed).permutation(n)
    better = improve_path(matrix, start)
    assert sorted(better.tolist()) == list(range(n))
    assert path_length(matrix, better) <= path_length(matrix, start) + 1e-9
    assert sorted(order_path(matrix).tolist()) == list(range(n))


@pytest.mark.parametrize("one_way", [False, True])
def test_no_single_move_is_left(one_way):
    """A local optimum: neither a reversal nor a move of one to three stops, tried one by one, is shorter."""
    n = 9
    matrix = lopsided_matrix(n + 2, 1) if one_way else square(n, 1)
    order = improve_path(matrix, np.random.default_rng(1).permutation(n))
    here = path_length(matrix, order)
    for first, last in itertools.combinations(range(n + 1), 2):
        segment, rest = order[first:last], np.concatenate([order[:first], order[last:]])
        tried = [np.concatenate([order[:first], segment[::-1], order[last:]])]
        if len(segment) <= 3:
            tried += [np.concatenate([rest[:at], segment, rest[at:]]) for at in range(len(rest) + 1)]
        if one_way:  # a reversal in a one-way street is another path, and not among the moves
            tried = tried[1:]
        assert all(path_length(matrix, other) >= here - 1e-9 for other in tried)


def test_close_to_the_best_of_all_orders():
    matrix = square(7, 3)
    best = min(path_length(matrix, np.array(order)) for order in itertools.permutations(range(7)))
    assert best <= path_length(matrix, order_path(matrix)) <= 1.15 * best


def test_a_street_is_walked_from_end_to_end():
    places = np.random.default_rng(0).permutation(40)[:, None].astype(float)
    matrix = np.zeros((42, 42))
    matrix[1:-1, 1:-1] = planar_block(places, places)
    assert path_length(matrix, order_path(matrix)) == 39


@given(st.integers(1, 400), st.integers(0, 99))
def test_strips_visit_all(n, seed):
    assert sorted(strips(np.random.default_rng(seed).random((n, 2))).tolist()) == list(range(n))


def test_strips_are_near_what_a_square_costs():
    """About 0.92 sqrt(n A) for strips (Daganzo, 1984), where the best tour has 0.71."""
    places = np.random.default_rng(0).random((4000, 2))
    path = places[strips(places)]
    assert np.linalg.norm(np.diff(path, axis=0), axis=1).sum() < 1.05 * np.sqrt(4000)

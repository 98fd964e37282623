"""Every value that cannot be used is refused in one or two sentences that name it."""

import math

import numpy as np
import pytest
from yardstick import DALLAS, check_complete, planar_block, town

from stormplay.errors import BadInput
from stormplay.routing import solve

STOPS = town(4)
BAD = [
    ({"max_per_route": 0}, "max_per_route is 0."),
    ({"max_per_route": -1}, "max_per_route is -1."),
    ({"max_per_route": 2.5}, "max_per_route is 2.5."),
    ({"max_per_route": 50.0}, "max_per_route is 50.0."),
    ({"max_per_route": True}, "max_per_route is True."),
    ({"max_per_route": "5"}, "max_per_route is '5'."),
    ({"max_per_route": None}, "max_per_route is None."),
    ({"workers": 0}, "workers is 0."),
    ({"workers": 1.5}, "workers is 1.5."),
    ({"time_limit_s": -1}, "time_limit_s is -1."),
    ({"time_limit_s": math.nan}, "time_limit_s is nan."),
    ({"time_limit_s": None}, "time_limit_s is None."),
    ({"time_limit_s": "10"}, "time_limit_s is '10'."),
    ({"time_limit_s": True}, "time_limit_s is True."),
    ({"depot": (1, 2, 3)}, "The depot is (1, 2, 3)."),
    ({"depot": (math.nan, 0)}, "The depot is (nan, 0)."),
    ({"depot": (91, 0)}, "The depot is (91, 0)."),
    ({"depot": (0, 361)}, "The depot is (0, 361)."),
    ({"depot": "Dallas"}, "The depot is 'Dallas'."),
    ({"depot": [DALLAS]}, "The depot is [("),
    ({"depot": 5}, "The depot is 5."),
    ({"demand": [1, 1, 1]}, "demand has the shape (3,)."),
    ({"demand": [[1], [1], [1], [1]]}, "demand has the shape (4, 1)."),
    ({"demand": 3}, "demand has the shape ()."),
    ({"demand": [1, 1, -1, 1]}, "demand has a value that is negative or not a whole number."),
    ({"demand": [1, 1, 0.5, 1]}, "demand has a value that is negative or not a whole number."),
    ({"demand": [1, 1, math.nan, 1]}, "demand has a value that is negative or not a whole number."),
    ({"demand": [1, 1, math.inf, 1]}, "demand has a value that is negative or not a whole number."),
    ({"demand": ["a", "b", "c", "d"]}, "demand is not made of numbers."),
    ({"demand": [1, 1, 1e300, 1]}, "demand adds up to 1e+300 units."),
    ({"capacity": 0}, "capacity is 0."),
    ({"capacity": -2, "demand": [1, 1, 1, 1]}, "capacity is -2."),
    ({"capacity": 2.5}, "capacity is 2.5."),
    ({"metric": "manhattan"}, "There is no metric 'manhattan'."),
    ({"metric": None}, "The matrix has the shape ()."),
    ({"metric": object()}, "The metric is not made of numbers."),
    ({"metric": [["far", "near"]]}, "The metric is not made of numbers."),
    ({"metric": np.ones((5, 5))}, "The matrix has the shape (5, 5)."),
    ({"metric": np.ones((4, 4)), "depot": DALLAS}, "The matrix has the shape (4, 4)."),
    ({"metric": np.ones((4, 3))}, "The matrix has the shape (4, 3)."),
    ({"metric": -np.ones((4, 4))}, "The matrix has a distance that is negative or not a finite number."),
    ({"metric": np.full((4, 4), math.nan)}, "The matrix has a distance that is negative or not a finite number."),
    ({"metric": np.full((4, 4), math.inf)}, "The matrix has a distance that is negative or not a finite number."),
]


@pytest.mark.parametrize(("arguments", "sentence"), BAD, ids=[f"{next(iter(a))}-{i}" for i, (a, _) in enumerate(BAD)])
def test_bad_arguments(arguments, sentence):
    calls = []
    with pytest.raises(BadInput) as caught:
        solve(STOPS, progress=calls.append, **arguments)
    message = str(caught.value)
    assert message.startswith(sentence) and caught.value.expected in message and caught.value.expected
    assert "\n" not in message and message.endswith(".") and len(message) < 200
    assert not calls  # refused before any work


@pytest.mark.parametrize(
    ("coordinates", "sentence"),
    [
        ([1, 2, 3], "coordinates have the shape (3,)."),
        (np.zeros((3, 3)), "coordinates have the shape (3, 3)."),
        (np.zeros((2, 2, 2)), "coordinates have the shape (2, 2, 2)."),
        (5, "coordinates have the shape ()."),
        ([(1, 2), (3,)], "coordinates are not numbers."),
        ([("north", "west")], "coordinates are not numbers."),
        (None, "coordinates have the shape ()."),
    ],
)
def test_bad_coordinates(coordinates, sentence):
    with pytest.raises(BadInput) as caught:
        solve(coordinates)
    assert str(caught.value).startswith(sentence) and "(n, 2)" in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda rows, columns: np.zeros(3), "The metric function returned shape (3,)"),
        (
            lambda rows, columns: -planar_block(rows, columns),
            "The metric function returned a distance that is negative",
        ),
        (lambda rows, columns: planar_block(rows, columns) * math.nan, "The metric function returned a distance"),
    ],
)
def test_bad_metric_functions(answer, sentence):
    with pytest.raises(BadInput, match=sentence.replace("(", r"\(").replace(")", r"\)")):
        solve(STOPS, metric=answer, time_limit_s=0)


def test_a_stop_above_the_capacity_is_left_out_and_the_rest_is_routed():
    plan = solve(town(10), demand=[1] * 9 + [7], capacity=3, time_limit_s=0.3)
    check_complete(plan, 10)
    assert plan.unassigned == {9: "demand 7 above the capacity 3"}
    assert len(plan.routes) == 3


def test_a_missing_place_is_the_reason_before_a_large_demand():
    assert solve([(math.nan, 0)], demand=[9], capacity=1).unassigned == {0: "no coordinates"}


def test_capacity_counts_stops_where_no_demand_is_given():
    assert [len(r) for r in solve(town(8), capacity=2, max_per_route=5, time_limit_s=0).routes] == [2] * 4


def test_demand_of_nothing_needs_no_second_route():
    assert len(solve(town(8), demand=[0] * 8, capacity=1, time_limit_s=0).routes) == 1


def test_numpy_integers_are_whole_numbers():
    assert len(solve(STOPS, max_per_route=np.int64(2), time_limit_s=np.float32(0)).routes) == 2


def test_what_was_given_is_left_as_it_was():
    stops, demand, matrix = town(30), np.ones(30, dtype=int), planar_block(town(30), town(30))
    before = [array.copy() for array in (stops, demand, matrix)]
    solve(stops, demand=demand, metric=matrix, max_per_route=10, time_limit_s=0.2)
    assert all(np.array_equal(old, new) for old, new in zip(before, (stops, demand, matrix), strict=True))

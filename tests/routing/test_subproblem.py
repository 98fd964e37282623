"""One small problem for OR-Tools: plain lists in and out, limits kept."""

import numpy as np

from stormplay.routing.subproblem import solve_subproblem

LINE = {
    "matrix": np.abs(np.subtract.outer(p := [0, 3, 1, 2, 9], p)).tolist(),
    "vehicles": 1, "limits": [], "initial": [], "strategy": "AUTOMATIC", "solutions": 20, "seconds": 5.0,
}  # fmt: skip


def test_a_subproblem_is_plain_lists_in_and_out():
    assert solve_subproblem(LINE) == [[2, 3, 1]]
    assert solve_subproblem(LINE | {"initial": [[1, 2, 3]]}) == [[2, 3, 1]]


def test_limits_hold_in_a_subproblem():
    one_each = {"amounts": [0, 1, 1, 1, 0], "most": 1}
    assert sorted(solve_subproblem(LINE | {"vehicles": 3, "limits": [one_each]})) == [[1], [2], [3]]
    assert solve_subproblem(LINE | {"limits": [one_each]}) == []  # three stops, one vehicle for one

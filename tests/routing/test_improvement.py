"""Rounds of sub-problems: everything that got shorter is taken, nothing that did not."""

import numpy as np
import pytest
from yardstick import planar_block

from stormplay.routing.draft import Draft
from stormplay.routing.improvement import CYCLE, Improvement
from stormplay.routing.progress import Clock, Reporter
from stormplay.routing.question import ask
from stormplay.routing.subproblem import solve_subproblem
from stormplay.routing.workers import CallingThread, WorkerProcesses


def far_towns(count=5, stops=130):
    """Towns each visited by one route in a poor order; two of 130 stops are too many for one group."""
    rng = np.random.default_rng(0)
    places = rng.random((count * stops, 2)) + np.repeat(np.arange(count) * 1000, stops)[:, None]
    problem = ask(places, None, stops, None, None, planar_block)
    return Draft(problem, [rng.permutation(stops) + number * stops for number in range(count)])


def rounds(draft, limit_s=30.0):
    clock = Clock(limit_s)
    return Improvement(draft, clock, Reporter(None, clock), CallingThread(), 1, np.random.default_rng(0))


def test_a_round_takes_every_gain_not_only_the_first():
    draft = far_towns()
    before = list(draft.lengths)
    assert rounds(draft)._round(CYCLE[0], 10)
    assert all(after < poor for after, poor in zip(draft.lengths, before, strict=True))


def test_a_round_that_finds_nothing_changes_nothing():
    draft = far_towns(1, 4)
    improvement = rounds(draft)
    while any([improvement._round(strategy, 40) for strategy in CYCLE]):  # noqa: C419 - all of them, each time
        pass
    before = [route.tolist() for route in draft.routes]
    assert not any(improvement._round(strategy, 40) for strategy in CYCLE)
    assert [route.tolist() for route in draft.routes] == before


def test_lengths_keep_in_step_with_routes():
    draft = far_towns(3)
    rounds(draft)._round(CYCLE[0], 10)
    assert draft.lengths == pytest.approx(draft.problem.route_lengths(draft.routes).tolist())


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


def test_worker_processes_answer_as_this_one_does_and_know_nothing_else():
    workers = WorkerProcesses(2)
    try:
        answers = [workers.submit(solve_subproblem, LINE) for _ in range(4)]
        assert [answer.result(timeout=60) for answer in answers] == [[[2, 3, 1]]] * 4
        with pytest.raises(ValueError, match="only solve sub-problems"):
            workers.submit(print, "hello")
    finally:
        workers.shutdown()


def test_the_calling_thread_hands_errors_on():
    assert isinstance(CallingThread().submit(int, "seven").exception(), ValueError)

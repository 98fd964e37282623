"""What `solve` promises beside the plan: progress, an end on time or on demand, the same again, nothing left behind."""

import itertools
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from yardstick import DALLAS, UntilBetter, check_complete, great_circle_m, town

from stormplay.routing import solve

OVERSHOOT_S = 0.6
MANY = town(600, spread=0.1)


def threads():
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("routing_")}


@pytest.fixture(autouse=True)
def _no_thread_left_behind():
    assert not threads()
    yield
    assert not threads()


def test_better_than_bisection():
    stops = town(1500, seed=7, spread=0.1)
    alone = solve(stops, depot=DALLAS, time_limit_s=0)
    plan = solve(stops, depot=DALLAS, time_limit_s=4)
    check_complete(plan, 1500)
    assert len(plan.routes) <= 30
    assert plan.start_distance_m == pytest.approx(alone.distance_m)
    assert plan.distance_m < alone.distance_m * 0.9995


# ---- progress


@pytest.mark.parametrize("time_limit_s", [0, 1.5])
def test_progress_never_falls_and_ends_with_the_plan(time_limit_s):
    reports, threads = [], set()

    def listen(report):
        reports.append(report)
        threads.add(threading.current_thread())

    began = time.perf_counter()
    plan = solve(MANY, depot=DALLAS, time_limit_s=time_limit_s, progress=listen)
    taken_s = time.perf_counter() - began
    fractions = [report.fraction for report in reports]
    assert fractions == sorted(fractions) and fractions[0] < 0.05
    assert [report.phase for report in reports if report.fraction == 1] == ["done"]
    assert (reports[-1].fraction, reports[-1].phase) == (1.0, "done")
    assert (reports[-1].distance_m, reports[-1].routes) == (plan.distance_m, len(plan.routes))
    order = ["bisection", "ordering", "improvement", "done"]
    assert [order.index(report.phase) for report in reports] == sorted(order.index(report.phase) for report in reports)
    better = [report.distance_m for report in reports if report.phase in ("improvement", "done")]
    assert better == sorted(better, reverse=True)
    assert len(reports) <= 3 + taken_s * 10
    assert threads == {threading.current_thread()}


def test_progress_of_a_run_without_a_stop():
    reports = []
    solve([], progress=reports.append)
    assert (reports[-1].fraction, reports[-1].phase) == (1.0, "done")


# ---- the end


@pytest.mark.parametrize("phase", ["bisection", "ordering", "improvement"])
def test_false_stops_and_the_best_so_far_is_kept(phase):
    last = []

    def stop(report):
        last.append(report.phase)
        return report.phase != phase

    # One route of 1,500 is ordered for long enough that there is a report on it.
    began = time.perf_counter()
    plan = solve(town(3000), depot=DALLAS, max_per_route=1500, time_limit_s=60, progress=stop)
    assert time.perf_counter() - began < 15
    assert plan.ended == "cancelled"
    assert last[-1] == phase  # no word after the wish to stop
    check_complete(plan, 3000)
    assert [len(route) for route in plan.routes] == [1500, 1500]


def test_stopping_later_keeps_what_was_won():
    progress = UntilBetter()
    plan = solve(MANY, time_limit_s=60, progress=progress)
    check_complete(plan, 600)
    # What the unfinished round had won by then is kept as well.
    assert plan.ended == "cancelled" and plan.distance_m <= progress.seen[-1] < plan.start_distance_m


@pytest.mark.parametrize("answer", [None, 0, "", np.False_])
def test_only_the_exact_false_stops(answer):
    assert solve(town(60), max_per_route=20, time_limit_s=0.3, progress=lambda _: answer).ended != "cancelled"


@pytest.mark.parametrize("time_limit_s", [0.05, 0.5, 1.2])
@pytest.mark.parametrize("most", [50, 3000])
def test_the_clock_is_kept(time_limit_s, most):
    stops = town(3000)
    began = time.perf_counter()
    plan = solve(stops, max_per_route=most, time_limit_s=time_limit_s)
    assert time.perf_counter() - began < time_limit_s + OVERSHOOT_S
    check_complete(plan, 3000)
    assert plan.ended == "time"


def test_a_converged_run_ends_before_its_time():
    began = time.perf_counter()
    assert solve(town(8), time_limit_s=float("inf")).ended == "converged"
    assert time.perf_counter() - began < 30


# ---- who works


@pytest.mark.parametrize("phase", ["bisection", "improvement"])
def test_an_error_in_progress_comes_through(phase):
    during = []

    def fail(report):
        during.append(len(threads()))
        if report.phase == phase and len(during) >= (1 if phase == "bisection" else 4):
            raise RuntimeError("the page is gone")

    with pytest.raises(RuntimeError, match="the page is gone"):
        solve(MANY, time_limit_s=20, workers=2, progress=fail)
    assert phase == "bisection" or max(during) >= 2  # there were threads to leave behind


def test_from_another_thread():
    with ThreadPoolExecutor(1) as other:
        plan = other.submit(solve, MANY, depot=DALLAS, time_limit_s=1.5).result()
    check_complete(plan, 600)
    assert plan.ended == "time"


def test_a_thread_pool_of_the_callers_own_stays_open():
    with ThreadPoolExecutor(2) as pool:
        plan = solve(town(200), max_per_route=25, time_limit_s=30, executor=pool, progress=UntilBetter())
        check_complete(plan, 200)
        assert plan.distance_m < plan.start_distance_m
        assert pool.submit(int, "7").result() == 7


def test_a_process_pool_of_the_callers_own_stays_open():
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        plan = solve(town(200), max_per_route=25, time_limit_s=30, executor=pool, progress=UntilBetter())
        check_complete(plan, 200)
        assert plan.distance_m < plan.start_distance_m
        assert pool.submit(int, "7").result() == 7


# ---- the same again


def test_a_converged_run_gives_the_same_plan_whoever_works():
    stops = town(8, seed=2)
    with ThreadPoolExecutor(2) as pool:
        plans = [
            solve(stops, depot=DALLAS, max_per_route=3, seed=3, time_limit_s=60, executor=executor, workers=workers)
            for executor, workers in ((None, 1), (None, None), (pool, 2))
        ]
    assert [plan.ended for plan in plans] == ["converged"] * 3
    assert {plan.distance_m for plan in plans} == {plans[0].distance_m}
    assert all(
        np.array_equal(mine, theirs)
        for plan in plans[1:]
        for mine, theirs in zip(plan.routes, plans[0].routes, strict=True)
    )


def test_a_small_town_is_solved_to_the_best():
    """Seven stops on one open route: all 5,040 orders tried here."""
    stops = town(7, seed=4)
    between = [[great_circle_m(start, end) for end in stops] for start in stops]
    best = min(sum(between[a][b] for a, b in itertools.pairwise(p)) for p in itertools.permutations(range(7)))
    assert solve(stops, time_limit_s=30).distance_m == pytest.approx(best)


def test_importing_routing_loads_neither_ortools_nor_the_compiler():
    code = "import sys, stormplay.routing; print([n for n in sys.modules if n in ('ortools', 'numba', 'scipy')])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"

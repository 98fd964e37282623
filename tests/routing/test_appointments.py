"""Visits promised for an hour: kept where a crew can, by waiting where need be, and told where nobody can."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yardstick import DALLAS, great_circle_m, town

from stormplay.errors import BadInput
from stormplay.routing import Crew, drive_minutes, solve

TRIALS = 5_000
ANY = (np.nan, np.nan)


def hours(stops, route, depot, service, windows):
    """When each visit begins and the route ends, counted here: driving by the great circle, waiting where too early."""
    now, here, begins = 0.0, depot, []
    for row in route.tolist():
        if here is not None:
            now += drive_minutes(great_circle_m(here, stops[row]))
        now = max(now, np.nan_to_num(windows[row][0]))
        begins.append(now)
        now, here = now + service, stops[row]
    return begins, now + (drive_minutes(great_circle_m(here, depot)) if depot is not None else 0.0)


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 45), st.integers(0, 99), st.sampled_from([None, DALLAS]), st.sampled_from([None, 300.0]))
def test_every_appointment_is_kept_or_explained(n, seed, depot, shift):
    rng = np.random.default_rng(seed)
    stops = town(n, seed)
    earliest = rng.uniform(0, 250, n)
    windows = np.column_stack([earliest, earliest + rng.uniform(0, 90, n)])
    windows[rng.random(n) < 0.7] = np.nan
    plan = solve(stops, depot=depot, max_per_route=12, windows=windows, shift_minutes=shift, service_minutes=10.0,
                 iterations=TRIALS)  # fmt: skip
    routed = [row for route in plan.routes for row in route.tolist()]
    assert sorted([*routed, *plan.unassigned]) == list(range(n))
    assert all(not np.isnan(windows[row]).all() or shift for row in plan.unassigned)
    assert max(map(len, plan.routes), default=0) <= 12
    for route, told, minutes in zip(plan.routes, plan.begin_minutes, plan.route_minutes, strict=True):
        begins, ends = hours(stops, route, depot, 10.0, windows)
        assert told == pytest.approx(begins, abs=1e-3) and minutes == pytest.approx(ends, abs=1e-3)
        assert all(begin <= late + 1e-3 for begin, late in zip(begins, windows[route, 1], strict=True) if late == late)
        assert shift is None or ends <= shift + 1e-3


def test_adjusters_are_met_on_the_way_and_nobody_is_left_out_who_need_not_be():
    stops = town(120, seed=2)
    windows = np.full((120, 2), np.nan)
    windows[[3, 40, 77, 110]] = [(60, 75), (120, 135), (60, 75), (180, 195)]
    free = solve(stops, depot=DALLAS, max_per_route=40, service_minutes=3.0, iterations=40_000)
    plan = solve(stops, depot=DALLAS, max_per_route=40, service_minutes=3.0, windows=windows, iterations=40_000)
    assert not plan.unassigned and len(plan.routes) <= len(free.routes) + 1
    assert plan.distance_m <= 1.25 * free.distance_m
    begun = dict(zip(np.concatenate(plan.routes).tolist(), np.concatenate(plan.begin_minutes).tolist(), strict=True))
    assert all(early - 1e-6 <= begun[row] <= late + 1e-6 for row, (early, late) in enumerate(windows) if late == late)


def test_a_crew_that_is_early_waits():
    plan = solve([np.add(DALLAS, (0.01, 0))], depot=DALLAS, windows=[(90, 100)], service_minutes=30.0, time_limit_s=0)
    there = drive_minutes(great_circle_m(DALLAS, np.add(DALLAS, (0.01, 0))))
    assert plan.begin_minutes[0].tolist() == [90.0]
    assert plan.route_minutes[0] == pytest.approx(90 + 30 + there, abs=1e-3)


def test_what_nobody_can_keep_is_left_out_with_the_reason():
    far = np.add(DALLAS, (1.0, 0))
    plan = solve([far, far], depot=DALLAS, windows=[(0, 30), ANY], time_limit_s=0)
    assert list(plan.unassigned) == [0] and "by minute 30" in plan.unassigned[0] and len(plan.routes) == 1
    # One crew cannot be in two places.
    apart = [np.add(DALLAS, (0.1, 0)), np.add(DALLAS, (-0.1, 0))]
    plan = solve(apart, depot=DALLAS, crews=[Crew("one")], windows=[(60, 65), (60, 65)], time_limit_s=0)
    assert len(plan.unassigned) == 1 and "window" in next(iter(plan.unassigned.values()))
    two = solve(apart, depot=DALLAS, crews=[Crew("one"), Crew("two")], windows=[(60, 65), (60, 65)], time_limit_s=0)
    assert not two.unassigned and len(two.routes) == 2


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"windows": [(0, 1)]}, "shape"),
        ({"windows": [(9, 1)] * 3}, "row 0"),
        ({"windows": [(-1, 1)] * 3}, "row 0"),
        ({"windows": "soon"}, "shape"),
        ({"windows": [ANY] * 3, "metric": "euclidean_rounded"}, "appointment"),
        ({"windows": [ANY] * 3, "routes": [[0, 1]], "locked": [1]}, "locked"),
    ],
)
def test_windows_that_cannot_be_meant_are_refused(asked, said):
    with pytest.raises(BadInput, match=said):
        solve(town(3), **asked)

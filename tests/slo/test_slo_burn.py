"""Objectives, budgets and burn rates without a database, and the alerts on simulated weeks."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from stormplay.errors import BadInput
from stormplay.slo import RULES, SERVICES, judge
from stormplay.slo.budgets import budget
from stormplay.slo.burn import WINDOWS_MIN, burn_rate, needed_events
from stormplay.slo.objectives import Objective, checked, default

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def weeks():
    """The benchmark's own simulation."""
    spec = importlib.util.spec_from_file_location("alerts", ROOT / "benchmarks" / "alerts.py")
    made = importlib.util.module_from_spec(spec)
    sys.modules["alerts"] = made
    spec.loader.exec_module(made)
    return made


def counts(**bad_of):
    """good and total of all windows, from bad and total by window; what is not named holds what a shorter one does."""
    names = {"m5": "5 min", "m30": "30 min", "h1": "1 h", "h6": "6 h", "d3": "3 days", "d28": "28 days"}
    bad, total, last = [], [], (0, 0)
    for short, _ in names.items():
        last = bad_of.get(short, last)
        bad.append(last[0])
        total.append(last[1])
    return [n - b for b, n in zip(bad, total, strict=True)], total


def test_the_pairs_are_those_of_the_book():
    assert [(rule.factor, rule.long, rule.short) for rule in RULES] == [
        (14.4, "1 h", "5 min"), (6.0, "6 h", "30 min"), (1.0, "3 days", "6 h")]  # fmt: skip
    assert list(WINDOWS_MIN.values()) == [5, 30, 60, 360, 4_320, 40_320]


@pytest.mark.parametrize(
    ("target", "bad_of", "expected"),
    [
        (0.99, {"m5": (20, 100), "h1": (144, 1_000)}, "14.4x over 1 h and 5 min"),
        (0.99, {"m5": (20, 100), "h1": (143, 1_000), "h6": (143, 6_000), "d3": (143, 72_000)}, None),
        (0.99, {"m5": (0, 100), "m30": (0, 600), "h1": (900, 1_000), "h6": (900, 900_000)}, None),  # it is over
        (0.99, {"m5": (0, 10), "m30": (30, 500), "h1": (30, 1_000), "h6": (360, 6_000)}, "6x over 6 h and 30 min"),
        (0.999, {"m5": (0, 10), "h6": (6, 6_000), "d3": (72, 72_000)}, "1x over 3 days and 6 h"),
        (0.99, {"m5": (1, 1), "h1": (4, 4)}, None),  # too few to say
        (0.99, {"m5": (1, 1), "h1": (5, 5)}, "14.4x over 1 h and 5 min"),
        (0.99, {"m5": (0, 0), "d28": (0, 0)}, None),
    ],
)  # fmt: skip
def test_a_rule_holds_where_both_windows_burn_and_enough_has_happened(target, bad_of, expected):
    found = judge(target, *counts(**bad_of))
    assert (found.rule.name if found else None) == expected


def test_ten_page_views_a_day_are_told_of_honestly():
    """One slow page of the three of an hour is 33 times what is allowed, and says nothing."""
    assert burn_rate(0.99, 1, 3) is None
    assert judge(0.99, *counts(m5=(1, 1), h1=(1, 3), h6=(1, 5), d3=(1, 30), d28=(1, 280))) is None
    assert judge(0.99, *counts(m5=(1, 1), h1=(1, 1), h6=(5, 5), d3=(5, 30))).rule.severity == "urgent"
    few = budget(default("page_time"), 40, 41, 10, 10)
    assert few.state == "not enough events" and few.left is None
    assert few.verdict == (
        "Not enough events: 40 of 41 page views were good in 28 days; against 99 %, 100 are needed for one bad one to "
        "be allowed."
    )
    assert needed_events(0.999) == 1_000 and needed_events(0.99) == 100


def test_a_budget_says_what_is_left():
    kept = budget(default("page_time"), 995, 1_000, 300, 300)
    assert (kept.state, kept.left, kept.attained) == ("kept", pytest.approx(0.5), 0.995)
    fast = budget(default("page_time"), 992, 1_000, 292, 300)
    assert fast.state == "going fast" and fast.burn == pytest.approx(8 / 3)
    assert "2.7 times as fast as allowed" in fast.verdict
    gone = budget(default("page_time"), 980, 1_000, 300, 300)
    assert gone.state == "used up" and gone.left == pytest.approx(-1)
    assert gone.verdict.endswith("20 bad ones where 99 % allows 10.0.")
    assert budget(default("page_time"), 0, 0, 0, 0).state == "not measured"
    assert budget(Objective(SERVICES["page_time"], 0.99, 5.0, is_on=False), 9, 10, 9, 10).state == "switched off"


@pytest.mark.parametrize(
    ("given", "said"),
    [(("nothing",), "There is no service"), (("page_time", 1.0), "leaves no budget"), (("page_time", math.nan), "kept"),
     (("page_time", 0.99, -1.0), "more than 0 s"), (("report_success", 0.99, 3.0), "has no threshold")],
)  # fmt: skip
def test_what_cannot_be_promised_is_refused(given, said):
    with pytest.raises(BadInput, match=said):
        checked(*given)


# ---- simulated


@pytest.mark.parametrize("target", [0.999, 0.99])
@pytest.mark.parametrize("error", [1.0, 0.1, 0.01])
def test_an_outage_is_told_within_the_windows_promise(weeks, target, error):
    rng = np.random.default_rng(20_211)
    found = weeks.outages(rng, target, 100_000, error, 15)
    assert np.isfinite(found.promised).all()
    assert found.late == 0, (found.minutes, found.promised)
    usual = 0.1 * (1 - target)
    alone = min(rule.promise_min(min(1.0, error + usual), target, usual) for rule in RULES)
    assert np.median(found.minutes) <= 1.2 * alone + 1, "what the windows say at even traffic"


def test_few_events_are_told_late_or_never_and_nobody_promises_else(weeks):
    rng = np.random.default_rng(3)
    all_failed = weeks.outages(rng, 0.99, 10, 1.0, 20)
    assert all_failed.late == 0 and 60 < np.median(all_failed.minutes) < 1_440
    few_failed = weeks.outages(rng, 0.99, 10, 0.1, 5)
    assert not np.isfinite(few_failed.promised).any()


@pytest.mark.parametrize("target", [0.999, 0.99])
def test_noise_opens_no_alert(weeks, target):
    rng = np.random.default_rng(28)
    for per_day in weeks.TRAFFIC.values():
        for share in (0.1, 0.25):
            found = weeks.false_alarms(rng, target, per_day, share, 100)
            assert sum(found.values()) <= 0.01, (per_day, share, found)
    textbook = weeks.false_alarms(rng, target, 100, 0.25, 100, textbook=True)
    assert sum(textbook.values()) > 0.1, "which is why a least number of bad events is asked for"


def test_what_is_simulated_is_what_is_judged(weeks):
    """The windows of the simulation and the judge of the product agree, minute by minute."""
    rng = np.random.default_rng(5)
    mean = weeks.profile(5_000, 500)
    errors = np.where(np.arange(5_000) % 700 < 30, 0.5, 0.002)
    bad, total = weeks.draw(rng, mean, errors, 1)
    fired = [weeks.firing(0.99, bad, total, rule)[0] for rule in RULES]
    assert any(each.any() for each in fired)
    for at in range(4_400, 5_000, 7):
        ends = [slice(max(0, at + 1 - width), at + 1) for width in WINDOWS_MIN.values()]
        n = [int(total[0, end].sum()) for end in ends]
        good = [int((total - bad)[0, end].sum()) for end in ends]
        found = judge(0.99, good, n)
        first = next((rule for rule, each in zip(RULES, fired, strict=True) if each[at]), None)
        assert (found.rule if found else None) == first

"""Dimensions judged from plain frames: where each state begins, and the verdict over all of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from stormplay.health import judging, people, promises
from stormplay.health.dimensions import Dimension, numbers, verdict, worst_first

NOW = datetime(2021, 5, 3, 12, tzinfo=UTC)


def ago(**span):
    return pd.Timestamp(NOW - timedelta(**span))


def storms(*changed, status="active"):
    return pd.DataFrame([
        {"storm_id": str(k), "slug": f"s{k}", "name": f"Storm {k}", "status": status, "changed_at": at}
        for k, at in enumerate(changed)
    ], columns=["storm_id", "slug", "name", "status", "changed_at"])  # fmt: skip


def checked(*runs):
    columns = ["storm_id", "made_at", "made_by", "checks", "issues", "check_name", "check_issues", "check_records"]
    found = pd.DataFrame([[str(k), at, "x", n, bad, "missing_coordinates", bad, n] for k, at, n, bad in runs],
                         columns=columns)  # fmt: skip
    return found.assign(since=None)


@pytest.mark.parametrize(("issues", "state"), [(0, "well"), (10, "well"), (11, "watch"), (50, "watch"), (51, "act")])
def test_data_quality_is_a_share_of_the_records_asked(issues, state):
    found = judging.data_quality(storms(ago(hours=1)), checked((0, ago(hours=1), 1000, issues)), NOW)
    assert found.state == state and f"{issues} issues in 1,000 checks" in found.figure
    assert bool(found.action) == (state != "well")


def test_a_storm_that_was_never_checked_or_long_ago_is_watched():
    found = judging.data_quality(storms(ago(hours=1), ago(hours=1)), checked((0, ago(hours=1), 100, 0)), NOW)
    assert found.state == "watch" and found.storm == "s1" and "1 open storm was never checked" in found.said
    found = judging.data_quality(storms(ago(hours=1)), checked((0, ago(days=8), 100, 0)), NOW)
    assert found.state == "watch" and "8 days old" in found.said
    assert judging.data_quality(storms(ago(hours=1)), checked(), NOW).state == "too early to say"


@pytest.mark.parametrize("issues", [0, 90])
@pytest.mark.parametrize(("since", "words"), [("plan", "routes were planned"), ("decisions", "decided anew")])
def test_a_check_from_before_a_plan_is_asked_for_again_and_says_nothing_of_now(issues, since, words):
    runs = checked((0, ago(hours=1), 100, issues), (1, ago(hours=2), 1000, 2)).assign(since=[since, None])
    found = judging.data_quality(storms(ago(hours=1), ago(hours=1)), runs, NOW)
    assert found.state == "watch" and found.storm == "s0" and found.page == "tenant_health"
    assert found.action == "Check the data of Storm 0 again." and words in found.said


def test_the_worst_storm_is_told_of_first_where_another_ones_check_is_older_than_its_plan():
    runs = checked((0, ago(hours=1), 100, 90), (1, ago(hours=2), 1000, 2)).assign(since=[None, "plan"])
    found = judging.data_quality(storms(ago(hours=1), ago(hours=1)), runs, NOW)
    assert found.state == "act" and found.action.startswith("Mend what was found most often")


def test_quiet_data_are_watched_and_closed_storms_are_not():
    assert judging.freshness(storms(ago(days=8), ago(hours=2)), NOW).figure.startswith("1 of 2 open storms")
    assert judging.freshness(storms(ago(days=8)), NOW).state == "watch"
    assert judging.freshness(storms(ago(days=8), status="closed"), NOW).state == "too early to say"
    assert judging.freshness(storms(pd.NaT), NOW).state == "too early to say"


def test_the_stream():
    one = storms(ago(hours=1))
    letters = pd.DataFrame(columns=["storm_id", "open", "oldest"])

    def at(behind, **told):
        return pd.DataFrame([["0", behind, ago(**told), 100]], columns=["storm_id", "behind", "told_at", "read"])

    assert judging.stream(one, at(5, seconds=2), letters, None, NOW).state == "well"
    assert judging.stream(one, at(5, hours=1), letters, None, NOW).state == "act"
    assert judging.stream(one, at(0, hours=1), letters, None, NOW).state == "watch"
    kept = pd.DataFrame([["0", 3, ago(hours=1)]], columns=["storm_id", "open", "oldest"])
    assert judging.stream(one, at(0, seconds=1), kept, None, NOW).state == "watch"
    kept["oldest"] = ago(days=2)
    found = judging.stream(one, at(0, seconds=1), kept, None, NOW)
    assert (found.state, found.page) == ("act", "storm_live") and "3 messages" in found.said
    assert judging.stream(one, at(0, hours=1).iloc[:0], letters, None, NOW).state == "too early to say"


@pytest.mark.parametrize(("stuck", "state"), [(0, "well"), (10, "watch"), (11, "act")])
def test_jobs_are_of_those_that_are_open(stuck, state):
    counted = pd.DataFrame([["0", 300, 100, stuck, ago(hours=1)]],
                           columns=["storm_id", "total", "open", "stuck", "updated_at"])  # fmt: skip
    found = judging.jobs(storms(ago(hours=1)), counted)
    assert found.state == state and found.figure == f"{stuck} of 100 open jobs stuck"


def test_a_report_that_failed_since_is_worse_than_an_old_one():
    runs = pd.DataFrame([["0", "score", ago(days=8), pd.NaT, None], ["0", "reports", ago(days=1), pd.NaT, None]],
                        columns=["storm_id", "notebook", "good_at", "failed_at", "error"])  # fmt: skip
    found = judging.reports(storms(ago(hours=1)), runs, 168.0, NOW)
    assert (found.state, found.figure) == ("watch", "1 of 2 reports fresh (at most 7 days old)")
    runs["failed_at"] = [pd.NaT, ago(hours=1)]
    assert judging.reports(storms(ago(hours=1)), runs, 168.0, NOW).state == "act"
    assert judging.reports(storms(ago(hours=1)), runs.iloc[:0], 168.0, NOW).state == "too early to say"


def member(name, role="admin", since=200, seen=None, **more):
    return {"username": name, "display_name": name, "role": role, "is_open": True, "member_since": ago(days=since),
            "noticed_since": ago(days=since), "seen_at": pd.NaT if seen is None else ago(days=seen),
            "changed_at": pd.NaT, "reported_at": pd.NaT} | more  # fmt: skip


def test_who_is_active_quiet_stale_or_not_noticed_yet():
    read = pd.DataFrame([
        member("a", seen=30), member("b", seen=31), member("c", seen=91), member("d"), member("e", since=89),
        member("f", seen=95, changed_at=ago(days=2)), member("g", is_open=False), member("local"),
    ])  # fmt: skip
    told = people.told(read, NOW)
    assert list(told["state"]) == ["active", "quiet", "stale", "stale", "not noticed yet", "active", "closed",
                                   "this machine"]  # fmt: skip
    found = people.judged(told)
    assert found.state == "watch" and found.figure == "2 of 6 open accounts active within 30 days"
    assert found.said == "Not seen for 90 days: c, d."
    assert people.judged(people.told(pd.DataFrame([member("e", since=1)]), NOW)).state == "too early to say"
    assert people.judged(people.told(pd.DataFrame([member("a", "viewer", seen=1)]), NOW)).said == (
        "No person is admin here."
    )
    assert people.judged(people.told(pd.DataFrame([member("local")]), NOW)).state == "watch"


class Levels:
    """What `slo.standing` returns, as far as it is judged."""

    def __init__(self, state, total=1000, severity=None):
        self.frame = pd.DataFrame([{"service": "page_time", "title": "Pages", "state": state, "total": total,
                                    "verdict": "So it is.", "page": "storm_live", "next_action": "Look",
                                    "measured_at": ago(hours=1) if total else pd.NaT}])  # fmt: skip
        rows = [] if severity is None else [{"service": "page_time", "severity": severity, "cause": "Slow",
                                             "next_action": "Look", "state": "open"}]  # fmt: skip
        self.alerts = pd.DataFrame(rows, columns=["service", "severity", "cause", "next_action", "state"])


@pytest.mark.parametrize(("levels", "state"), [
    (Levels("kept"), "well"), (Levels("going fast"), "watch"), (Levels("used up"), "act"),
    (Levels("kept", severity="soon"), "watch"), (Levels("kept", severity="urgent"), "act"),
    (Levels("not enough events", 10), "too early to say"), (Levels("not measured", 0), "too early to say"),
    (Levels("switched off"), "too early to say"),
])  # fmt: skip
def test_service_levels(levels, state):
    found = promises.services(levels)
    assert found.state == state
    if state in ("act", "watch"):
        assert found.page == "storm_live" and found.action == "Look."


class Bill:
    """What `billing.standing` returns, as far as it is judged."""

    month, plan, estimate_cents = "2021-05", "Small", 9_900

    def __init__(self, used, included=100.0, projected=None, cap=None, warning=""):
        self.frame = pd.DataFrame([{"meter": "reports", "label": "Reports", "unit": "reports", "used": used,
                                    "included": included, "share": used / included, "warning": warning,
                                    "projected": float("nan") if projected is None else projected,
                                    "cap": float("nan") if cap is None else cap}])  # fmt: skip


@pytest.mark.parametrize(("bill", "state"), [
    (Bill(10.0, projected=50.0), "well"), (Bill(10.0), "well"), (Bill(85.0, warning="85 %"), "watch"),
    (Bill(30.0, projected=120.0), "watch"), (Bill(200.0, cap=200.0, warning="The cap"), "act"),
])  # fmt: skip
def test_usage(bill, state):
    found = promises.usage(bill, NOW)
    assert found.state == state and "of the 100 reports included used" in found.figure
    assert found.numbers["estimate_cents"] == 9_900


def one(name, state):
    return Dimension(name, name.title(), state, "–", "So.", action="Do it." if state != "well" else "")


def test_the_verdict_names_its_denominator_and_where_to_begin():
    every = [one("a", "well"), one("b", "watch"), one("c", "act"), one("d", "too early to say")]
    found = verdict("Lone Star", every)
    assert found.sentence == ("Lone Star is not well: 1 of 3 dimensions that can be judged needs action, and 1 should "
                              "be watched. Of 1 it is too early to say.")  # fmt: skip
    assert found.first.name == "c" and [d.name for d in worst_first(every)] == ["c", "b", "d", "a"]
    assert verdict("X", every[:2]).state == "watch" and verdict("X", every[:1]).first is None
    assert verdict("X", every[3:]).state == "too early to say"
    assert numbers(every)["c_state"] == "act"

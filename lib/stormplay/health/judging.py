"""What was read of a company's work, judged: one dimension each, with its number, denominator and next action. Pure.

A closed storm is over: nobody is expected there any more, so its jobs, reports and data are not judged. What stands in
the way of a judgement is said: 'too early to say' is an answer.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from stormplay import quality
from stormplay.health.dimensions import Dimension, State

ISSUES_WATCH, ISSUES_ACT = 0.01, 0.05  # share of the records asked that are at fault
CHECKS_OLD = timedelta(days=7)
DATA_OLD = timedelta(days=7)  # of an open storm in which nothing has changed
STUCK_ACT = 0.10  # share of the open jobs
TOLD_OLD = timedelta(minutes=10)  # the reader of the stream tells how far it is every few seconds
LETTERS_OLD = timedelta(days=1)  # that a message may wait for somebody


def is_open(storms: pd.DataFrame) -> pd.DataFrame:
    """The storms that are not closed."""
    return storms[storms["status"] != "closed"]


def data_quality(storms: pd.DataFrame, runs: pd.DataFrame, now: datetime) -> Dimension:
    """Issues found by the newest checks of each open storm, of the records that were asked."""
    name, label = "quality", "Data quality"
    asked = is_open(storms)[["storm_id", "slug", "name"]].merge(runs, how="left", on="storm_id")
    known = asked[asked["checks"].fillna(0) > 0]
    never = asked[asked["made_at"].isna()]
    checks, issues = int(known["checks"].sum()), int(known["issues"].sum())
    numbers: dict[str, Any] = {"checks": checks, "issues": issues, "storms": len(asked), "unchecked": len(never)}
    if known.empty:
        storm = _first(never, "slug")
        action = "Check the data." if len(asked) else ""
        said = "No open storm's data have been checked yet." if len(asked) else "There is no open storm."
        return Dimension(name, label, "too early to say", "–", said, action, "tenant_health" if action else "", storm,
                         numbers=numbers)  # fmt: skip
    share = issues / checks
    worst = known.assign(share=known["issues"] / known["checks"]).sort_values("share", ascending=False).iloc[0]
    oldest = known["made_at"].min().to_pydatetime()
    figure = f"{issues:,} issues in {checks:,} checks of {_n(len(known), 'open storm')} ({_percent(share)})"
    numbers["issues_per_1000"] = round(1000 * share, 3)
    state: State = "act" if share > ISSUES_ACT else "watch" if share > ISSUES_WATCH else "well"
    said = f"{_percent(worst['issues'] / worst['checks'])} of the checks of {worst['name']} found an issue."
    action = f"Mend what was found most often: {_most(worst)}" if state != "well" else ""
    storm = str(worst["slug"])
    if len(never):
        said += f" {_n(len(never), 'open storm')} {'was' if len(never) == 1 else 'were'} never checked."
    outdated = known[known["since"].notna()]
    if len(outdated) and (state == "well" or pd.notna(worst["since"])):  # what was found then may be mended by now
        older = outdated.sort_values("made_at").iloc[0] if state == "well" else worst
        storm, action = str(older["slug"]), f"Check the data of {older['name']} again."
        said += f" Since the check of {older['name']} {quality.SINCE[str(older['since'])]}."
        return Dimension(name, label, "watch", figure, said, action, "tenant_health", storm, "", oldest, numbers)
    if state == "well" and (len(never) or now - oldest > CHECKS_OLD):
        state = "watch"
        late = never if len(never) else known.sort_values("made_at")
        storm, action = _first(late, "slug"), f"Check the data of {_first(late, 'name')} again."
        said += "" if len(never) else f" The oldest check is {_age(now - oldest)} old."
    return Dimension(name, label, state, figure, said, action, "tenant_health" if action else "", storm, "", oldest,
                     numbers)  # fmt: skip


def freshness(storms: pd.DataFrame, now: datetime) -> Dimension:
    """Open storms in which something has changed within a week."""
    name, label = "freshness", "Fresh data"
    asked = is_open(storms)
    moments = pd.to_datetime(asked["changed_at"], utc=True)
    known = asked[moments.notna()]
    old = known[now - pd.to_datetime(known["changed_at"], utc=True) > DATA_OLD]
    numbers: dict[str, Any] = {"storms": len(known), "quiet": len(old)}
    if known.empty:
        said = "No open storm has data yet." if len(asked) else "There is no open storm."
        return Dimension(name, label, "too early to say", "–", said, numbers=numbers)
    newest = moments.max().to_pydatetime()
    figure = f"{len(known) - len(old)} of {_n(len(known), 'open storm')} changed within {DATA_OLD.days} days"
    if old.empty:
        return Dimension(name, label, "well", figure, f"The newest change is {_age(now - newest)} old.", as_of=newest,
                         numbers=numbers)  # fmt: skip
    quiet = old.assign(at=pd.to_datetime(old["changed_at"], utc=True)).sort_values("at").iloc[0]
    said = f"Nothing of {quiet['name']} has changed for {_age(now - quiet['at'])}."
    action = f"See why nothing comes in for {quiet['name']}, or close it if its season is over."
    return Dimension(name, label, "watch", figure, said, action, "phase4_jobs", str(quiet["slug"]), "", newest, numbers)


def reports(storms: pd.DataFrame, runs: pd.DataFrame, max_age_h: float, now: datetime) -> Dimension:
    """Reports of open storms that are fresh, of those that were ever run."""
    name, label = "reports", "Reports"
    asked = runs.merge(is_open(storms)[["storm_id", "slug", "name"]], on="storm_id")
    numbers: dict[str, Any] = {"reports": len(asked), "failed": 0, "too_old": 0}
    if asked.empty:
        said = "No report of an open storm has been run yet."
        return Dimension(name, label, "too early to say", "–", said, "Run a report, or put them on a schedule.",
                         "reports", numbers=numbers)  # fmt: skip
    good, failed_at = (pd.to_datetime(asked[column], utc=True) for column in ("good_at", "failed_at"))
    failed = asked[failed_at.notna()]
    old = asked[failed_at.isna() & (now - good > timedelta(hours=max_age_h))]
    numbers |= {"failed": len(failed), "too_old": len(old)}
    fresh = len(asked) - len(failed) - len(old)
    figure = f"{fresh} of {_n(len(asked), 'report')} fresh (at most {_hours(max_age_h)} old)"
    as_of = max((moment for moment in (good.max(), failed_at.max()) if not pd.isna(moment)), default=None)
    ended = None if as_of is None else as_of.to_pydatetime()
    if len(failed):
        one = failed.iloc[0]
        said = f"{_n(len(failed), 'report')} failed since the last good run, first {one['notebook']} of {one['name']}."
        return Dimension(name, label, "act", figure, said, f"Run {one['notebook']} again, and read why it failed.",
                         "reports", str(one["slug"]), "", ended, numbers)  # fmt: skip
    if len(old):
        one = old.iloc[0]
        said = f"{_n(len(old), 'report')} {'is' if len(old) == 1 else 'are'} older than {_hours(max_age_h)}."
        return Dimension(name, label, "watch", figure, said, "See whether the schedule still runs.", "reports",
                         str(one["slug"]), "", ended, numbers)  # fmt: skip
    return Dimension(name, label, "well", figure, "Each was made in time, and none has failed since.", as_of=ended,
                     numbers=numbers)  # fmt: skip


def stream(storms: pd.DataFrame, positions: pd.DataFrame, letters: pd.DataFrame, last: Any, now: datetime) -> Dimension:
    """Events that wait to be read, and messages that could not be applied."""
    name, label = "stream", "Stream"
    opened = is_open(storms)[["storm_id", "slug", "name"]]
    read, kept = positions.merge(opened, on="storm_id"), letters.merge(opened, on="storm_id")
    behind, waiting = int(read["behind"].sum()), int(kept["open"].sum())
    numbers: dict[str, Any] = {"behind": behind, "dead_letters": waiting, "read": int(read["read"].sum())}
    as_of = None if last is None else pd.Timestamp(last).to_pydatetime()
    if read.empty and kept.empty:
        return Dimension(name, label, "too early to say", "–", "No event of an open storm has come in yet.",
                         as_of=as_of, numbers=numbers)  # fmt: skip
    figure = f"{behind:,} of {numbers['read'] + behind:,} events wait; {_n(waiting, 'dead letter')}"
    told = read["told_at"].max() if len(read) else None
    silent = None if told is None else now - pd.Timestamp(told).to_pydatetime()
    as_of = as_of if told is None else pd.Timestamp(told).to_pydatetime()
    if behind and silent is not None and silent > TOLD_OLD:
        said = f"{_n(behind, 'event')} wait, and nobody has read for {_age(silent)}."
        return Dimension(name, label, "act", figure, said, "Start the reader of the stream.", "", "",
                         "stormplay stream", as_of, numbers)  # fmt: skip
    if waiting:
        worst = kept.sort_values("open", ascending=False).iloc[0]
        wait = now - pd.Timestamp(kept["oldest"].min()).to_pydatetime()
        said = f"{_n(waiting, 'message')} could not be applied; the oldest has waited for {_age(wait)}."
        return Dimension(name, label, "act" if wait > LETTERS_OLD else "watch", figure, said,
                         "Replay or discard what could not be applied.", "storm_live", str(worst["slug"]), "", as_of,
                         numbers)  # fmt: skip
    if silent is not None and silent > TOLD_OLD:
        said = f"The reader last told {_age(silent)} ago how far it is; whether more has come since is not known."
        return Dimension(name, label, "watch", figure, said, "Start the reader of the stream.",
                         "", "", "stormplay stream", as_of, numbers)  # fmt: skip
    said = "The reader keeps up." if not behind else "The reader is at work on what waits."
    return Dimension(name, label, "well", figure, said, as_of=as_of, numbers=numbers)


def jobs(storms: pd.DataFrame, counted: pd.DataFrame) -> Dimension:
    """Open jobs of open storms that have been in their status for longer than usual."""
    name, label = "jobs", "Jobs"
    asked = counted.merge(is_open(storms)[["storm_id", "slug", "name"]], on="storm_id")
    total, open_, stuck = (int(asked[column].sum()) for column in ("total", "open", "stuck"))
    numbers: dict[str, Any] = {"total": total, "open": open_, "stuck": stuck}
    if not total:
        action = "Generate routes: their stops become jobs." if len(is_open(storms)) else ""
        return Dimension(name, label, "too early to say", "–", "No open storm has a job yet.", action,
                         "phase3_routes" if action else "", numbers=numbers)  # fmt: skip
    as_of = asked["updated_at"].max().to_pydatetime()
    figure = f"{stuck:,} of {_n(open_, 'open job')} stuck"
    if not stuck:
        ended = f"{total - open_:,} of {_n(total, 'job')} have ended, and no other waits for longer than usual."
        return Dimension(name, label, "well", figure, ended, as_of=as_of, numbers=numbers)
    worst = asked.sort_values("stuck", ascending=False).iloc[0]
    share = stuck / open_
    said = f"{_percent(share)} of the open jobs are longer in their status than usual, most of them of {worst['name']}."
    return Dimension(name, label, "act" if share > STUCK_ACT else "watch", figure, said,
                     "Move or close the stuck jobs, the longest overdue first.", "phase4_jobs", str(worst["slug"]), "",
                     as_of, numbers)  # fmt: skip


def _most(run: pd.Series) -> str:
    """The check that found most, and its remedy; a check of an older version has no words any more."""
    if run["check_name"] not in quality.CHECKS:
        return f"{run['check_name']}." if isinstance(run["check_name"], str) else "see the checks."
    check = quality.CHECKS[str(run["check_name"])]
    of = f"{int(run['check_issues']):,} of {int(run['check_records']):,}"
    return f"{check.title} ({of}). {check.remedy}"


def _first(frame: pd.DataFrame, column: str) -> str:
    return str(frame[column].iloc[0]) if len(frame) else ""


def _n(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _percent(share: float) -> str:
    if 0 < share < 0.001:
        return "less than 0.1 %"
    return f"{100 * share:.1f} %"


def _hours(hours: float) -> str:
    return f"{hours / 24:g} days" if hours >= 48 and hours % 24 == 0 else f"{hours:g} hours"


def _age(span: timedelta) -> str:
    seconds = max(0.0, span.total_seconds())
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            return _n(int(seconds // size), unit)
    return "less than a minute"

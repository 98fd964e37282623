"""How each section of the page of reports says what it knows. What is known in, HTML out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from stormplay.controls import markup
from stormplay.controls.reports_state import Reports, Standing, Word

NO_STORM = "This company has no storm yet."
NO_RUN = ("No report of this storm has been run yet. Run one under 'Run one again', or let a schedule do it with "
          "'stormplay report'.")  # fmt: skip
NO_MATCH = "No run matches these filters."
READ_ONLY = "You may read and download reports. Your role here is viewer: running them is for operators and above."
TONES: dict[str, markup.Tone] = {"fresh": "good", "failed since": "bad", "too old": "warn", "never made": "warn",
                                 "failed": "bad", "timed out": "bad", "stale": "warn", "killed": "bad"}  # fmt: skip
NEXT: dict[str, str] = {
    "failed": "Run it again; if it fails in the same place, tell whoever looks after the notebook.",
    "timed out": "Run it again when less is going on, or give the schedule more time with --timeout.",
    "stale": "Bring the data up to date first; then run it again.",
    "killed": "Run it again.",
}

COLUMNS: list[dict[str, Any]] = [
    {"label": "Report", "by": "report", "kind": "text", "narrow": True},
    {"label": "Started, UTC", "by": "started", "kind": "text", "narrow": True},
    {"label": "Status", "by": "status", "kind": "badge", "narrow": True},
    {"label": "Under whose rights", "by": "by", "kind": "text", "narrow": False},
    {"label": "Took", "by": "took", "kind": "number", "narrow": False},
    {"label": "Rows", "by": "rows", "kind": "number", "narrow": False},
    {"label": "Data as of", "by": "data", "kind": "text", "narrow": False},
    {"label": "Code", "by": "code", "kind": "text", "narrow": False},
]


def answer(reports: Reports) -> str:
    """Say whether every report is fresh, and of each that is not what happened and what to do."""
    badge = markup.badge(reports.storm_status)
    head = f"<h3>{markup.text(reports.storm_name)} {badge}</h3>"
    synthetic = " Homes, owners and outcomes are synthetic." if reports.is_synthetic else ""
    stamp = markup.note(f"{reports.company} · {markup.age(reports.as_of)}{synthetic}")
    if not reports.run_count and not any(one.running for one in reports.standings):
        return head + markup.empty(NO_RUN) + stamp
    return head + markup.sentence(_sentence(reports)) + _cards(reports) + _to_do(reports) + stamp


def _sentence(reports: Reports) -> str:
    every, fresh = len(reports.standings), len(reports.of("fresh"))
    within = f"not older than {_hours(reports.max_age_h)}, and nothing has failed since it was made"
    if fresh == every:
        return f"Yes: all {markup.count(every, 'report')} of this storm are fresh, each {within}."
    return f"No: {fresh:,} of {markup.count(every, 'report')} of this storm are fresh. Fresh is a report {within}."


def _hours(hours: float) -> str:
    days = hours / 24
    if hours >= 48 and days == int(days):
        return markup.count(days, "day")
    return f"{hours:g} hour{'' if hours == 1 else 's'}"


def _cards(reports: Reports) -> str:
    every = len(reports.standings)
    running = sum(one.running is not None for one in reports.standings)
    words: tuple[tuple[str, Word, str], ...] = (
        ("Failed since", "failed since", "an older good one stays"),
        ("Too old", "too old", f"older than {_hours(reports.max_age_h)}"),
        ("Never made", "never made", "no good run yet"),
    )
    return markup.kpis([
        ("Fresh", f"{len(reports.of('fresh')):,}", f"of {markup.count(every, 'report')}"),
        *((label, f"{len(reports.of(word)):,}", note) for label, word, note in words),
        ("Runs", f"{reports.run_count:,}", f"{running:,} under way" if running else "kept in the history"),
    ])  # fmt: skip


def _to_do(reports: Reports) -> str:
    lines = [
        f"<li><strong>{markup.text(one.notebook)}</strong> {markup.badge(one.word, TONES[one.word])}<br>"
        f"{markup.text(_what(one))}</li>"
        for one in reports.of("failed since", "too old", "never made")
        if one.good or one.bad
    ]
    never = [one.notebook for one in reports.of("never made") if not one.bad]
    rest = markup.note(f"Never run for this storm: {', '.join(never)}.") if never else ""
    return (f'<ul class="sp-steps">{"".join(lines)}</ul>' if lines else "") + rest


def _what(one: Standing) -> str:
    good = "There is no good one yet."
    if one.good and one.age is not None:
        made = f"The last good one was made {stamp(one.good['ended_at'])} UTC ({_ago(one)})"
        data = one.good["data_as_of"]
        good = made + (f", of data as of {stamp(data)} UTC." if is_known(data) else ".")
    if one.bad is None:
        return f"{good} Run it again below, and see whether its schedule still runs."
    times = "" if one.failed_since == 1 else f" ({markup.count(one.failed_since, 'run')} since were not good)"
    why = words(one.bad["error"]) or "It did not say why."
    status = str(one.bad["status"])
    return f"{good} The run of {stamp(one.bad['started_at'])} UTC {_ended(status)}{times}: {why} Next: {NEXT[status]}"


def _ended(status: str) -> str:
    return {"stale": "found data that were too old", "killed": "was ended"}.get(status, status)


def _ago(one: Standing) -> str:
    return markup.ago(one.age.total_seconds()) if one.age is not None else "–"


def latest(reports: Reports) -> str:
    """Each report with its last good run."""
    if not reports.standings:
        return markup.empty(NO_RUN)
    rows: list[list[object]] = []
    for one in reports.standings:
        good = one.good or {}
        state = [markup.Badge(one.word, TONES[one.word])]
        rows.append([
            one.notebook, *state, _ago(one), stamp(good.get("ended_at")), took(good.get("seconds")),
            _number(good.get("row_count")), stamp(good.get("data_as_of")), words(good.get("code_version")) or None,
        ])  # fmt: skip
    headers = ["Report", "State", "Age", "Last good run, UTC", "Took", "Rows read", "Data as of, UTC", "Code"]
    return f'<div class="sp-newest">{markup.table(headers, rows, numeric=(4, 5))}</div>'


def history(reports: Reports) -> str:
    """The newest runs as they stand in a report, each that was not good with its reason."""
    if reports.runs.empty:
        return markup.empty(NO_RUN)
    rows = [
        [row["notebook"], stamp(row["started_at"]), markup.Badge(str(row["status"]), TONES.get(str(row["status"]), "")),
         row["username"], took(row["seconds"]), _number(row["row_count"]), stamp(row["data_as_of"]),
         words(row["code_version"]), words(row["error"])]
        for row in reports.runs.to_dict("records")
    ]  # fmt: skip
    more = reports.run_count - len(rows)
    table = markup.table([*(column["label"] for column in COLUMNS[:2]), "Status", "By", "Took", "Rows", "Data as of",
                          "Code", "Why not"], rows, numeric=(4, 5))  # fmt: skip
    return table + (markup.note(f"{more:,} older runs are on the page.") if more > 0 else "")


def table_rows(runs: pd.DataFrame) -> tuple[list[str], list[list[Any]]]:
    """Return ids and cells of the history's table, in the order of `COLUMNS`; cells of numbers carry their sort key."""
    rows = [
        [str(row["notebook"]), stamp(row["started_at"]), str(row["status"]), str(row["username"]),
         [took(row["seconds"]) or "–", float(row["seconds"]) if is_known(row["seconds"]) else -1.0],
         [_number(row["row_count"]) or "–", float(row["row_count"]) if is_known(row["row_count"]) else -1.0],
         stamp(row["data_as_of"]), words(row["code_version"]) or "–"]
        for row in runs.to_dict("records")
    ]  # fmt: skip
    return [str(run_id) for run_id in runs["run_id"]], rows


def run(row: Mapping[str, Any]) -> str:
    """All that is known of one run."""
    status = str(row["status"])
    head = f"<strong>{markup.text(row['notebook'])}</strong> {markup.badge(status, TONES.get(status, ''))}"
    given = {name: value for name, value in _dict(row["parameters"]).items() if name != "interactive"}
    versions = _dict(row["versions"])
    models = ", ".join(str(model) for model in _dict(versions.get("models")).values())
    facts = [
        ("Began", f"{stamp(row['started_at'])} UTC, under the rights of {row['username']}"),
        ("Ended", f"{stamp(row['ended_at'])} UTC after {took(row['seconds'])}" if is_known(row["ended_at"]) else None),
        ("Speaks of", f"{stamp(row['as_of'])} UTC; data as of {stamp(row['data_as_of']) or 'unknown'}"),
        ("Parameters", ", ".join(f"{name} = {value}" for name, value in given.items())),
        ("Versions", _versions(versions, models)),
        ("Published in", row["destination"] if status == "fresh" else None),
        ("Tries", row["attempts"] if is_known(row["attempts"]) and row["attempts"] > 1 else None),
    ]
    shown = "".join(f"<dt>{markup.text(name)}</dt><dd>{markup.text(value)}</dd>" for name, value in facts if value)
    why = markup.error(words(row["error"]))
    return f'<div class="sp-card">{head}<dl class="sp-facts">{shown}</dl></div>{why}'


def _versions(versions: Mapping[str, Any], models: str) -> str:
    parts = [
        f"code {versions['stormplay']}" if "stormplay" in versions else "",
        f"notebook {str(versions['notebook_sha256'])[:12]}" if "notebook_sha256" in versions else "",
        f"schema {versions['schema']}" if "schema" in versions else "",
        f"model {models}" if models else "",
    ]
    return ", ".join(part for part in parts if part)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def words(value: Any) -> str:
    """A text; '' where there is none."""
    return str(value).strip() if is_known(value) else ""


def is_known(value: Any) -> bool:
    """Whether there is such a value."""
    return value is not None and not pd.isna(value)


def stamp(moment: Any) -> str | None:
    """A moment in UTC; None where there is none."""
    return f"{pd.Timestamp(moment).tz_convert('UTC'):%d %b %Y, %H:%M}" if is_known(moment) else None


def took(seconds: Any) -> str | None:
    """A duration; None where there is none."""
    if not is_known(seconds):
        return None
    return f"{seconds:.1f} s" if seconds < 100 else f"{seconds / 60:.1f} min"


def _number(value: Any) -> str | None:
    return f"{int(value):,}" if is_known(value) else None

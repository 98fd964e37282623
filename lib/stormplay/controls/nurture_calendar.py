"""Days and channels: what a preview would begin when, and whom to contact this week. Frames in, HTML out."""

from __future__ import annotations

from datetime import date

import pandas as pd

from stormplay.controls import markup
from stormplay.controls import nurture_words as say
from stormplay.controls.nurture_sections import NOTHING_THIS_WEEK, cards, explained

MOST_DAYS = 14
WEEK: list[dict[str, object]] = [
    {"label": "When, on their clock", "kind": "text", "narrow": True, "by": "local_time"},
    {"label": "Channel", "kind": "text", "narrow": False, "by": "channel"},
    {"label": "Address", "kind": "text", "narrow": True, "by": "address"},
    {"label": "Sequence", "kind": "text", "narrow": False, "by": "sequence_type"},
    {"label": "Message", "kind": "text", "narrow": False, "by": "message"},
    {"label": "Status", "kind": "badge", "narrow": True, "by": "status"},
]


def by_day(moments: pd.Series[pd.Timestamp], channels: pd.Series[str], first: str = "Day") -> str:
    """Count by day and channel, a day a row, with totals; days after the first two weeks are one row.

    Args:
        moments: Local times.
        channels: Their channels.
        first: Title of the column of days.
    """
    days = moments.dt.date
    names = [name for name in say.CHANNELS if (channels == name).any()]
    counted = pd.crosstab(days, channels)[names]
    rows: list[list[object]] = [
        [say.day(day), *(f"{n:,}" for n in row), f"{sum(row):,}"]
        for day, row in zip(counted.index[:MOST_DAYS], counted.to_numpy().tolist(), strict=False)
    ]
    later = counted.iloc[MOST_DAYS:]
    if len(later):
        rows.append(["Later", *(f"{later[name].sum():,}" for name in names), f"{later.to_numpy().sum():,}"])
    rows.append(["All", *(f"{counted[name].sum():,}" for name in names), f"{len(moments):,}"])
    titles = [first, *(f"{say.CHANNELS[name]}s" for name in names), "All"]
    return markup.table(titles, rows, numeric=range(1, len(titles)), foot=True)


def previewed(shown: pd.DataFrame, title: str, start: date | None = None) -> str:
    """Say what scheduling would do: how many, from when, who is refused and why.

    Args:
        shown: As `NurtureLoop.preview` returns it.
        title: The sequence's title.
        start: Day on which the first step begins; None: now.
    """
    goes = shown[shown["outcome"] == "scheduled"]
    refused = shown[shown["outcome"] == "refused"]
    said = (
        f"Of {markup.count(len(shown), 'candidate')}, {len(goes):,} would be given '{title}', beginning "
        f"{f'on {start:%d %b %Y}' if start else 'now'}: "
        f"{markup.count(goes['step_count'].sum(), 'contact')} in all. {len(refused):,} would be left alone. "
        f"Nothing is written yet."
    )
    parts = [markup.sentence(said)]
    if len(goes):
        parts.append(_titled("First contacts, on the recipients' clocks", by_day(goes["local_time"], goes["channel"])))
    if len(refused):
        parts.append(_titled("Left alone", _counts(refused["reason"], "Reason", "All that are left alone")))
    some = goes.loc[goes["left_out"] != "", "left_out"]
    if len(some):
        content = _counts(some, "Step and reason", "Homes that get fewer steps")
        parts.append(markup.details(f"{markup.count(len(some), 'home')} would get fewer steps, and why", content))
    return "".join(parts)


def _titled(title: str, content: str) -> str:
    return f"<h3>{markup.text(title)}</h3>{content}"


def _counts(values: pd.Series[str], title: str, total: str) -> str:
    counted = values.value_counts()
    rows: list[list[object]] = [
        [name, f"{n:,}", say.REASONS.get(str(name), "")] for name, n in counted.head(20).items()
    ]
    if len(counted) > len(rows):
        rows.append(["All others", f"{counted.iloc[20:].sum():,}", ""])
    rows.append([total, f"{len(values):,}", ""])
    is_explained = any(row[2] for row in rows)
    titles = [title, "Homes", "What it means"][: 3 if is_explained else 2]
    table = markup.table(titles, [row[: len(titles)] for row in rows], numeric=(1,), foot=True)
    return explained(table) if is_explained else table


def week(steps: pd.DataFrame, may_write: bool = True) -> str:
    """Count the next seven days by day and channel.

    Args:
        steps: As `NurtureLoop.week` returns it.
        may_write: Whether this reader can schedule.
    """
    if steps.empty:
        todo = "Preview and schedule above." if may_write else "An operator can schedule some."
        return markup.empty(f"{NOTHING_THIS_WEEK} {todo}")
    homes, held = steps["property_id"].nunique(), int((steps["status"] == "paused").sum())
    paused = f" Of them {held:,} {'is' if held == 1 else 'are'} paused." if held else ""
    said = f"{markup.count(len(steps), 'contact')} with {markup.count(homes, 'home')} in the next 7 days.{paused}"
    return markup.sentence(said) + by_day(steps["local_time"], steps["channel"])


def week_list(steps: pd.DataFrame) -> str:
    """List steps: where, by which channel, when on the recipient's clock, what."""
    return cards(markup.table([str(column["label"]) for column in WEEK], week_rows(steps)))


def week_rows(steps: pd.DataFrame) -> list[list[object]]:
    """Cells in the order of `WEEK`."""
    rows: list[list[object]] = [
        [say.clock(step["local_time"]), say.channel(step["channel"]), step["address"],
         f"{say.words(step['sequence_type'])}, step {step['step_number']}", say.words(step["message"]), step["status"]]
        for step in steps.to_dict("records")
    ]  # fmt: skip
    return rows


def week_by_day(steps: pd.DataFrame) -> str:
    """All steps, folded by day: a report has them all and is still read from its top to its end."""
    days = steps.groupby(steps["local_time"].dt.date, sort=True)
    return "".join(
        markup.details(f"{say.day(day)}: {markup.count(len(some), 'contact')}", week_list(some)) for day, some in days
    )

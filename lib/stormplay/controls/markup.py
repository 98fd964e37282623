"""Values to HTML. Every value is escaped here, so that no name or address ever becomes markup."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

from stormplay import clock

Tone = Literal["", "good", "warn", "bad"]


class Badge(NamedTuple):
    """A short state as a cell of a table."""

    text: str
    tone: Tone = ""


_said: list[datetime] = []


def kpis(cards: Iterable[tuple[str, str, str]]) -> str:
    """Render cards of (label, value, note)."""
    shown = "".join(
        f'<div class="sp-kpi"><span class="sp-kpi-label">{_(label)}</span>'
        f'<strong class="sp-kpi-value">{_(value)}</strong><span class="sp-kpi-note">{_(note)}</span></div>'
        for label, value, note in cards
    )
    return f'<div class="sp-kpis">{shown}</div>'


@cache
def style() -> str:
    """Return the plain look of sections, for where no page brings its own."""
    return f"<style>{(files('stormplay') / 'share' / 'widgets' / 'sections.css').read_text(encoding='utf-8')}</style>"


def sentence(text: str) -> str:
    """Render a leading sentence."""
    return f'<p class="sp-lead">{_(text)}</p>'


def note(text: str) -> str:
    """Render a quiet remark."""
    return f'<p class="sp-note">{_(text)}</p>'


def empty(text: str) -> str:
    """Render what stands where there is nothing to show yet, and what to do about it."""
    return f'<div class="sp-empty">{_(text)}</div>' if text else ""


def error(text: str) -> str:
    """Render what went wrong, announced to screen readers."""
    return f'<div class="sp-error" role="alert">{_(text)}</div>' if text else ""


def good(text: str) -> str:
    """Render what went well, announced to screen readers."""
    return f'<div class="sp-good" role="status">{_(text)}</div>' if text else ""


def badge(text: str, tone: Tone = "") -> str:
    """Render a short state, such as a storm's or a route's."""
    return f'<span class="sp-badge{" sp-" + tone if tone else ""}">{_(text)}</span>'


def table(
    headers: Sequence[str], rows: Iterable[Sequence[object]], *, numeric: Sequence[int] = (), foot: bool = False
) -> str:
    """Render a table.

    Args:
        headers: Column titles.
        rows: Cells in the order of the headers; None is shown as a dash, a `Badge` as one.
        numeric: Positions of the columns that are aligned to the right.
        foot: Whether the last row is a total.
    """
    right = [' class="sp-num"' if i in numeric else "" for i in range(len(headers))]
    head = "".join(f'<th scope="col"{right[i]}>{_(title)}</th>' for i, title in enumerate(headers))
    lines = ["".join(f"<td{right[i]}>{_cell(cell)}</td>" for i, cell in enumerate(row)) for row in rows]
    total = f"<tfoot><tr>{lines.pop()}</tr></tfoot>" if foot and lines else ""
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return (
        f'<div class="sp-scroll"><table class="sp-table"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody>{total}</table></div>"
    )


def _cell(cell: object) -> str:
    if isinstance(cell, Badge):
        return badge(*cell)
    return _("–" if cell is None else cell)


def details(summary: str, content: str) -> str:
    """Render content that opens on demand; `content` is HTML already."""
    return f'<details class="sp-details"><summary>{_(summary)}</summary>{content}</details>'


def download(label: str, name: str, text: str | bytes, mime: str = "text/csv", *, mark: bool = True) -> str:
    """Render a link that saves `text`, or bytes as they are, as a file, without a request to any server.

    Args:
        label: The words of the link.
        name: Proposed file name; what a file system may refuse becomes a dash.
        text: Content; text is written as UTF-8.
        mime: Media type.
        mark: Whether it begins with a byte-order mark: spreadsheets need it to read accents, JSON must not have it.
    """
    content = text.encode("utf-8-sig" if mark else "utf-8") if isinstance(text, str) else text
    data = base64.b64encode(content).decode("ascii")
    return (
        f'<a class="sp-button" download="{_(file_name(name))}" '
        f'href="data:{_(mime)};charset=utf-8;base64,{data}">{_(label)}</a>'
    )


def file_name(name: str) -> str:
    """Return a name that every file system takes."""
    return re.sub(r"[^\w .-]+", "-", name).strip("-. ")[:80] or "file"


def age(moment: datetime | None, now: datetime | None = None) -> str:
    """Say how old data is: 'Data as of 28 Apr 2021, 19:40 UTC (3 hours ago).'.

    A report says the moment alone: nobody knows when it will be read.
    """
    if moment is None:
        return "There is no data yet."
    _said[:] = [moment]
    stamp = f"Data as of {moment.astimezone(UTC):%d %b %Y, %H:%M} UTC"
    if now is None and clock.frozen():
        return f"{stamp}."
    seconds = max(0.0, ((now or clock.now()) - moment).total_seconds())
    return f"{stamp} ({ago(seconds)})."


def data_as_of() -> datetime | None:
    """The age of data that this process's page said last, for who checks that a report is fresh."""
    return _said[0] if _said else None


def ago(seconds: float) -> str:
    """Write how long ago something was: '3 hours ago', 'just now'."""
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count:,} {unit}{'' if count == 1 else 's'} ago"
    return "just now"


def count(number: float, noun: str) -> str:
    """Write a number with its noun: '1 route', '1,204 stops'."""
    return f"{int(number):,} {noun}{'' if int(number) == 1 else 's'}"


def text(value: object) -> str:
    """Escape a value for a place inside other markup."""
    return html.escape(str(value))


_ = text

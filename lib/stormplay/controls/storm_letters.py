"""What could not be applied: a list, one message with its reason, and what can be done about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
import pandas as pd

from stormplay.controls import markup
from stormplay.controls import storm_sections as sections
from stormplay.controls.asking import Confirm, FileWhenWanted, Pager, button, row, show
from stormplay.controls.guard import Message, checked
from stormplay.controls.live import PickTable
from stormplay.controls.storm_state import Desk, Storm
from stormplay.errors import BadInput

PAGE = 25
MOST_AT_ONCE = 5_000
GONE = "It is settled already: others were quicker."
COLUMNS: list[dict[str, Any]] = [
    {"label": "Received, UTC", "by": "received", "kind": "text", "narrow": True},
    {"label": "Reason", "by": "reason", "kind": "badge", "narrow": True},
    {"label": "What was wrong", "by": "said", "kind": "text", "narrow": False},
    {"label": "Event", "by": "event", "kind": "text", "narrow": False},
    {"label": "State", "by": "state", "kind": "badge", "narrow": True},
]
SHOWN = [("Waiting", "open"), ("Replayed", "replayed"), ("Discarded", "discarded"), ("All", "")]


class Letters:
    """The messages of a storm that could not be applied.

    Args:
        changed: Called after one was settled, so that the page follows.

    Attributes:
        widget: What is displayed.
        status, table, pager, csv: Which are shown; they; which page; all of them as a file.
        detail, replay, discard, all: The picked one; what can be done about it, or about all that wait.
        message: Where the outcome is told.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._desk: Desk | None = None
        self._storm: Storm | None = None
        self._found = pd.DataFrame()
        self._total = 0
        self.message = Message()
        self.status = widgets.Dropdown(description="Show", options=SHOWN, style={"description_width": "4em"},
                                       layout={"width": "min(20em, 100%)"})  # fmt: skip
        self.table = PickTable(columns=COLUMNS, label="Messages that could not be applied", has_search=False,
                               asks=True)  # fmt: skip
        self.pager = Pager(PAGE, self.draw, self.message)
        self.detail, self.reason = widgets.HTML(), widgets.HTML(markup.note(sections.READ_ONLY))
        self.replay, self.keep = button("Replay"), button("Take the replay back")
        self.discard = Confirm("Discard", self._question, self._discard, self.message)
        self.all = Confirm("Replay all that wait", self._question_all, self._replay_all, self.message)
        self.csv = FileWhenWanted(markup.note("All that are shown, as a file that is safe in a spreadsheet."))
        self.actions = row(self.replay, self.keep, self.discard.widget)
        self.replay.on_click(checked(self.message)(lambda _: self._replay()))
        self.keep.on_click(checked(self.message)(lambda _: self._take_back()))
        self.status.observe(checked(self.message)(lambda _: self._filtered()), "value")
        self.table.observe(checked(self.message)(lambda _: self._filtered()), "order")
        self.table.observe(checked(self.message)(lambda _: self._show_picked()), "selected")
        self._rest = widgets.VBox([self.table, self.pager.widget, self.detail, self.actions])
        self.widget = widgets.VBox([
            row(self.status, self.all.widget), self.reason, self.message.widget, self._rest, self.csv.widget,
        ])  # fmt: skip

    def show(self, desk: Desk | None, storm: Storm | None) -> None:
        """Be about a storm."""
        if desk is not self._desk:
            self.message.clear()
            self.pager.page = 1
        self._desk, self._storm = desk, storm
        show(self.widget, storm is not None)
        self.draw()

    def draw(self) -> None:
        """Read and show the page of the list; who was picked stays so."""
        if self._desk is None or self._storm is None:
            self._found = pd.DataFrame()
            return
        status, picked = str(self.status.value), self.table.selected
        self._total = self._desk.count_letters(status)
        self.pager.over(self._total)
        self._found = self._desk.get_letters(status, PAGE, self.pager.rows.start, self.table.ordered)
        self.table.empty = sections.NO_LETTER if status in ("open", "") else "None of them."
        ids = [str(letter) for letter in self._found["letter_id"]]
        self.table.show(ids, rows(self._found), picked if picked in ids else "")
        self.csv.offer(self._file if self._total else None)
        show(self.csv.widget, self._total > 0)
        show(self.reason, not self._storm.may_settle and self._total > 0)
        show(self.all.widget, status == "open" and self._total > 1 and self._storm.may_settle)
        self._show_picked()

    def _show_picked(self) -> None:
        letter = self._picked()
        self.detail.value = "" if letter is None else detail(letter)
        is_open = letter is not None and letter["status"] == "open"
        may = self._storm is not None and self._storm.may_settle
        for one in (self.replay, self.keep, self.discard.button):
            one.disabled = not may
        asked = letter is not None and is_asked(letter)
        show(self.replay, not asked)
        show(self.keep, asked)
        self.discard.forget()
        show(self.actions, is_open, "flex")

    def _picked(self) -> Any:
        letters = {str(letter["letter_id"]): letter for letter in self._found.to_dict("records")}
        return letters.get(self.table.selected)

    # ---- acting

    def _replay(self) -> None:
        letter = self._open_one()
        self._said(self._asked(self._open().replay([str(letter["letter_id"])])))

    def _take_back(self) -> None:
        letter = self._open_one()
        taken = self._open().take_back([str(letter["letter_id"])])
        self._said("It waits again, and is not replayed." if taken else GONE)

    def _discard(self) -> str:
        letter = self._open_one()
        put = self._open().discard([str(letter["letter_id"])])
        self._changed()
        return "The message is put aside." if put else GONE

    def _replay_all(self) -> str:
        ids = [str(one) for one in self._open().get_letters("open", limit=MOST_AT_ONCE)["letter_id"]]
        asked = self._open().replay(ids)
        self._changed()
        return self._asked(asked)

    def _asked(self, count: int) -> str:
        if not count:
            return GONE
        these = "The message is" if count == 1 else f"{count:,} messages are"
        reads = self._storm is not None and self._storm.reading in ("keeps up", "behind")
        return f"{these} applied again within seconds." if reads else (
            f"{these} applied again as soon as 'stormplay stream' runs. Nobody is reading just now."
        )  # fmt: skip

    def _said(self, text: str) -> None:
        self._changed()
        self.message.good(text)

    def _question(self) -> str:
        self._open_one()
        return "This message is put aside and never applied. It stays in the list of the discarded, with your name."

    def _question_all(self) -> str:
        return f"All {self._total:,} are applied again, each as it came. One that still cannot be comes back here."

    def _open_one(self) -> Any:
        letter = self._picked()
        if letter is None:
            raise BadInput("No message is picked.", "", "Pick one in the list.")
        return letter

    def _open(self) -> Desk:
        if self._desk is None:
            raise BadInput("No storm is open.", "", "Choose a company and a storm first.")
        return self._desk

    def _filtered(self) -> None:
        self.pager.page = 1
        self.message.clear()
        self.draw()

    def _file(self) -> str:
        text = self._open().export_letters_csv(str(self.status.value))
        name = f"not-applied-{self._storm.tenant}-{self._storm.storm}.csv" if self._storm else "not-applied.csv"
        return markup.download("Download the CSV", name, text)


def rows(letters: pd.DataFrame) -> list[list[Any]]:
    """Cells in the order of `COLUMNS`."""
    return [
        [stamp(letter["received_at"]), str(letter["reason"]), str(letter["said"]),
         known(letter["event_type"]), state(letter)]
        for letter in letters.to_dict("records")
    ]  # fmt: skip


def is_asked(letter: Any) -> bool:
    """Whether somebody wants it replayed, and the reader has not come to it yet."""
    return letter["status"] == "open" and not pd.isna(letter["replay_asked_at"])


def state(letter: Any) -> str:
    """Where it stands, in a word or two."""
    if is_asked(letter):
        return "replay asked"
    if letter["status"] == "open" and letter["attempts"]:
        return f"refused {int(letter['attempts']) + 1} times"
    return "waiting" if letter["status"] == "open" else str(letter["status"])


def detail(letter: Any) -> str:
    """All that is known of one message, as it came."""
    place = f"{letter['topic']}, partition {letter['partition']}, offset {int(letter['offset']):,}"
    asked = f"by {letter['replay_asked_by']}, {stamp(letter['replay_asked_at'])} UTC" if is_asked(letter) else ""
    advice = ("What to do", sections.REASONS.get(str(letter["reason"]), ""))
    facts = [
        ("Replay asked", asked),
        advice if letter["status"] == "open" else ended(letter),
        ("Happened", f"{stamp(letter['event_at'])} UTC"),
        ("Event", known(letter["event_id"])),
        ("Came from", place),
    ]  # fmt: skip
    shown = "".join(f"<dt>{markup.text(name)}</dt><dd>{markup.text(value)}</dd>" for name, value in facts if value)
    badge = markup.badge(str(letter["reason"]), "warn")
    return (
        f'<div class="sp-card"><strong>{markup.text(letter["said"])}</strong> {badge}'
        f'<dl class="sp-facts">{shown}</dl><p class="sp-note">The message, as it came:</p>'
        f'<pre class="sp-payload">{markup.text(letter["payload"])}</pre></div>'
    )


def ended(letter: Any) -> tuple[str, str]:
    """How a letter was settled."""
    return "Settled", f"{letter['status']} by {letter['settled_by']}, {stamp(letter['settled_at'])} UTC"


def drawn(letters: pd.DataFrame, total: int) -> str:
    """The newest as they stand in a report."""
    if letters.empty:
        return markup.empty(sections.NO_LETTER)
    table = markup.table([column["label"] for column in COLUMNS], rows(letters))
    more = total - len(letters)
    return table + (markup.note(f"{more:,} more are on the page.") if more > 0 else "")


def known(word: Any) -> str:
    """A word of a message, where it could be read."""
    return word if isinstance(word, str) and word else "not readable"


def stamp(moment: Any) -> str:
    """A moment in UTC."""
    return f"{pd.Timestamp(moment).tz_convert('UTC'):%d %b %Y, %H:%M:%S}"

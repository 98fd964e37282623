"""Messages, outbox and export: read a text as the rules do, put what is due on its way, take the list along."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as widgets
import pandas as pd

from stormplay.controls import markup
from stormplay.controls import nurture_sections as sections
from stormplay.controls import nurture_words as say
from stormplay.controls.asking import FileWhenWanted, button, row, show
from stormplay.controls.fields import Fields, needed
from stormplay.controls.guard import Message, checked
from stormplay.controls.nurture_state import Loop, Nurture
from stormplay.controls.work import Report, Work
from stormplay.errors import BadInput

SENDING = (
    "Stormplay sends nothing. Another program takes contacts out of the outbox, makes them, and says that they are "
    "done; each has a key, so that none is made twice."
)
WRITE_IT = "Write or paste a message first."
OUTBOX, FILE = "<h3>The outbox</h3>", "<h3>Take the list along</h3>"


class Linter:
    """A text, a channel, 'Check', and what the rules find; below, the chosen sequence's own messages.

    Attributes:
        widget: What is displayed.
        text, channel, button: The form.
        fields: What is asked of the text.
        findings: What was found, as HTML.
        own: The sequence's messages, as HTML.
        message: Where a failure is told.
    """

    def __init__(self) -> None:
        self._loop: Loop | None = None
        self.message = Message()
        self.text = widgets.Textarea(
            placeholder="Write or paste a message. {company}, {first_name} and {address} are filled in by the sender.",
            rows=5, tooltip="Message to check", layout=widgets.Layout(width="min(46em, 100%)"),
        ).add_class("sp-message")  # fmt: skip
        self.channel = widgets.Dropdown(
            options=[(label, name) for name, label in say.CHANNELS.items()], value="text", description="Channel",
            layout={"width": "16em"}, style={"description_width": "5em"},
        )  # fmt: skip
        self.button = button("Check", "primary")
        self.findings, self.own = widgets.HTML(), widgets.HTML()
        form = row(self.channel, self.button)
        self.fields = Fields(self.button)
        text = self.fields.check(self.text, needed(WRITE_IT))
        self.widget = widgets.VBox([text, form, self.message.widget, self.findings, self.own])
        self.button.on_click(checked(self.message)(lambda _: self._check()))

    def show(self, loop: Loop, nurture: Nurture) -> None:
        """Show the messages of the chosen sequence, read by this company's linter."""
        self._loop = loop
        self.own.value = own_messages(loop, nurture)

    def _check(self) -> None:
        self.message.clear()
        self.findings.value = ""
        if self._loop is None or not self.text.value.strip():
            raise BadInput("There is no text to check.", "", WRITE_IT)
        found = self._loop.lint(self.text.value, self.channel.value)
        if found:
            self.findings.value = findings_table(found)
        else:
            self.message.good("No rule finds anything. That is no legal advice: a person reads it before it goes out.")


def findings_table(found: list[object]) -> str:
    """Say what the linter found, each with the source of its rule."""
    rows = [
        [one.rule, one.phrase or "missing", one.why, one.source or "a rule of the house"]  # type: ignore[attr-defined]
        for one in found
    ]
    table = markup.table(["Rule", "Words", "What to do instead", "Source"], rows)
    return (
        markup.error(f"{markup.count(len(found), 'finding')}. Do not send it like this.")
        + f'<div class="sp-findings">{table}</div>'
    )


def own_messages(loop: Loop, nurture: Nurture) -> str:
    """Show each message of the sequence with what the linter says of it."""
    parts = [f"<h3>Messages of '{markup.text(nurture.sequence.title)}'</h3>"]
    for step in nurture.sequence.steps:
        text = nurture.sequence.messages.get(step.message)
        name = f"{say.channel(step.channel)}: {say.words(step.message)}"
        if text is None:
            parts.append(markup.note(f"{name}: its text is kept in the tool that sends it, and is not checked here."))
            continue
        found = loop.lint(text, step.channel)
        state = f"{markup.count(len(found), 'finding')}" if found else "checked, no finding"
        content = f'<p class="sp-quote">{markup.text(text)}</p>' + (findings_table(found) if found else "")
        parts.append(markup.details(f"{name} ({state})", content))
    return "".join(parts)


class Outbox:
    """What is due, on its way and done; and the button that fills the outbox.

    Args:
        changed: Called after something was written.
        lock: Called with True before and False after the work.

    Attributes:
        widget: What is displayed.
        work: The filling.
    """

    def __init__(self, changed: Callable[[], None], lock: Callable[[bool], None]) -> None:
        self._changed = changed
        self._loop: Loop | None = None
        self.counts = widgets.HTML()
        self.work = Work("Put what is due into the outbox", self._fill, self._filled, lock)
        self.work.cancel_button.layout.display = "none"  # one transaction
        self._form = widgets.VBox([row(self.work.button), self.work.running, self.work.message.widget])
        self.widget = widgets.VBox([widgets.HTML(OUTBOX), self.counts, self._form, widgets.HTML(markup.note(SENDING))])

    def show(self, loop: Loop, nurture: Nurture, *, from_start: bool = False) -> None:
        """Show the counts of a storm."""
        self._loop = loop
        self.counts.value = sections.outbox(nurture)
        show(self._form, nurture.may_write)
        if from_start:
            self.work.message.clear()

    def _fill(self, report: Report) -> pd.DataFrame:
        if self._loop is None:
            raise BadInput("No storm is open.", "", "Choose a company and a storm first.")
        report(0.2, "Asking every rule once more")
        return self._loop.due()

    def _filled(self, found: pd.DataFrame) -> str:
        self._changed()
        if found.empty:
            return "Nothing is due now, or the nurture of this storm does not run."
        said = found["outcome"].value_counts()
        return (
            f"{markup.count(said.get('in outbox', 0), 'contact')} put into the outbox, {said.get('moved', 0):,} moved "
            f"to a time that the rules allow, {said.get('refused', 0):,} refused."
        )


class TakeAlong(FileWhenWanted):
    """The list as a file for Mautic and what reads the same columns."""

    def __init__(self) -> None:
        super().__init__(FILE, widgets.HTML(sections.columns()))

    def show(self, loop: Loop, nurture: Nurture) -> None:
        """Be about a storm and a threshold."""
        self.offer(lambda: markup.download("Download CSV", f"nurture {nurture.storm_name}.csv",
                                           loop.export_csv(nurture.choice.threshold)))  # fmt: skip

"""A person told what is known of them, and a person forgotten who asks for it. For admins."""

from __future__ import annotations

import json
from collections.abc import Callable

import ipywidgets as widgets

from stormplay.controls import household_words as words
from stormplay.controls import markup
from stormplay.controls.asking import Confirm, button, row
from stormplay.controls.guard import Message, checked
from stormplay.controls.household_state import Company, Household
from stormplay.errors import BadInput

ONLY_ADMINS = "Admins of the company export a person's data and erase a person."


class PersonalData:
    """Export and erasure of the open household.

    Args:
        changed: Called afterwards with the household to open again.

    Attributes:
        make: Makes the file.
        file: The link to it.
        address, reason: Whether addresses go too; why, without values, since it stays.
        erase: Asks, then erases.
        message: Where the outcome is told.
        widget: What is displayed.
    """

    def __init__(self, changed: Callable[[str], None]) -> None:
        self._changed = changed
        self._company: Company | None = None
        self._one: Household | None = None
        self.message = Message()
        self.make, self.file = button("Make the export (JSON)"), widgets.HTML(layout={"width": "auto"})
        self.make.on_click(checked(self.message)(lambda _: self._export()))
        self.address = widgets.Checkbox(description="Also the addresses and places of the homes", indent=False,
                                        layout=widgets.Layout(width="100%"))  # fmt: skip
        self.reason = widgets.Text(
            placeholder="Such as: asked by letter. Without names or numbers; it stays.", description="Reason",
            style={"description_width": "4.5em"}, layout=widgets.Layout(width="min(40em, 100%)"),
        )  # fmt: skip
        self.erase = Confirm("Erase this person …", self._question, self._erase, self.message, word="erase")
        told = widgets.HTML("<h5>Tell the person</h5>" + markup.note(
            "All that is known of them, with every row that hangs on their homes and jobs. That it was asked is kept."
        ))  # fmt: skip
        forgotten = widgets.HTML("<h5>Forget the person</h5>" + markup.note(
            "Names, telephone numbers, e-mail addresses, notes, claims and pictures go for good. What is counted stays."
        ))  # fmt: skip
        self._form = widgets.VBox([told, row(self.make, self.file), forgotten, self.address, self.reason,
                                   self.erase.widget])  # fmt: skip
        self._no = widgets.HTML(markup.empty(ONLY_ADMINS))
        self.widget = widgets.VBox([self._form, self._no, self.message.widget])

    def show(self, company: Company | None, one: Household | None) -> None:
        """Be about a household; a file made before is taken away."""
        if self._one is None or one is None or one.identity_id != self._one.identity_id:
            self.message.clear()
            self.reason.value, self.address.value = "", False
            self.file.value = ""
        self._company, self._one = company, one
        self.erase.forget()
        may = company is not None and company.may_tell
        self._form.layout.display, self._no.layout.display = (None, "none") if may else ("none", None)

    def _export(self) -> None:
        company, one = self._open()
        told = company.graph.export_person(one.identity_id)
        text = json.dumps(told, indent=2, ensure_ascii=False, default=str)
        self._changed(one.identity_id)
        name = f"person {one.identity_id[:8]}.json"
        self.file.value = markup.download("Download the export", name, text, "application/json", mark=False)
        self.message.good(
            f"The export is made: {words.gathered(len(one.homes), len(one.own))} and all that hangs on them."
        )

    def _question(self) -> str:
        _, one = self._open()
        places = " The addresses and places of the homes go too." if self.address.value else " The addresses stay."
        return (f"Erase {words.in_short(one)}? Its names, telephone numbers, e-mail addresses, claims, notes and "
                f"pictures go for good, and no import brings them back.{places} Homes, decisions, outcomes, journeys "
                "and refusals stay, so that every count stays right. It cannot be undone: type the word.")  # fmt: skip

    def _erase(self) -> str:
        company, one = self._open()
        done = company.graph.erase_person(one.identity_id, str(self.reason.value).strip()[:200],
                                          with_address=bool(self.address.value))  # fmt: skip
        self._changed(one.identity_id)
        emptied = ", ".join(markup.count(n, what.rstrip("s")) for what, n in done.items() if n)
        return f"Erased: {emptied or 'nothing was left to erase'}. Calls, texts and e-mails are suppressed from now on."

    def _open(self) -> tuple[Company, Household]:
        if self._company is None or self._one is None:
            raise BadInput(words.NONE_OPEN)
        return self._company, self._one

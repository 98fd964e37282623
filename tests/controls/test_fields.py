"""A form that says what it expects as one types, and a change that can be taken back for a while."""

from __future__ import annotations

import ipywidgets as widgets
import pytest

from stormplay.controls import undo
from stormplay.controls.fields import Fields, needed
from stormplay.controls.plan_form import PlanForm
from stormplay.controls.undo import Done, Outcome
from stormplay.errors import BadInput, Conflict

ASKED = {"max_per_route": 50, "visit_type": "knock", "shift_hours": 0.0}


def test_the_button_waits_for_every_field_and_says_why():
    name, press = widgets.Text(), widgets.Button(tooltip="Save it")
    fields = Fields(press)
    shown = fields.check(name, needed("Write a name."))
    assert press.disabled and press.tooltip == fields.fault == "Write a name."
    assert "sp-fault" not in shown.children[1].value, "what is still missing is no fault"
    name.value = "Ray"
    assert not press.disabled and press.tooltip == "Save it"
    assert not shown.children[1].value and shown.children[1].layout.display is None, "its line stays free"
    fields.allow(False, "Your role here is viewer.")
    assert press.disabled and press.tooltip == "Your role here is viewer."


@pytest.mark.parametrize(("field", "value", "expected"), [
    ("limit", 0, "whole number of stops"), ("longest_day", "25", "hours from 0 to 24"),
    ("longest_day", "<b>ten</b>", "&lt;b&gt;ten&lt;/b&gt;"),
])  # fmt: skip
def test_a_plan_is_not_made_of_what_cannot_be_used(field, value, expected):
    press = widgets.Button()
    form = PlanForm(ASKED, press)
    assert not press.disabled
    getattr(form, field).value = value
    assert press.disabled
    places = [place.value for _, _, place in form.fields._rules]
    assert any(expected in place and "sp-fault" in place for place in places)
    form.lock(True)
    form.lock(False)
    assert press.disabled, "what cannot be used cannot be used after long work either"
    getattr(form, field).value = {"limit": 50, "longest_day": "9,5"}[field]
    assert not press.disabled


def test_undo_takes_back_once_and_says_so():
    outcome, taken = Outcome(), []
    outcome.tell(Done("Assigned.", lambda: taken.append(1) or "Taken back."))
    assert outcome.undo_button.layout.display is None and outcome.message.text == "Assigned."
    outcome.undo_button.click()
    outcome.undo_button.click()
    assert taken == [1] and outcome.message.text == "Taken back."
    assert outcome.undo_button.layout.display == "none"


def test_undo_after_a_fair_time_or_where_somebody_was_quicker_is_a_sentence(monkeypatch):
    def refuse():
        raise Conflict("Somebody else changed it.")

    outcome = Outcome()
    outcome.tell(Done("Done.", refuse))
    outcome.undo_button.click()
    assert "Somebody else changed it." in outcome.message.text
    monkeypatch.setattr(undo, "FAIR_S", -1.0)
    outcome.tell(Done("Done.", lambda: "never"))
    outcome.undo_button.click()
    assert "too long ago" in outcome.message.text


def test_what_cannot_be_taken_back_offers_nothing():
    outcome = Outcome()
    outcome.tell(Done("Erased."))
    assert outcome.undo_button.layout.display == "none"
    with pytest.raises(BadInput, match="Choose"):
        needed("Choose a day.")(None)

"""The form of a damage record. It documents what was seen on a roof; it never handles a claim."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, get_args

import ipywidgets as widgets

from stormplay.controls import markup
from stormplay.controls.fields import Fields, Rule
from stormplay.controls.guard import Message, checked
from stormplay.errors import BadInput
from stormplay.jobs import claim

NOT_SAID = "not said"
SQUARE_FT = 100.0  # a test square is 10 by 10 feet unless the record says otherwise
SLOPES = ("north", "east", "south", "west")
ABOUT = "This documents damage. It never handles a claim: no claim number, no insurer, no amount belongs here."
_YES: dict[Any, str] = {True: "yes", False: "no"}
_WIDE = {"width": "min(24em, 100%)"}


class ClaimForm:
    """Fields of a damage record, with its own 'Save'.

    Args:
        save: Takes the fields that were given (None: take this one away); returns what to say.

    Attributes:
        widget: What is displayed.
        message: Where the outcome is told.
        checks: What is asked of the numbers, by the rules of the record itself.
    """

    def __init__(self, save: Callable[[dict[str, Any]], str]) -> None:
        self._save, self._before, self._links = save, dict[str, Any](), list[str]()
        self.message = Message()
        self.damage = _choice("Damage", get_args(claim.DamageType))
        self.severity = _choice("Severity", get_args(claim.Severity))
        self.material = _choice("Roof", get_args(claim.RoofMaterial))
        self.hail = _number("Hail found", "inches, such as 1.25")
        self.age = _number("Roof age", "years")
        self.metal = _choice("Soft metal hit", ("yes", "no"))
        self.day = widgets.DatePicker(description="Inspected on", style=_WORDS, layout=_WIDE)
        self.hits = {slope: _number(f"{slope.capitalize()} slope", "hits in 10 × 10 ft") for slope in SLOPES}
        self.with_photos = widgets.Checkbox(
            value=True, description="The photos of this job are its evidence", indent=False
        )
        self.button = widgets.Button(description="Save record", button_style="primary", layout={"height": "44px"})
        self.checks = Fields(self.button)
        self.button.on_click(checked(self.message)(lambda _: self._press()))
        top = [self.damage, self.severity, self.hail, self.material, self.age, self.metal, self.day]
        rules: dict[widgets.Widget, Rule] = {
            self.hail: lambda _: claim.checked({"hail_in": _float(self.hail)}),
            self.age: lambda _: claim.checked({"roof_age_years": _float(self.age)}),
        } | {field: _hits(slope, field) for slope, field in self.hits.items()}
        shown = {field: self.checks.check(field, rule) for field, rule in rules.items()}
        grid = {"display": "grid", "grid_template_columns": "repeat(auto-fit, minmax(min(21em, 100%), 1fr))",
                "grid_gap": "8px 16px"}  # fmt: skip
        self.fields = [*top, *self.hits.values(), self.with_photos]
        self._as_shown = self._values()
        self.widget = widgets.VBox([
            widgets.HTML(markup.note(ABOUT)),
            widgets.Box([shown.get(field, field) for field in top], layout=grid),
            widgets.HTML('<h4 class="sp-h4">Test squares</h4>'),
            widgets.Box([shown[field] for field in self.hits.values()], layout=grid),
            self.with_photos,
            widgets.Box([self.button]),
            self.message.widget,
        ])  # fmt: skip

    def show(self, record: Mapping[str, Any], links: list[str], *, may_write: bool) -> None:
        """Show a record as it is saved.

        Args:
            record: The saved fields.
            links: The job's photos, as evidence names them.
            may_write: Whether it can be changed.
        """
        self._before, self._links = dict(record), links
        self.damage.value, self.severity.value = record.get("damage_type") or "", record.get("severity") or ""
        self.material.value = record.get("roof_material") or ""
        self.hail.value, self.age.value = _text(record.get("hail_in")), _text(record.get("roof_age_years"))
        self.metal.value = _YES.get(record.get("soft_metal_hits", ""), "")
        day = record.get("inspected_on")
        self.day.value = date.fromisoformat(day) if day else None
        counted = {square["slope"]: square["hits"] for square in record.get("test_squares") or []}
        for slope, field in self.hits.items():
            field.value = _text(counted.get(slope))
        for field in self.fields:
            field.disabled = not may_write
        self.checks.allow(may_write)
        self._as_shown = self._values()

    @property
    def is_edited(self) -> bool:
        """Whether somebody has changed a field and not saved it."""
        return self._values() != self._as_shown

    def _values(self) -> list[Any]:
        return [field.value for field in self.fields]

    def links(self, links: list[str]) -> None:
        """The job's photos have changed."""
        self._links = links

    def given(self) -> dict[str, Any]:
        """The fields as they stand in the form; None where one was emptied.

        Raises:
            BadInput: A number is none.
        """
        before = {square["slope"]: square for square in self._before.get("test_squares") or []}
        others = [square for slope, square in before.items() if slope not in self.hits]
        squares = [
            {"square_ft": SQUARE_FT, **before.get(slope, {}), "slope": slope, "hits": _whole(field)}
            for slope, field in self.hits.items() if field.value.strip()
        ]  # fmt: skip
        fields: dict[str, Any] = {
            "damage_type": self.damage.value or None,
            "severity": self.severity.value or None,
            "hail_in": _float(self.hail),
            "roof_material": self.material.value or None,
            "roof_age_years": _float(self.age),
            "soft_metal_hits": {"yes": True, "no": False}.get(self.metal.value),
            "inspected_on": self.day.value.isoformat() if self.day.value else None,
            "test_squares": [*squares, *others] or None,
        }
        outside = [link for link in self._before.get("evidence") or [] if not link.startswith("photo:")]
        fields["evidence"] = [*outside, *(self._links if self.with_photos.value else [])] or None
        return {name: value for name, value in fields.items() if value is not None or name in self._before}

    def _press(self) -> None:
        self.message.clear()
        given = self.given()
        if not given:
            raise BadInput("The record is empty.", "Expected at least one field.", "Choose what was seen, then save.")
        self.message.good(self._save(given))


_WORDS = {"description_width": "9em"}


def _choice(name: str, listed: tuple[str, ...]) -> widgets.Dropdown:
    options = [(NOT_SAID, ""), *((word[:1].upper() + word[1:], word) for word in listed)]
    return widgets.Dropdown(options=options, value="", description=name, style=_WORDS, layout=_WIDE)


def _number(name: str, hint: str) -> widgets.Text:
    return widgets.Text(description=name, placeholder=hint, style=_WORDS, layout=_WIDE)


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _float(field: widgets.Text) -> float | None:
    typed = field.value.strip().rstrip('"″').strip()
    if not typed:
        return None
    try:
        return float(typed)
    except ValueError:
        raise BadInput(
            f"'{field.description}' is '{typed[:40]}'.", f"Expected a number: {field.placeholder}."
        ) from None


def _hits(slope: str, field: widgets.Text) -> Rule:
    def rule(typed: str) -> None:
        if typed.strip():
            claim.checked({"test_squares": [{"slope": slope, "hits": _whole(field)}]})

    return rule


def _whole(field: widgets.Text) -> int:
    typed = field.value.strip()
    if not typed.isdecimal() or len(typed) > 6:
        raise BadInput(f"'{field.description}' is '{typed[:40]}'.", f"Expected a whole number: {field.placeholder}.")
    return int(typed)

"""The live page of the treatment: every section is a widget, kept in step with what is chosen, tried and written."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import ipywidgets as widgets

from stormplay.charts import Chart
from stormplay.controls import markup
from stormplay.controls import treatment_charts as drawn
from stormplay.controls import treatment_models as models
from stormplay.controls import treatment_policy as policy
from stormplay.controls import treatment_sections as sections
from stormplay.controls.asking import top
from stormplay.controls.by_storm import ByStorm
from stormplay.controls.live import ChartFrame, KeptHtml
from stormplay.controls.query import Asked
from stormplay.controls.record import Recorded
from stormplay.controls.score_chip import ScoreChip
from stormplay.controls.treatment_apply import Applying, TakeAlong
from stormplay.controls.treatment_rules import RulesForm
from stormplay.controls.treatment_sources import Opened, Sources, names_of
from stormplay.controls.treatment_state import Treatment, Wanted, totals
from stormplay.controls.treatment_training import Training
from stormplay.controls.ways import way_to
from stormplay.parameters import Scalar

NEXT_ACT = "phase3_routes"
EVEN = "sp-even"  # charts of equal width

WORDS: dict[str, Callable[[Treatment], str]] = {
    "answer": sections.answer, "verdict": sections.verdict, "arms": sections.arms, "bands": sections.bands,
    "pooled": sections.pooled, "evidence": sections.evidence, "worth": policy.worth, "ledger": policy.ledger,
    "changes": policy.changes, "share": policy.share_note, "runs": policy.runs,
    "origin": lambda one: markup.sentence(sections.made_by(one)) + models.origin(one.models),
    "quality": lambda one: models.quality(one.models),
    "strongest": lambda one: models.strongest(one.models), "versions": lambda one: models.versions(one.models),
}  # fmt: skip
TRIED = ("answer", "worth", "ledger", "changes")  # what depends on the rules that are tried out
CHARTS: dict[str, Callable[[Treatment], Chart]] = {
    "lift": drawn.lift, "bands": drawn.bands, "storms": drawn.storms, "curve": lambda one: drawn.curve(one.trial),
    "qini": lambda one: drawn.qini(one.models.shown), "calibration": lambda one: drawn.calibration(one.models.shown),
}  # fmt: skip


class TreatmentBoard(ByStorm):
    """One storm's treatment with controls. Made by `treatment`.

    Attributes:
        treatment: What is now shown; None where nothing could be opened.
        form, applying, file_part, training: The parts with controls of their own.
        charts: The charts by name.
    """

    NO_STORM = sections.NO_STORM

    def __init__(self, sources: Sources, asked: Asked, chip: ScoreChip) -> None:
        super().__init__(sources, asked, chip)
        self._sources = sources
        self._opened: Opened | None = None
        self.treatment: Treatment | None = None
        self._html = {name: KeptHtml() for name in WORDS}
        self.charts = {name: ChartFrame() for name in CHARTS}
        self._next = widgets.HTML()
        self.applying = Applying(self._changed, self._tried, self._lock)
        self.form = RulesForm(wanted_of(asked), self.applying.lock, self._retried, self.message)
        self.file_part, self.training = TakeAlong(), Training(self._changed, self._lock)
        self._begin()

    # ---- sections

    def answer(self) -> widgets.Widget:
        """Say whether the visits worked, who is visited and what made the numbers, with the age of the data."""
        return top(self.message, self._html["answer"])

    def worked(self) -> widgets.Widget:
        """Say whether the visits worked, or that it is too early."""
        return widgets.VBox([self._html["verdict"], self.charts["lift"], self._html["arms"]])

    def evidence(self) -> widgets.Widget:
        """Show the effect by band of hail and over all storms, and who was in fact reached."""
        halves = [widgets.VBox([self._html["bands"], self.charts["bands"]]),
                  widgets.VBox([self._html["pooled"], self.charts["storms"]])]  # fmt: skip
        return widgets.VBox([_even(*halves), self._html["evidence"]])

    def who(self) -> widgets.Widget:
        """Show whom crews and money reach, and what the next crew-day is worth."""
        parts = [self.form.limits, self._html["worth"], self.charts["curve"], self._html["ledger"]]
        return widgets.VBox(parts)

    def change(self) -> widgets.Widget:
        """Show what rules would change, and apply them."""
        return widgets.VBox([self.form.choice, self._html["share"], self._html["changes"], self.applying.widget,
                             self._html["runs"]])  # fmt: skip

    def take_along(self) -> widgets.Widget:
        """Take the decisions along as a file, and go on to the routes."""
        return widgets.VBox([self.file_part.widget, self._next])

    def believe(self) -> widgets.Widget:
        """Show which model made the numbers, and how well it does."""
        both = _even(self.charts["qini"], self.charts["calibration"])
        return widgets.VBox([self._html["origin"], self._html["quality"], both, self._html["strongest"]])

    def models(self) -> widgets.Widget:
        """Train a challenger, compare it, promote it or go back."""
        return widgets.VBox([self.training.widget, self._html["versions"]])

    def recorded(self) -> Recorded:
        """Return the numbers of the page; empty where nothing could be opened."""
        return Recorded(totals(self.treatment) if self.treatment else {})

    # ---- choosing

    def _open(self, tenant: str | None, storm: str | None, asked: Asked | None) -> None:
        self._opened, self.treatment = None, None
        if tenant is not None and storm is not None:
            self._opened, self.treatment = self._sources.open(tenant, storm, wanted_of(asked))
            self.form.show(self.treatment.trial.rules)

    def _look_again(self) -> None:
        self._changed()

    def _take(self, asked: Asked) -> None:
        """Rules to try out, where they are not those that stand in the editors."""
        if self.treatment is None or asked is self._asked or not self._differs(asked):
            return
        self.form.show(wanted_of(asked).over(self.treatment.rules))
        self._retried()

    def _differs(self, asked: Asked) -> bool:
        choices = {"crew_days": 0.0, "uplift_min": 0.0} | self._choices()
        return any(not math.isclose(float(asked[name]), float(now), abs_tol=1e-6) for name, now in choices.items())

    def _choices(self) -> dict[str, Scalar]:
        """What is tried out beside the company's rules; 0: as these say."""
        if self.treatment is None:
            return {}
        rules, wanted = self.treatment.rules, self.form.wanted()
        days, least = wanted.crew_days or 0.0, wanted.uplift_min or 0.0
        return {"crew_days": 0.0 if math.isclose(days, float(rules.crew_days or 0)) else days,
                "uplift_min": 0.0 if math.isclose(least, float(rules.uplift_min), abs_tol=1e-6) else least}  # fmt: skip

    # ---- trying out and writing

    def _retried(self) -> None:
        """Other rules: only what depends on them is read and drawn again."""
        if self._opened is None or self.treatment is None:
            return
        self.message.clear()
        self.treatment = replace(self.treatment, trial=self._opened.tried(self.treatment.rules, self.form.wanted()))
        self._draw_trial(self.treatment)
        self._tell()

    def _tried(self, rules: object) -> None:
        self.form.show(rules)
        self._retried()

    def _changed(self) -> None:
        """Something was written, here or by others: read all of it again and draw it, without a reload."""
        if self._opened is None or self.treatment is None:
            return
        self.message.clear()
        self.treatment = self._opened.read(self.form.wanted(), names_of(self.treatment))
        self._draw()

    def _lock(self, running: bool) -> None:
        self.form.lock(running, is_drawn=self.treatment is not None and self.treatment.is_drawn)
        self.applying.lock()
        self._lock_choice(running)
        if not running:
            self.applying.show(self._opened, self.treatment)

    # ---- drawing

    def _draw(self, *, from_start: bool = False) -> None:
        one = self.treatment
        self._chip.show(self._selectors if one else None)
        parts = (self.applying.widget, self.file_part.widget, self.training.widget, self._next)
        for widget in (*self._html.values(), *self.charts.values(), *parts, self.again):
            widget.layout.display = None if one else "none"
        for box in (self.form.limits, self.form.choice):
            box.layout.display = "flex" if one else "none"
        self._html["answer"].layout.display = None
        self.file_part.show(self._opened, one)
        self.training.show(self._opened, one, from_start=from_start)
        if one is None:
            self._html["answer"].value = self._nothing
            return
        for name, write in WORDS.items():
            if name not in TRIED:
                self._html[name].value = write(one)
        for name, make in CHARTS.items():
            if name != "curve":
                self.charts[name].show(make(one))
        for name in ("qini", "calibration"):  # without a model the words beside them say it once
            self.charts[name].layout.display = None if one.models.shown is not None else "none"
        self._next.value = policy.next_act(way_to(NEXT_ACT, one.tenant, one.storm))
        self._draw_trial(one, from_start=from_start)

    def _draw_trial(self, one: Treatment, *, from_start: bool = False) -> None:
        for name in TRIED:
            self._html[name].value = WORDS[name](one)
        self.form.draw(one)
        self.charts["curve"].show(CHARTS["curve"](one))
        self.applying.show(self._opened, one, from_start=from_start)


def wanted_of(asked: Asked | None) -> Wanted:
    """The rules that an address asks to try out; None: the company's own."""
    if asked is None:
        return Wanted()
    return Wanted(crew_days=float(asked["crew_days"]) or None, uplift_min=float(asked["uplift_min"]) or None)


def _even(*parts: widgets.Widget) -> widgets.Widget:
    return widgets.Box(list(parts)).add_class("sp-charts").add_class(EVEN)

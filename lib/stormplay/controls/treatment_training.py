"""Train a challenger, compare it with the champion, promote it or go back, and score the storm with the champion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from stormplay.controls import treatment_charts as drawn
from stormplay.controls import treatment_models as sections
from stormplay.controls.asking import button, row, show
from stormplay.controls.fields import Fields
from stormplay.controls.guard import Message, checked
from stormplay.controls.live import ChartFrame, KeptHtml
from stormplay.controls.treatment_sources import Opened
from stormplay.controls.treatment_state import Treatment
from stormplay.controls.undo import Done, Outcome
from stormplay.controls.work import Report, Work
from stormplay.errors import BadInput
from stormplay.registry.moves import reason_of

NEXT = "No number has changed yet: score the storm with it, then see above what the policy would change."


class Training:
    """The part of the page that makes models and moves them.

    Args:
        changed: Called after something was written, so that the page is read anew.
        lock: Called with True before and False after long work.

    Attributes:
        widget: What is displayed.
        learner: Which learner to train.
        train, compare, score: The long works.
        reason: Why a model is moved, in words.
        fields: The rule of the reason; without one nothing can be moved.
        promote, roll_back: Move the champion at once; the move can be taken back.
        message, outcome: Where the outcome of a move is told, and taken back.
    """

    def __init__(self, changed: Callable[[], None], lock: Callable[[bool], None]) -> None:
        self._changed, self._lock = changed, lock
        self._opened: Opened | None = None
        self._one: Treatment | None = None
        self._seen, self._busy = 0, False
        self.message = Message()
        self.outcome = Outcome(self.message)
        self.learner = widgets.Dropdown(
            options=[(words, name) for name, words in sections.LEARNERS.items()], description="Learner",
            style={"description_width": "4.5em"}, layout=widgets.Layout(width="min(30em, 100%)"),
        )  # fmt: skip
        self.reason = widgets.Text(
            placeholder="Why? It is kept with the move.", description="Reason",
            style={"description_width": "4.5em"}, layout=widgets.Layout(width="min(30em, 100%)"),
        )  # fmt: skip
        self.train = Work("Train a challenger", self._train, self._trained, self._running)
        self.compare = Work("Compare with the champion", self._compare, self._compared, self._running)
        self.score = Work("Score this storm with the champion", self._score, self._scored, self._running)
        self.score.cancel_button.layout.display = "none"  # written whole or not at all
        for work in (self.compare, self.score):
            work.button.button_style = ""
        self.fields = Fields()
        reason = self.fields.check(self.reason, reason_of)
        self.reason.observe(lambda _: self.draw(), "value")
        self.promote, self.roll_back = button("Promote the challenger"), button("Roll back")
        for pressed, act in ((self.promote, self._promote), (self.roll_back, self._roll_back)):
            pressed.on_click(checked(self.message)(lambda _, act=act: self.outcome.tell(act())))
        self.standing, self.result, self.chart = KeptHtml(), KeptHtml(), ChartFrame()
        self.widget = widgets.VBox([
            self.standing, row(self.learner, self.train.button), self.train.running, self.train.message.widget,
            row(self.compare.button, self.score.button), self.compare.running, self.compare.message.widget,
            self.result, self.chart, self.score.running, self.score.message.widget,
            reason, row(self.promote, self.roll_back), self.outcome.widget,
        ])  # fmt: skip

    def show(self, opened: Opened | None, one: Treatment | None, *, from_start: bool = False) -> None:
        """Be about a storm; `from_start` forgets what was said and compared before."""
        self._opened, self._one = opened, one
        if from_start:
            self.outcome.forget()
            for work in (self.train, self.compare, self.score):
                work.message.clear()
            self._forget_comparison()
        if opened is not None and one is not None:
            self._seen = opened.models.last_move()
        self.draw()

    def draw(self) -> None:
        """Enable what can be done now."""
        one = self._one
        show(self.widget, one is not None and one.may_decide)
        if one is None:
            return
        models, idle = one.models, not self._busy
        self.standing.value = sections.standing(models)
        self.train.button.disabled = not idle
        self.compare.button.disabled = not (idle and models.is_open and models.champion is not None)
        self.score.button.disabled = not (idle and models.champion is not None)
        for one_button, can in ((self.promote, models.is_open), (self.roll_back, models.may_go_back)):
            one_button.disabled = not (idle and can) or bool(self.fields.fault)
            one_button.tooltip = self.fields.fault

    def _forget_comparison(self) -> None:
        self.result.value = ""
        show(self.chart, False)

    # ---- long work, in threads

    def _train(self, report: Report) -> Any:
        return self._open()[0].scorer.train(str(self.learner.value), progress=report)

    def _trained(self, version: Any) -> str:
        self._forget_comparison()
        self.compare.message.clear()
        self._changed()
        verdict = str(version.metrics.get("verdict", ""))
        ranks = "whether it ranks better than chance: " if verdict == "too early to say" else "ranks "
        return f"{version.model_version} is trained and waits as challenger; {ranks}{verdict}."

    def _compare(self, report: Report) -> Any:
        return self._open()[0].scorer.compare(progress=report)

    def _compared(self, found: Any) -> str:
        self.result.value = sections.compared(found)
        self.chart.show(drawn.compared(found))
        show(self.chart, True)
        return "Compared. Nothing is written."

    def _score(self, report: Report) -> Any:
        opened, one = self._open()
        report(0.1, f"Scoring the homes of {one.storm_name}")
        return opened.scorer.score()

    def _scored(self, scored: Any) -> str:
        self._changed()
        return f"{scored} See above what the policy would change with these numbers."

    def _running(self, running: bool) -> None:
        self._busy = running
        if running:
            self.outcome.forget()
        self._lock(running)
        self.draw()

    # ---- moves

    def _promote(self) -> Done:
        opened, one = self._open()
        models, version, former = opened.models, one.models.challenger, one.models.champion
        number = models.promote(version.version, reason_of(self.reason.value), seen=self._seen)
        self._moved()
        said = f"{version.model_version} is the champion now. {NEXT}"
        if former is None:
            return Done(f"{said} It is the first: there is none to go back to.")

        def undo() -> str:
            models.roll_back(f"Undo: the promotion of {version.model_version} is taken back.", seen=number)
            self._changed()
            return f"{former.model_version} is the champion again. Both moves are kept."

        return Done(said, undo)

    def _roll_back(self) -> Done:
        opened, one = self._open()
        models, left = opened.models, one.models.champion
        number = models.roll_back(reason_of(self.reason.value), seen=self._seen)
        self._moved()

        def undo() -> str:
            models.promote(left.version, f"Undo: {left.model_version} has its place again.", seen=number)
            self._changed()
            return f"{left.model_version} is the champion again. Both moves are kept."

        return Done(f"The champion before has its place again. {NEXT}", undo)

    def _moved(self) -> None:
        self.reason.value = ""
        self._forget_comparison()
        self._changed()

    def _open(self) -> tuple[Opened, Treatment]:
        if self._opened is None or self._one is None:
            raise BadInput("No storm is open.", "", "Choose a company and a storm first.")
        return self._opened, self._one

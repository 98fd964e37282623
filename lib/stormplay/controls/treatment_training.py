"""Train a challenger, compare it with the champion, promote it or go back, and score the storm with the champion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from stormplay.controls import treatment_charts as drawn
from stormplay.controls import treatment_models as sections
from stormplay.controls.asking import Confirm, row, show
from stormplay.controls.guard import Message
from stormplay.controls.live import ChartFrame, KeptHtml
from stormplay.controls.treatment_sources import Opened
from stormplay.controls.treatment_state import Treatment
from stormplay.controls.work import Report, Work
from stormplay.errors import BadInput

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
        promote, roll_back: Buttons that ask first.
        message: Where the outcome of a move is told.
    """

    def __init__(self, changed: Callable[[], None], lock: Callable[[bool], None]) -> None:
        self._changed, self._lock = changed, lock
        self._opened: Opened | None = None
        self._one: Treatment | None = None
        self._seen, self._busy = 0, False
        self.message = Message()
        self.learner = widgets.Dropdown(
            options=[(words, name) for name, words in sections.LEARNERS.items()], description="Learner",
            style={"description_width": "4.5em"}, layout=widgets.Layout(width="min(30em, 100%)"),
        )  # fmt: skip
        self.reason = widgets.Text(
            placeholder="Why? It is kept with the move.", description="Reason", continuous_update=False,
            style={"description_width": "4.5em"}, layout=widgets.Layout(width="min(30em, 100%)"),
        )  # fmt: skip
        self.train = Work("Train a challenger", self._train, self._trained, self._running)
        self.compare = Work("Compare with the champion", self._compare, self._compared, self._running)
        self.score = Work("Score this storm with the champion", self._score, self._scored, self._running)
        self.score.cancel_button.layout.display = "none"  # written whole or not at all
        for work in (self.compare, self.score):
            work.button.button_style = ""
        self.promote = Confirm("Promote the challenger …", self._promote_question, self._promote, self.message)
        self.roll_back = Confirm("Roll back …", self._back_question, self._roll_back, self.message)
        self.standing, self.result, self.chart = KeptHtml(), KeptHtml(), ChartFrame()
        self.widget = widgets.VBox([
            self.standing, row(self.learner, self.train.button), self.train.running, self.train.message.widget,
            row(self.compare.button, self.score.button), self.compare.running, self.compare.message.widget,
            self.result, self.chart, self.score.running, self.score.message.widget,
            row(self.reason, self.promote.widget, self.roll_back.widget), self.message.widget,
        ])  # fmt: skip

    def show(self, opened: Opened | None, one: Treatment | None, *, from_start: bool = False) -> None:
        """Be about a storm; `from_start` forgets what was said and compared before."""
        self._opened, self._one = opened, one
        if from_start:
            for message in (self.message, *(work.message for work in (self.train, self.compare, self.score))):
                message.clear()
            self._forget_comparison()
        self.promote.forget()  # what was asked about other models is not answered for these
        self.roll_back.forget()
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
        self.promote.button.disabled = not (idle and models.is_open)
        self.score.button.disabled = not (idle and models.champion is not None)
        self.roll_back.button.disabled = not (idle and models.may_go_back)

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
            self.message.clear()
        self._lock(running)
        self.draw()

    # ---- moves

    def _promote_question(self) -> str:
        models = self._open()[1].models
        now = "There is no champion yet." if models.champion is None else f"Now it is {models.champion.model_version}."
        return f"Make {models.challenger.model_version} the champion? {now} It can be rolled back. {NEXT}"

    def _promote(self) -> str:
        opened, one = self._open()
        version = one.models.challenger
        opened.models.promote(version.version, self._why(), seen=self._seen)
        return self._moved(f"{version.model_version} is the champion now. {NEXT}")

    def _back_question(self) -> str:
        champion = self._open()[1].models.champion
        return (
            f"Give the place of {champion.model_version} back to the champion before it? The move and its reason are "
            f"kept. {NEXT}"
        )

    def _roll_back(self) -> str:
        opened, _ = self._open()
        opened.models.roll_back(self._why(), seen=self._seen)
        return self._moved(f"The champion before has its place again. {NEXT}")

    def _moved(self, said: str) -> str:
        self.reason.value = ""
        self._forget_comparison()
        self._changed()
        return said

    def _why(self) -> str:
        why = str(self.reason.value).strip()
        if not why:
            raise BadInput("A move needs a reason.", "", "Write it beside the button; it is kept with the move.")
        return why

    def _open(self) -> tuple[Opened, Treatment]:
        if self._opened is None or self._one is None:
            raise BadInput("No storm is open.", "", "Choose a company and a storm first.")
        return self._opened, self._one

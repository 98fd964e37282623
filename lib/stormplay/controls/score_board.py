"""The live page of the score: every section is a widget, kept in step with what is chosen."""

from __future__ import annotations

from typing import Any

import ipywidgets as widgets

from stormplay.controls import score_charts as drawn
from stormplay.controls import score_sections as sections
from stormplay.controls.asking import top
from stormplay.controls.by_storm import ByStorm
from stormplay.controls.following import EVERYTHING, read_beside
from stormplay.controls.guard import checked
from stormplay.controls.live import ChartFrame, KeptHtml
from stormplay.controls.query import Asked
from stormplay.controls.record import Recorded
from stormplay.controls.score_chip import ScoreChip
from stormplay.controls.score_state import Play, Sources, StormScore, totals
from stormplay.parameters import Scalar

BEFORE = "the storm before"


class ScoreBoard(ByStorm):
    """One storm's score with controls. Made by `score`.

    Attributes:
        play: What is now shown; None where nothing could be opened.
        other: The storm to compare with.
        charts: The charts by name.
    """

    NO_STORM = sections.NO_STORM

    def __init__(self, sources: Sources, asked: Asked, chip: ScoreChip) -> None:
        super().__init__(sources, asked, chip)
        self._sources = sources
        self._score: StormScore | None = None
        self.play: Play | None = None
        self._html: dict[str, Any] = {"answer": widgets.HTML()}
        self._html |= {name: KeptHtml() for name in ("components", "verdict", "arms", "changes", "compared", "steps")}
        self.charts = {name: ChartFrame() for name in ("gauge", "waterfall", "lift", "history", "comparison")}
        self.other = widgets.Dropdown(
            options=[(BEFORE, "")], description="Against", style={"description_width": "5.5em"},
            layout=widgets.Layout(width="min(32em, 100%)"),
        )  # fmt: skip
        self._others: dict[str, str] = {}
        self._quiet = False
        self.other.observe(checked(self.message)(lambda change: self._compare_with(change["new"])), "value")
        self._begin()
        chip.following.also(self._follow)

    # ---- sections

    def answer(self) -> widgets.Widget:
        """Say what the score is, what is not measurable yet, and how old the data are."""
        return top(self.message, self._html["answer"], *self._chip.following.marks)

    def made_of(self) -> widgets.Widget:
        """Show what the score is made of."""
        both = widgets.Box([self.charts["gauge"], self.charts["waterfall"]]).add_class("sp-charts")
        return widgets.VBox([both, self._html["components"]])

    def lift(self) -> widgets.Widget:
        """Say whether treating worked, or that it is too early."""
        return widgets.VBox([self._html["verdict"], self.charts["lift"], self._html["arms"]])

    def history(self) -> widgets.Widget:
        """Show how the score came to be what it is."""
        return widgets.VBox([self.charts["history"], self._html["changes"]])

    def compare(self) -> widgets.Widget:
        """Show this storm against another, which can be chosen."""
        return widgets.VBox([self.other, self._html["compared"], self.charts["comparison"]])

    def raise_it(self) -> widgets.Widget:
        """List the next steps, the cheapest first."""
        return self._html["steps"]

    def recorded(self) -> Recorded:
        """Return the numbers of the page; empty where nothing could be opened."""
        return Recorded(totals(self.play) if self.play else {})

    # ---- choosing

    def _open(self, tenant: str | None, storm: str | None, asked: Asked | None) -> None:
        other = str(asked["compare_with"]) if asked else ""
        self._score, self.play = None, None
        if tenant is not None and storm is not None:
            self._score, self.play = self._sources.open(tenant, storm, other)
            self._offer(storm, other)

    def _offer(self, storm: str, other: str) -> None:
        """Which storms this one can be compared with."""
        storms = self._selectors.storms if self._selectors else None
        others = [] if storms is None else storms[storms["slug"].astype(str) != storm].to_dict("records")
        self._others = {str(row[name]): str(row["slug"]) for row in others for name in ("slug", "storm_id")}
        self._quiet = True
        try:
            self.other.options = [(BEFORE, ""), *((str(row["name"]), str(row["slug"])) for row in others)]
            self.other.value = self._others.get(other, "")
        finally:
            self._quiet = False

    def _compare_with(self, other: str) -> None:
        if self._quiet or self._score is None or self.play is None:
            return
        self.message.clear()
        self.play = self.play.against(self._score, other)
        self._draw_comparison(self.play)
        self._tell()

    def _take(self, asked: Asked) -> None:
        other = self._others.get(str(asked["compare_with"]), "")
        if other != self.other.value:
            self.other.value = other

    def _choices(self) -> dict[str, Scalar]:
        return {"compare_with": str(self.other.value)} if self.play is not None else {}

    def _look_again(self) -> None:
        if self.play is not None:
            self.message.clear()
            other = self.other.value
            self._score, self.play = self._sources.open(self.play.tenant, self.play.storm, other)
            self._draw()

    async def _follow(self, changed: frozenset[str]) -> None:
        if not changed & {EVERYTHING, "storms", "storm_scores"}:
            return
        # The number is read in a moment; whether treating worked, and what would raise the number, takes longer.
        score = self._score
        quick = None if score is None else await read_beside(lambda: self.play, lambda play: play.with_standing(score))
        if quick is not None and self._score is score:
            self.play = quick
            self._draw_number(quick)
        found = await read_beside(
            lambda: self.play, lambda play: self._sources.open(play.tenant, play.storm, play.other)
        )
        if found is not None:
            self._score, self.play = found
            self._draw_play(self.play)

    # ---- drawing

    def _draw(self, *, from_start: bool = False) -> None:
        play = self.play
        self._chip.show(self._selectors if play else None)
        for widget in (*self._html.values(), *self.charts.values(), self.other, self.again):
            widget.layout.display = None if play else "none"
        self._html["answer"].layout.display = None
        if play is None:
            self._html["answer"].value = self._nothing
            return
        self._draw_play(play)

    def _draw_play(self, play: Play) -> None:
        self._draw_number(play)
        for name in ("verdict", "arms", "steps"):
            self._html[name].value = getattr(sections, name)(play)
        self.charts["lift"].show(drawn.lift(play))
        self._draw_comparison(play)

    def _draw_number(self, play: Play) -> None:
        for name in ("answer", "components", "changes"):
            self._html[name].value = getattr(sections, name)(play)
        for name in ("gauge", "waterfall", "history"):
            self.charts[name].show(getattr(drawn, name)(play))

    def _draw_comparison(self, play: Play) -> None:
        self._html["compared"].value = sections.compared(play)
        self.charts["comparison"].show(drawn.comparison(play))

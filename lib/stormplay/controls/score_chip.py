"""The Storm Play Score in the header of every page: a small chip that leads to the page of the score."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import ipywidgets as widgets
from IPython.display import HTML

from stormplay.charts.scores import FAIR, GOOD
from stormplay.controls import markup
from stormplay.controls.following import EVERYTHING, Following, MakeListener
from stormplay.controls.guard import sentence_of
from stormplay.controls.selectors import Selectors
from stormplay.controls.ways import way_to

PAGE = "score"


class Scored(Protocol):
    """What a chip needs of a `stormplay.StormPlayScore`."""

    def current(self) -> Any: ...  # noqa: D102


Score = Callable[[str, str], Scored]
"""Makes the score of a tenant's storm, such as `stormplay.StormPlayScore`."""


def tone(score: float) -> markup.Tone:
    """How a score reads."""
    return "good" if score >= GOOD else "warn" if score >= FAIR else "bad"


def chip(standing: Any, link: str = "") -> str:
    """'Storm Play Score 62 / 100'.

    Args:
        standing: As `StormPlayScore.current` returns it.
        link: Where it leads; '' where it leads nowhere.
    """
    if standing.is_measurable:
        measured, every = standing.measured, len(standing.components)
        value = f"<strong>{standing.score:.0f}</strong> / 100"
        rest = "" if measured == every else f"<small>{measured} of {every} parts<span> measurable yet</span></small>"
        look = f" sp-{tone(standing.score)}"
    else:
        value, rest, look = "<strong>not measurable yet</strong>", "", ""
    inside = f'<span class="sp-score-name">Storm Play Score</span> <span class="sp-score-value">{value}</span>{rest}'
    if link:
        return f'<a class="sp-score{look}" href="{markup.text(link)}">{inside}</a>'
    return f'<span class="sp-score{look}">{inside}</span>'


def still(score: Score | None, tenant: str, storm: str) -> HTML:
    """The chip in a report, which leads nowhere."""
    return HTML("" if score is None else chip(score(tenant, storm).current()))


class ScoreChip:
    """The chip on a live page; it knows which storm is open, so the page follows others' changes through it.

    Args:
        score: Makes the score; None: there is none, and nothing is shown.
        links: Whether it leads to the page of the score; not on that page itself.
        live: Makes what tells of others' changes; None: nothing moves by itself.

    Attributes:
        widget: What is displayed.
        following: The page's own sections join here.
    """

    def __init__(self, score: Score | None, *, links: bool = True, live: MakeListener | None = None) -> None:
        self._score, self._links = score, links
        self.following = Following(live)
        self.following.also(self._follow)
        self._of: tuple[str, str] | None = None
        self._shown: tuple[str | None, str | None] = None, None
        self._scored: Scored | None = None
        self.widget = widgets.HTML().add_class("sp-score-place")

    def show(self, chosen: Selectors | None) -> None:
        """Read the score of what is chosen and show it. A score that cannot be read takes nothing else away."""
        tenant, storm = (chosen.tenant, chosen.storm) if chosen else (None, None)
        self.widget.value = self._readable(tenant, storm)
        self._shown = tenant, storm
        self.following.choose(*self._shown)

    async def _follow(self, changed: frozenset[str]) -> None:
        if changed & {EVERYTHING, "storm_scores"}:
            shown = self._shown
            value = await asyncio.to_thread(self._readable, *shown)
            if shown == self._shown:
                self.widget.value = value

    def _readable(self, tenant: str | None, storm: str | None) -> str:
        try:
            return self._read(tenant, storm)
        except Exception as error:
            sentence_of(error)  # an unexpected one is logged
            return ""

    def _read(self, tenant: str | None, storm: str | None) -> str:
        if self._score is None or tenant is None or storm is None:
            return ""
        if self._scored is None or self._of != (tenant, storm):
            self._scored, self._of = self._score(tenant, storm), (tenant, storm)
        return chip(self._scored.current(), way_to(PAGE, tenant, storm) if self._links else "")

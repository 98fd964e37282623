"""What all pages of one company and storm have in common: choosing, opening, looking again, and the address of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

import ipywidgets as widgets
import pandas as pd

from stormplay.controls import markup, query
from stormplay.controls.address import Address
from stormplay.controls.asking import look_again
from stormplay.controls.guard import Message, checked
from stormplay.controls.query import Asked
from stormplay.controls.score_chip import ScoreChip
from stormplay.controls.selectors import Selectors
from stormplay.parameters import Scalar
from stormplay.together import together

S = TypeVar("S")
P = TypeVar("P")
Q = TypeVar("Q")


def opened(
    usual: Mapping[str, Scalar],
    *,
    interactive: bool,
    sources: Callable[[Mapping[str, Scalar]], S],
    report: Callable[[S], P],
    board: Callable[[S, Asked], Q],
    usable: Callable[[Asked], Asked] = lambda asked: asked,
) -> P | Q:
    """Open a page: live, with what its address asks for; or drawn once, as its notebook's parameters have it.

    Args:
        usual: The notebook's parameters, and the page's own choices with their defaults.
        interactive: Whether it is live.
        sources: Makes what the page reads from, by the parameters.
        report: Draws it once. board: Makes the live page.
        usable: Puts something usable where an address asks for what cannot be, and a sentence beside it.

    Raises:
        StormplayError: Only where not interactive; a live page says it in a sentence instead.
    """
    if not interactive:
        return report(sources(usual))
    asked = usable(query.asked(usual))
    return board(sources(asked.values), asked)


class Places(Protocol):
    """Where a page learns which companies and storms there are."""

    @property
    def tenants(self) -> Callable[[], pd.DataFrame]: ...  # noqa: D102
    @property
    def storms(self) -> Callable[[str], pd.DataFrame]: ...  # noqa: D102


class ByStorm:
    """A page of one company and storm. A page of its own fills in what it opens, draws and lets be chosen.

    Args:
        places: Gives the companies open to the reader and their storms.
        asked: What the page is asked for.
        chip: The score in its header.

    Attributes:
        message: Where the page says what went wrong with a choice.
        again: Reads what others have changed.
        address: Keeps the address of the page.
    """

    NO_STORM = "This company has no storm yet."

    def __init__(self, places: Places, asked: Asked, chip: ScoreChip) -> None:
        self._listed, self._asked, self._chip = places, asked, chip
        self.message = Message()
        self.again = look_again(self._look_again, self.message)
        self.address = Address(checked(self.message)(self._went))
        self._choice = widgets.VBox([])
        self._selectors: Selectors | None = None
        self._is_begun = False

    # ---- what a page of its own says

    def _open(self, tenant: str | None, storm: str | None, asked: Asked | None) -> None:
        """Read a storm; None: nothing can be opened. `asked`: what else an address asks for; None: the reader chose."""
        raise NotImplementedError

    def _build(self) -> None:
        """Make what need not be there before the first storm is open: whoever waits for its map has it sooner."""

    def _draw(self, *, from_start: bool = False) -> None:
        """Show what was read in every section; `from_start`: of another storm."""
        raise NotImplementedError

    def _look_again(self) -> None:
        """Read what others have changed."""
        raise NotImplementedError

    def _take(self, asked: Asked) -> None:
        """Choose what an address asks for beside company and storm, where it is not chosen already."""

    def _choices(self) -> Mapping[str, Scalar]:
        """What is chosen beside company and storm and may be shared, by name."""
        return {}

    # ---- sections

    def header(self) -> widgets.Widget:
        """Show the Storm Play Score."""
        return self._chip.widget

    def choose(self) -> widgets.Widget:
        """Choose company and storm."""
        return widgets.VBox([self._choice, widgets.Box([self.again])])

    # ---- choosing

    def _begin(self) -> None:
        """Open what the page is asked for and draw it; called when all parts are there."""
        with together():
            checked(self.message)(self._start)()
        self._build()
        checked(self.message)(lambda: self._draw(from_start=True))()
        checked(self.message)(lambda: self._take(self._asked))()
        self._complain(self._asked)
        self._tell(replaces=True)
        self._is_begun = True

    def _start(self) -> None:
        self._selectors = Selectors(self._listed.tenants(), self._listed.storms, self._chosen, self.message)
        self._choice.children = (self._selectors.widget, self.address)
        self._selectors.begin(str(self._asked["tenant"]), str(self._asked["storm"]))
        self._open(self._selectors.tenant, self._selectors.storm, self._asked)

    def _chosen(self, tenant: str, storm: str | None) -> None:
        self._reopen(tenant, storm, None)
        self._tell()

    def _reopen(self, tenant: str | None, storm: str | None, asked: Asked | None) -> None:
        self.message.clear()
        try:
            with together():
                self._open(tenant, storm, asked)
        finally:
            self._draw(from_start=True)  # after a failure too: the former choice must not stay in view

    def _went(self, text: str) -> None:
        """The reader went back or forward: what the page showed there is shown again, without loading it anew."""
        chosen = self._selectors
        if chosen is None or chosen.locked:  # something runs for the present choice
            self._tell(replaces=True)
            return
        asked = self._asked.again(text)
        before = chosen.tenant, chosen.storm
        self.message.clear()
        try:
            chosen.choose(str(asked["tenant"]), str(asked["storm"]))
            if (chosen.tenant, chosen.storm) != before:
                self._reopen(chosen.tenant, chosen.storm, asked)
            self._take(asked)
            self._complain(asked)
        except Exception:
            self._reopen(chosen.tenant, chosen.storm, None)  # what cannot be opened leaves nothing else in view
            raise
        finally:
            self._tell(replaces=True)

    def _tell(self, *, replaces: bool = False) -> None:
        """Write what is chosen into the address; `replaces`: nobody chose it just now, or somebody is typing."""
        chosen = self._selectors
        if chosen is not None and chosen.tenant is not None:
            self.address.tell(
                self._asked.query(chosen.tenant, chosen.storm, self._choices()), replaces=replaces or not self._is_begun
            )

    def _complain(self, asked: Asked) -> None:
        if asked.complaints:
            self.message.error(" ".join([*asked.complaints, self.message.text]).strip())

    def _lock_choice(self, running: bool) -> None:
        """Let nothing else be opened while something runs for what is open."""
        self.again.disabled = running
        if self._selectors is not None:
            self._selectors.lock(running)

    @property
    def _nothing(self) -> str:
        """What to say where nothing is open, as HTML: that the company has no storm; else the message has said it."""
        chosen = self._selectors
        none_yet = chosen is not None and chosen.tenant is not None and not len(chosen.storms)
        return markup.empty(self.NO_STORM) if none_yet else ""

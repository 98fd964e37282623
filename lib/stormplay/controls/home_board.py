"""The live home page: every storm a card, found by company, state and words; it moves by itself."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import ipywidgets as widgets

from stormplay.controls import home_sections as sections
from stormplay.controls import markup
from stormplay.controls.address import Address
from stormplay.controls.asking import FileWhenWanted, look_again, row, show, top
from stormplay.controls.following import Following, MakeListener, read_beside
from stormplay.controls.guard import Message, checked, sentence_of
from stormplay.controls.live import KeptHtml
from stormplay.controls.plan import row_of
from stormplay.controls.query import Asked
from stormplay.controls.record import Recorded
from stormplay.errors import BadInput, StormplayError
from stormplay.parameters import Scalar

ALL = "all"
FOLLOWED = 3  # companies; each listens on a connection of its own, and a login has eight
TICK_S = 60.0  # without news too: ages grow, and companies beyond those may have changed
FEW = 4  # so many storms need no search
_LOOK: dict[str, Any] = {"style": {"description_width": "5.5em"}, "layout": {"width": "min(25em, 100%)"}}


class ReadStorms(Protocol):
    """Reads the storms open to the reader, such as `stormplay.home.storms_of_mine`."""

    def __call__(self, tenant: str | None = None, storm: str | None = None) -> Any: ...  # noqa: D102


class ReadHealth(Protocol):
    """Makes what reads a company's health, such as `stormplay.TenantHealth`."""

    def __call__(self, tenant: str) -> Any: ...  # noqa: D102


@dataclass(frozen=True)
class Sources:
    """Where the page's cards come from; the page itself knows no database.

    Attributes:
        storms: Reads the storms open to the reader.
        health: Makes what reads a company's health; None: no company is judged.
        to_csv: From a frame to CSV that is safe in a spreadsheet.
    """

    storms: ReadStorms
    health: ReadHealth | None
    to_csv: Any

    def verdict(self, tenant: str) -> Any:
        """A company's verdict, or a sentence that it cannot be read."""
        try:
            return None if self.health is None else self.health(tenant).read().verdict
        except Exception as error:
            return sentence_of(error)


@dataclass
class Shown:
    """What the page holds: the storms as they were read, and each company's verdict as it comes."""

    home: Any
    verdicts: dict[str, Any] = field(default_factory=dict)


class HomeBoard:
    """All storms of the reader, with filters. Made by `home_page`.

    Attributes:
        shown: What was read; None where it cannot be.
        message: Where the page says what went wrong.
        company, status, words: The filters.
        csv: The storms as a file.
        address: Keeps the address of the page.
    """

    def __init__(self, sources: Sources, asked: Asked, live: MakeListener | None) -> None:
        self._sources, self._asked = sources, asked
        self.shown: Shown | None = None
        self.message = Message()
        self._html = {name: KeptHtml() for name in ("answer", "cards", "companies")}
        self.again = look_again(self._look_again, self.message)
        self.address = Address(checked(self.message)(self._went))
        self.company = widgets.Dropdown(description="Company", options=[("All companies", ALL)], **_LOOK)
        self.status = widgets.Dropdown(
            description="State", options=[("All states", ALL), ("Open", "open"), ("Closed", "closed")], **_LOOK
        )
        self.words = widgets.Text(
            description="Search", placeholder="Part of a name, a year, a company", continuous_update=True, **_LOOK
        )
        self._filters = row(self.company, self.status, self.words)
        self._said = widgets.HTML(layout={"width": "auto"}).add_class("sp-pages")
        self.csv = FileWhenWanted(markup.note("The storms shown, as a file that is safe in a spreadsheet."))
        self._quiet = False
        self._tasks: list[asyncio.Task[None]] = []
        for box, typing in ((self.company, False), (self.status, False), (self.words, True)):
            box.observe(checked(self.message)(lambda _, typing=typing: self._filtered(typing)), "value")
        checked(self.message)(self._start)()
        if asked.complaints:
            self.message.error(" ".join([*asked.complaints, self.message.text]).strip())
        self._follow(live)
        self._tell(replaces=True)

    # ---- sections

    def answer(self) -> widgets.Widget:
        """Say how many storms are open and where to begin, with the age of the data."""
        return top(self.message, self._html["answer"], *self._marks)

    def choose(self) -> widgets.Widget:
        """Choose company and state, or search."""
        return widgets.VBox([self._filters, row(self.again, self._said), self.address])

    def storms(self) -> widgets.Widget:
        """Show each storm as a card."""
        return self._html["cards"]

    def companies(self) -> widgets.Widget:
        """Say how each company is, and its one next action."""
        return self._html["companies"]

    def take_along(self) -> widgets.Widget:
        """Take the storms along as a file."""
        return self.csv.widget

    def recorded(self) -> Recorded:
        """Return the numbers of the page; empty where nothing could be read."""
        return Recorded(sections.totals(self.shown.home) if self.shown else {})

    @property
    def cards(self) -> list[Any]:
        """The storms that match the filters, in their order."""
        every = self.shown.home.cards if self.shown else ()
        return [one for one in every if self._matches(one)]

    # ---- choosing

    def _start(self) -> None:
        self._read()
        self._take(self._asked)

    def _read(self) -> None:
        kept = self.shown.verdicts if self.shown else {}
        self.shown = Shown(self._sources.storms(), kept)
        names = zip(self.shown.home.companies["org_name"], self.shown.home.companies["slug"], strict=True)
        options = [("All companies", ALL), *((str(name), str(slug)) for name, slug in names)]
        if options != list(self.company.options):
            self._silently(company=self.company.value, options=options)

    def _take(self, asked: Asked) -> None:
        known = [value for _, value in self.company.options]
        wanted = str(asked["tenant"])
        company = self._slug(wanted)
        self._silently(company=company, status=str(asked["status"]), words=str(asked["find"]))
        self._draw()
        if wanted != ALL and company not in known[1:]:
            raise BadInput(f"There is no tenant '{wanted}' open to you.", "Choose one of your companies.")

    def _slug(self, wanted: str) -> str:
        """The slug of a company that is open to the reader, by slug or id; else all."""
        if self.shown is None:
            return ALL
        return str(row_of(self.shown.home.companies, "tenant_id", wanted).get("slug", ALL))

    def _silently(self, **values: Any) -> None:
        self._quiet = True
        try:
            if "options" in values:
                self.company.options = values["options"]
            slugs = [value for _, value in self.company.options]
            self.company.value = values["company"] if values["company"] in slugs else ALL
            if "status" in values:
                self.status.value = values["status"] if values["status"] in ("open", "closed") else ALL
            self.words.value = values.get("words", self.words.value)
        finally:
            self._quiet = False

    def _filtered(self, typing: bool) -> None:
        if not self._quiet:
            self.message.clear()
            self._draw()
            self._tell(replaces=typing)

    def _matches(self, one: Any) -> bool:
        if self.company.value not in (ALL, one.tenant) or self._asked["storm"] not in (ALL, one.slug, one.storm_id):
            return False
        if self.status.value != ALL and (one.status == "closed") != (self.status.value == "closed"):
            return False
        text = f"{one.name} {one.company} {one.slug} {one.status} {one.event_date:%d %B %Y}".lower()
        return all(word in text for word in self.words.value.lower().split())

    def _went(self, text: str) -> None:
        """The reader went back or forward: the filters of there."""
        self.message.clear()
        try:
            self._take(self._asked.again(text))
        finally:
            self._tell(replaces=True)

    def _tell(self, *, replaces: bool) -> None:
        choices: dict[str, Scalar] = {"status": str(self.status.value), "find": self.words.value.strip()}
        tenant = None if self.company.value == ALL else str(self.company.value)
        storm = None if self._asked["storm"] == ALL else str(self._asked["storm"])
        self.address.tell(self._asked.query(tenant, storm, choices), replaces=replaces)

    # ---- moving by itself

    def _follow(self, live: MakeListener | None) -> None:
        followed = self.shown.home.companies["slug"].astype(str).head(FOLLOWED) if self.shown else []
        self._following = [Following(live) for _ in followed]
        self._marks = self._following[0].marks if self._following else []
        for one, slug in zip(self._following, followed, strict=True):
            one.also(self._changed)
            one.choose(slug, "*")
        with suppress(RuntimeError):  # no event loop: a page that is built in a test
            loop = asyncio.get_running_loop()
            self._tasks = [loop.create_task(self._judge()), loop.create_task(self._tick())]

    async def _changed(self, _: frozenset[str]) -> None:
        found = await read_beside(lambda: self.shown, lambda shown: Shown(self._sources.storms(), shown.verdicts))
        if found is not None:
            self.shown = found
            self._draw()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            with suppress(StormplayError):  # what follows changes says what is wrong, and tries again
                await self._changed(frozenset())

    async def _judge(self) -> None:
        """Each company's health, after the cards are there: it takes a while, and they need not wait for it."""
        slugs = list(self.shown.home.companies["slug"].astype(str)) if self.shown else []
        for slug in slugs:
            verdict = await asyncio.to_thread(self._sources.verdict, slug)
            if self.shown is not None:
                self.shown.verdicts[slug] = verdict
                self._draw_companies(self.shown)

    def _look_again(self) -> None:
        self.message.clear()
        self._read()
        self._draw()
        with suppress(RuntimeError):
            self._tasks.append(asyncio.get_running_loop().create_task(self._judge()))

    # ---- drawing

    def _draw(self) -> None:
        shown = self.shown
        if shown is None:
            return
        every, cards = shown.home.cards, self.cards
        many = len(every) > FEW or len(shown.home.companies) > 1
        show(self._filters, many and bool(every), "flex")
        show(self._said, many and bool(every))
        self._said.value = markup.note(f"{len(cards):,} of {markup.count(len(every), 'storm')} shown.")
        self._html["answer"].value = sections.answer(shown.home)
        self._html["cards"].value = sections.cards(cards) if every else ""
        self._draw_companies(shown)
        self.csv.offer(self._file if every else None)
        show(self.csv.widget, bool(every))

    def _draw_companies(self, shown: Shown) -> None:
        self._html["companies"].value = sections.companies(shown.home, shown.verdicts)

    def _file(self) -> str:
        if self.shown is None:
            raise BadInput("Nothing could be read.", "", "Look again.")
        frame = self.shown.home.frame()
        ids = {(one.tenant, one.slug) for one in self.cards}
        kept: list[bool] = [pair in ids for pair in zip(frame["tenant"], frame["storm"], strict=True)]
        return markup.download("Download the CSV", "storms.csv", self._sources.to_csv(frame[kept]))

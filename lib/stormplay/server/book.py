"""A notebook as a page: its title, its prose as HTML, and a place for what each cell shows."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,80}")

# The story's order, with the words of the navigation. Only what exists is shown.
ACTS = {
    "home": "Home",
    "storm_live": "Live",
    "treatment": "Treatment",
    "phase3_routes": "Routes",
    "phase4_jobs": "Jobs",
    "phase5_nurture": "Nurture",
    "score": "Score",
    "identity_attribution": "Attribution",
    "reports": "Reports",
    "tenant_health": "Health",
}
FIRST = "home"
WITH_STORM = "phase3_routes"  # where an address leads that names a company or a storm and no act

# What an act knows of an address beside company and storm: links to it take that along. Home shows every storm.
KNOWS = {
    "phase3_routes": ("route",),
    "phase4_jobs": ("route",),
    "reports": ("max_age_h",),
    "tenant_health": ("max_age_h",),
}
MAP = "map"  # tag of a cell
KNOWN_TO_ALL = ("tenant", "storm")


def knows(act: str) -> tuple[str, ...]:
    """The names that a link to an act takes along from the address of the page that it stands on."""
    return () if act == FIRST else (*KNOWN_TO_ALL, *KNOWS.get(act, ()))


@dataclass(frozen=True)
class Part:
    """A piece of a page: prose, or the place of a cell.

    Attributes:
        html: The prose, or ''.
        more: Prose that is folded away at first.
        cell: Index of the cell in the notebook.
        waits: Whether something will be shown in the cell's place.
        begins: Whether a section begins here.
        is_map: Whether the page's map stands here, which may come before its widget.
    """

    html: str
    more: str
    cell: int
    waits: bool
    begins: bool
    is_map: bool = False


@dataclass(frozen=True)
class Section:
    """Parts that stand together: a heading and what belongs to it.

    Attributes:
        parts: In order.
        opens: Whether it is the head of the page.
    """

    parts: tuple[Part, ...]
    opens: bool


@dataclass(frozen=True)
class Book:
    """A notebook, read and ready to be shown.

    Attributes:
        name: The file's name without `.ipynb`.
        title: Its `title` in the metadata, else its first heading, else its name.
        parts: Its pieces in order.
        node: The notebook itself, without outputs.
    """

    name: str
    title: str
    parts: tuple[Part, ...]
    node: Any

    @cached_property
    def sections(self) -> list[Section]:
        """The parts, by the headings that they stand under."""
        found: list[list[Part]] = []
        for part in self.parts:
            if part.begins or not found:
                found.append([])
            found[-1].append(part)
        return [Section(tuple(parts), opens=bool(parts[0].html) and at == 0) for at, parts in enumerate(found)]

    @cached_property
    def has_map(self) -> bool:
        """Whether a cell has the tag `map`."""
        return any(part.is_map for part in self.parts)

    @cached_property
    def _headings(self) -> list[str]:
        """The heading that each cell stands under."""
        found, last = [], ""
        for cell in self.node.cells:
            if cell.cell_type == "markdown":
                last = _heading(cell.source) or last
            found.append(last)
        return found

    def doing(self, index: int) -> str:
        """What the page is busy with while a cell runs."""
        first = not any(part.waits for part in self.parts if part.cell < index)
        heading = self._headings[index]
        return f"Preparing: {heading}" if heading and not first else "Opening the data"


class Shelf:
    """The notebooks of a folder, by name.

    Args:
        folder: Where they are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def folder(self) -> Path:
        """Where they are."""
        return self._folder

    def find(self, name: str) -> Book | None:
        """The notebook of a name; None where there is none. A name is one word, so it leads nowhere else."""
        path = self._folder / f"{name}.ipynb"
        if not _NAME.fullmatch(name) or not path.is_file():
            return None
        return _read(path, path.stat().st_mtime_ns)

    def acts(self) -> dict[str, str]:
        """Name -> word in the navigation, of the acts that exist."""
        return {name: word for name, word in ACTS.items() if (self._folder / f"{name}.ipynb").is_file()}


@lru_cache(maxsize=32)
def _read(path: Path, _changed_ns: int) -> Book:
    node = nbformat.read(path, as_version=4)
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    first = next((_heading(cell.source) for cell in node.cells if cell.cell_type == "markdown"), "")
    title = str(node.metadata.get("title") or first or path.stem)
    return Book(path.stem, title, tuple(_parts(node)), node)


def _parts(node: Any) -> list[Part]:
    parts: list[Part] = []
    for index, cell in enumerate(node.cells):
        if cell.cell_type == "markdown":
            html, more = _prose(cell.source), ""
            if not parts:
                html, more = _folded(html)
            begins = re.search(r"^##?\s", cell.source, re.MULTILINE) is not None
            parts.append(Part(html, more, index, waits=False, begins=begins))
        elif cell.cell_type == "code":
            is_map = MAP in cell.metadata.get("tags", [])
            parts.append(Part("", "", index, waits=_ends_in_a_value(cell.source), begins=False, is_map=is_map))
    return parts


def _folded(html: str) -> tuple[str, str]:
    """The head of a page in two: title and first paragraph, and the rest, so that the answer is not pushed away."""
    head, end, rest = html.partition("</p>")
    return (head + end, rest) if rest.strip() else (html, "")


def _prose(markdown: str) -> str:
    renderer = IPythonRenderer(escape=False, exclude_anchor_links=True)
    return re.sub(r"<(h[1-6])>(.+?)</\1>", _named, str(MarkdownWithMath(renderer=renderer).render(markdown)))


def _named(heading: re.Match[str]) -> str:
    """A heading that a link can lead to: 'What a crew takes along' is `#what-a-crew-takes-along`."""
    level, words = heading.groups()
    name = "-".join(re.findall(r"[a-z0-9]+", re.sub(r"<[^>]*>|&\w+;|'", "", words).lower()))
    return f'<{level} id="{name}">{words}</{level}>' if name else heading.group()


def _heading(markdown: str) -> str:
    found = re.search(r"^#{1,6}\s+(.+?)\s*#*$", markdown, re.MULTILINE)
    return re.sub(r"[*_`]|\[|\]\([^)]*\)", "", found.group(1)) if found else ""


def _ends_in_a_value(source: str) -> bool:
    """Whether a cell will show something: a place is kept for it, so that the page does not jump."""
    try:
        body = ast.parse(source).body
    except SyntaxError:  # a magic
        return False
    return bool(body) and isinstance(body[-1], ast.Expr)

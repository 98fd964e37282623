"""A dimension of a company's health, and the verdict over all of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import pandas as pd

State = Literal["act", "watch", "too early to say", "well"]

STATES: tuple[State, ...] = ("act", "watch", "too early to say", "well")
"""The worst first."""


@dataclass(frozen=True)
class Dimension:
    """One thing that a company can be well or unwell in.

    Attributes:
        name, label: As programs and people call it.
        state: What it amounts to.
        figure: The number with its denominator, such as '12 of 340 open jobs'; '–' where there is none.
        said: Why it is in this state, in a sentence.
        action: The one next action; '' where there is nothing to do.
        page: Notebook where it is done; '' where it is not done on a page.
        storm: Slug of the storm that the page is to show; '' for whichever the reader has chosen.
        command: The command that does it; '' where a page does.
        as_of: How old the number is: when what it counts was last counted or changed; None: never.
        numbers: What it rests on, as plain scalars by name.
    """

    name: str
    label: str
    state: State
    figure: str
    said: str
    action: str = ""
    page: str = ""
    storm: str = ""
    command: str = ""
    as_of: datetime | None = None
    numbers: Mapping[str, int | float | str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What all dimensions amount to.

    Attributes:
        state: The worst of them; 'well' where one that is too early to say is the worst, as long as another is well.
        sentence: That in words, with how many are in which state.
        first: The dimension to begin with; None: nothing is to be done.
    """

    state: State
    sentence: str
    first: Dimension | None


def worst_first(dimensions: Sequence[Dimension]) -> list[Dimension]:
    """By state, and within one as they were given."""
    return sorted(dimensions, key=lambda one: STATES.index(one.state))


def verdict(company: str, dimensions: Sequence[Dimension]) -> Verdict:
    """Whether a company is well, in a sentence that names the denominator.

    Args:
        company: As people call it.
        dimensions: What was judged, at least one.
    """
    n = {state: sum(one.state == state for one in dimensions) for state in STATES}
    known = len(dimensions) - n["too early to say"]
    early = f" Of {n['too early to say']} it is too early to say." if n["too early to say"] else ""
    first = next((one for one in worst_first(dimensions) if one.state in ("act", "watch")), None)
    if not known:
        begin = next((one for one in dimensions if one.action), None)
        return Verdict("too early to say", f"It is too early to say whether {company} is well.", begin)
    of = f"{known} dimension{'' if known == 1 else 's'} that can be judged"
    if n["act"]:
        also = f", and {n['watch']} should be watched" if n["watch"] else ""
        need = f"{n['act']} of {of} {'needs' if n['act'] == 1 else 'need'} action{also}."
        return Verdict("act", f"{company} is not well: {need}{early}", first)
    if n["watch"]:
        sentence = f"{company} is well but for what should be watched: {n['watch']} of {of}.{early}"
        return Verdict("watch", sentence, first)
    every = "the one dimension that can be judged is" if known == 1 else f"all {of} are"
    return Verdict("well", f"{company} is well: {every}.{early}", None)


def table(dimensions: Sequence[Dimension]) -> pd.DataFrame:
    """One row a dimension, the worst first: dimension, state, figure, said, action, page, storm, command, as_of."""
    columns = ["dimension", "state", "figure", "said", "action", "page", "storm", "command", "as_of"]
    rows = [
        [one.label, one.state, one.figure, one.said, one.action, one.page, one.storm, one.command, one.as_of]
        for one in worst_first(dimensions)
    ]
    return pd.DataFrame(rows, columns=columns)


def numbers(dimensions: Sequence[Dimension]) -> dict[str, int | float | str | None]:
    """What all of them rest on, as plain scalars: `<dimension>_state`, and its numbers as `<dimension>_<name>`."""
    found: dict[str, int | float | str | None] = {}
    for one in dimensions:
        found[f"{one.name}_state"] = one.state
        found |= {f"{one.name}_{name}": value for name, value in one.numbers.items()}
    return found

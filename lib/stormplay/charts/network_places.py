"""Where each identifier of a household stands: homes in the middle, the others in rows on either side. Pure.

The places are reckoned, not sought: a row of its own for each, so that no label ever lies on another, and the same
graph always gives the same picture.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stormplay.charts.chart import records

HOME = "property_id"
# The most telling first, as `identity.kinds.PRIORITY`.
KINDS = (HOME, "claim", "crm_id", "name_address", "email", "phone", "device")

MIDDLE_X = 0.5  # homes stand nearer to the middle than this, all else farther
OUTSIDE_X = 1.22  # how far out a value stands that joins nobody; those that join stand within 1


@dataclass(frozen=True)
class Places:
    """Where each identifier stands.

    Attributes:
        spots: identifier_id to x and y: homes at x about 0, what joins within 1 of it, the others at `OUTSIDE_X`.
        height: Pixels that the rows need.
        outside: Whether there is anything that joins nobody.
    """

    spots: Mapping[str, tuple[float, float]]
    height: int
    outside: bool


def places(nodes: pd.DataFrame, links: pd.DataFrame) -> Places:
    """Reckon a place for each identifier: homes in the middle, shared and blocked values outside.

    Where there is no home, the most telling identifier stands in the middle. The others share two sides, the more
    telling types left; on a side each stands at the height of the homes it is tied to, so that few lines cross.
    """
    kind = {str(row["identifier_id"]): str(row["type"]) for row in records(nodes)}
    joins = {str(row["identifier_id"]): bool(row["joins"]) for row in records(nodes)}
    near = _neighbours(links)
    inside = sorted((node for node in kind if joins[node]), key=lambda node: (rank(kind[node]), node))
    middle = [node for node in inside if kind[node] == HOME] or inside[:1]
    column = _column(middle, near)
    height_of = dict(zip(column, _rows(len(column)), strict=True))
    around = [node for node in inside if node not in height_of]
    outer = sorted((node for node in kind if not joins[node]), key=lambda node: (rank(kind[node]), node))
    halves = zip(_halves(around), _halves(outer), strict=True)
    left, right = (_side([*near_by, *beyond], height_of, near) for near_by, beyond in halves)
    rows = max(len(left), len(right))
    spots = {node: (_shifted(k, len(column)), height_of[node]) for k, node in enumerate(column)}
    spots |= _stood(left, set(outer), -1) | _stood(right, set(outer), 1)
    return Places(spots, max(100, rows * (34 if rows <= 12 else 25), len(column) * 58) + 40, bool(outer))


def _neighbours(links: pd.DataFrame) -> dict[str, list[str]]:
    near: dict[str, list[str]] = defaultdict(list)
    for one, other in zip(links["from_id"].astype(str), links["to_id"].astype(str), strict=True):
        near[one].append(other)
        near[other].append(one)
    return near


def rank(kind: str) -> int:
    """How telling a type is, 0 most; a type that nobody has told of comes last."""
    return KINDS.index(kind) if kind in KINDS else len(KINDS)


def _column(homes: Sequence[str], near: Mapping[str, Sequence[str]]) -> list[str]:
    """Homes in an order that puts those beside each other which have most in common; the best tied one first."""
    around = {home: {home, *near.get(home, ())} for home in homes}
    left = sorted(homes, key=lambda home: (-len(around[home]), home))
    found = left[:1]
    while len(found) < len(homes):
        left = [home for home in left if home not in found]
        found.append(max(left, key=lambda home: len(around[home] & around[found[-1]])))  # the first of equals
    return found


def _halves(nodes: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    cut = (len(nodes) + 1) // 2
    return nodes[:cut], nodes[cut:]


def _side(nodes: Sequence[str], height_of: Mapping[str, float], near: Mapping[str, Sequence[str]]) -> list[str]:
    """From top to bottom, by the mean height of the homes each is tied to; of equals the more telling one first."""

    def height(node: str) -> float:
        tied = [height_of[other] for other in near.get(node, ()) if other in height_of]
        second = [height_of[far] for other in near.get(node, ()) for far in near.get(other, ()) if far in height_of]
        return float(np.mean(tied or second or [0.0]))

    place = {node: k for k, node in enumerate(nodes)}
    return sorted(nodes, key=lambda node: (-round(height(node), 6), place[node]))


def _rows(number: int) -> list[float]:
    """Middles of so many rows of equal height, from the top, 0.85, to the bottom."""
    return [0.85 * (1 - (2 * k + 1) / number) for k in range(number)]


def _shifted(place: int, number: int) -> float:
    """Homes stand on a slight zigzag, else a tie between two of them would run behind a third."""
    return 0.0 if number < 3 else 0.13 * (-1) ** place


def _stood(side: Sequence[str], outer: set[str], sign: int) -> dict[str, tuple[float, float]]:
    """A row each: what joins on an arc, what joins nobody farther out."""
    return {
        node: (sign * (OUTSIDE_X if node in outer else 0.55 + 0.45 * float(np.sqrt(1 - y * y))), y)
        for node, y in zip(side, _rows(len(side)), strict=True)
    }

"""Pure: which nodes are one identity, from links alone. The same links give the same answer in any order.

Usually that is 'whatever hangs together'. Where too many households would come together, or two that a person has
told apart, the most telling links are taken first and those that would break the rule are left out.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Links:
    """Links between nodes 0..n-1, one element each.

    Attributes:
        ends: (m, 2) node numbers.
        rank: How telling, 0 most.
        strength: 0 to 1.
    """

    ends: Ints
    rank: Ints
    strength: NDArray[np.float64]

    def among(self, wanted: NDArray[np.bool_]) -> Links:
        """Those that are wanted."""
        return Links(self.ends[wanted], self.rank[wanted], self.strength[wanted])


def components(count: int, links: Links, household: Ints, most_households: int, apart: Ints | None = None) -> Ints:
    """The component of each node, named by its first node.

    Args:
        count: How many nodes.
        links: What ties them; only links that may join.
        household: (count,) number of the household that a node stands for; -1 for none.
        most_households: Of one component.
        apart: (k, 2) pairs of nodes that are never one component.
    """
    whole = _hanging_together(count, links.ends)
    pairs = np.empty((0, 2), dtype=np.int64) if apart is None else apart
    broken = _too_wide(whole, household, most_households) | _undivided(whole, pairs)
    if not broken.any():
        return whole
    kept = _careful(count, links.among(broken[whole[links.ends[:, 0]]]), household, most_households, pairs)
    return np.where(broken[whole], kept, whole)


def _hanging_together(count: int, ends: Ints) -> Ints:
    if not len(ends):
        return np.arange(count)
    ones = np.ones(len(ends), dtype=np.int8)
    _, found = connected_components(coo_array((ones, (ends[:, 0], ends[:, 1])), shape=(count, count)), directed=False)
    first = np.empty(found.max() + 1, dtype=np.int64)
    first[found[::-1]] = np.arange(count - 1, -1, -1)
    named: Ints = first[found]
    return named


def _too_wide(label: Ints, household: Ints, most: int) -> NDArray[np.bool_]:
    """Per node number, whether the component of that name has too many households."""
    known = household >= 0
    held = np.unique(np.column_stack([label[known], household[known]]), axis=0)
    return np.bincount(held[:, 0], minlength=len(label)) > most if len(held) else np.zeros(len(label), dtype=bool)


def _undivided(label: Ints, apart: Ints) -> NDArray[np.bool_]:
    """Per node number, whether the component of that name has a pair in it that was told apart."""
    wrong = np.zeros(len(label), dtype=bool)
    one, other = label[apart[:, 0]], label[apart[:, 1]]
    wrong[one[one == other]] = True
    return wrong


def _careful(count: int, links: Links, household: Ints, most: int, apart: Ints) -> Ints:
    """Kruskal's way: the most telling and strongest link first, and none that would break a rule."""
    head = np.arange(count)
    members: dict[int, list[int]] = {}
    households: dict[int, frozenset[int]] = {}
    refused: dict[int, set[int]] = defaultdict(set)
    for one, other in apart.tolist():
        refused[one].add(other)
        refused[other].add(one)
    order = np.lexsort((links.ends[:, 1], links.ends[:, 0], -links.strength, links.rank))
    for one, other in links.ends[order].tolist():
        low, high = sorted((int(head[one]), int(head[other])))
        if low == high:
            continue
        held = households.get(low, _own(household, low)) | households.get(high, _own(household, high))
        mine, theirs = members.get(low, [low]), members.get(high, [high])
        if len(held) > most or any(not refused[node].isdisjoint(mine) for node in theirs if node in refused):
            continue
        head[theirs] = low
        members[low], households[low] = mine + theirs, held
    return head


def _own(household: Ints, node: int) -> frozenset[int]:
    return frozenset({int(household[node])} - {-1})


def widest(start: str, links: Sequence[tuple[str, str, float]]) -> Mapping[str, float]:
    """How strongly each node belongs to one of them: the best path's weakest link.

    Args:
        start: The node that the others are asked about; 1.0 by itself.
        links: (one, other, strength).

    Returns:
        Node to strength, for all that can be reached.
    """
    near: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for one, other, strength in links:
        near[one].append((other, strength))
        near[other].append((one, strength))
    found: dict[str, float] = {}
    waiting = [(-1.0, start)]
    while waiting:
        minus, node = heapq.heappop(waiting)
        if node in found:
            continue
        found[node] = -minus
        for other, strength in near[node]:
            if other not in found:
                heapq.heappush(waiting, (-min(-minus, strength), other))
    return found

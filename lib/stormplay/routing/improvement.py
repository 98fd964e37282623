"""OR-Tools on neighbouring routes: rounds of small sub-problems, of which only improvements are kept.

A round draws disjoint groups of neighbouring routes (and windows of routes too long for a group), solves each one
again with the full limits, and applies what came out shorter. As groups are disjoint and a round is drawn only when
the last one is complete, the outcome does not depend on who finishes first. Effort per sub-problem rises when rounds
stop paying; when at the highest effort a whole cycle of strategies changes nothing, the run has converged.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass

import numpy as np

from stormplay.routing.draft import Draft, path_length
from stormplay.routing.neighbourhood import Neighbourhood, near_pairs
from stormplay.routing.plan import FloatArray, IntArray
from stormplay.routing.progress import Clock, Reporter
from stormplay.routing.subproblem import Limit, Subproblem, solve_subproblem

MOST_GROUP_STOPS = 240
LEAST_GROUP_STOPS = 60
WINDOW_STOPS = 100

_KEEP = ""


@dataclass(frozen=True)
class Strategy:
    """How one round solves its groups: built anew by an OR-Tools heuristic, or from the routes as they are."""

    routes_a_group: int
    first_solution: str


CYCLE = (
    Strategy(4, "PARALLEL_CHEAPEST_INSERTION"),
    Strategy(4, "PATH_CHEAPEST_ARC"),
    Strategy(3, "PATH_CHEAPEST_ARC"),
    Strategy(2, _KEEP),
    Strategy(4, "PARALLEL_CHEAPEST_INSERTION"),
    Strategy(3, "PARALLEL_CHEAPEST_INSERTION"),
    Strategy(2, "PATH_CHEAPEST_ARC"),
    Strategy(1, _KEEP),
)
EFFORTS = (40, 100, 200, 400)

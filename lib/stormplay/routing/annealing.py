"""The improvement: rounds of regions annealed side by side, their borders cut anew between two rounds.

What a region becomes depends on its own draws alone, and the next round begins when all have ended; so for the same
seed and number of trials the plan is the same, whoever works and however many.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from stormplay.routing.crew import Crew
from stormplay.routing.draft import DEPOT, Draft
from stormplay.routing.ground import Ground
from stormplay.routing.plan import IntArray
from stormplay.routing.progress import Clock, Reporter
from stormplay.routing.region import Heat, Outcome, Region
from stormplay.routing.regions import cut

MOST_REGION_STOPS = 1000
LEAST_REGIONS = 2
ROUNDS = 100
LEAST_ROUND_S, MOST_ROUND_S = 0.1, 1.0
LEAST_ROUND_TRIALS = 20_000
FIRST_ROUND_TRIALS = 50_000

HOT, COLD = 1.0, 0.01
"""Temperatures at the beginning and the end, in mean legs between stops."""


def trials_worth(stops: int) -> int:
    """Trials after which more are not worth their time."""
    return int(stops * min(50_000, 1_000 + 100 * stops))


@dataclass
class Effort:
    """How much of the work is done: by trials where a number is given, else by the clock.

    Attributes:
        clock: The time there is.
        most: Trials after which the work is done in any case.
        counts: Whether only trials count.
        done: Trials done.
    """

    clock: Clock
    most: int
    counts: bool
    done: int = 0
    begin_s: float = 0.0
    rate: float = 0.0  # trials a second, all hands together

    @property
    def share(self) -> float:
        """Share of the work that is done, 0 to 1."""
        by_trials = self.done / self.most
        return min(1.0, by_trials if self.counts else max(by_trials, self._by_clock(0.0)))

    def _by_clock(self, ahead_s: float) -> float:
        span = self.clock.limit_s - self.begin_s
        return (self.clock.elapsed_s + ahead_s - self.begin_s) / span if 0 < span < math.inf else 0.0

    def round(self, stops: int) -> tuple[int, float]:
        """Trials of the next round, and the share when it ends."""
        left = self.most - self.done
        if self.counts:
            trials = min(left, max(LEAST_ROUND_TRIALS, math.ceil(self.most / ROUNDS)))
            return trials, (self.done + trials) / self.most
        if self.rate == 0.0:
            return min(left, FIRST_ROUND_TRIALS), self.share
        seconds = min(max(self.clock.limit_s / ROUNDS, LEAST_ROUND_S), MOST_ROUND_S, self.clock.remaining_s)
        trials = min(left, max(1, int(self.rate * seconds)))
        return trials, min(1.0, max((self.done + trials) / self.most, self._by_clock(seconds)))


class Annealing:
    """Improves a draft until its effort is spent or the caller stops it.

    Args:
        draft: Routes to improve; `finish` leaves the best plan there.
        effort: How much.
        reporter: Where progress goes.
        crew: Who works.
        seed: Of the draws.
    """

    def __init__(self, draft: Draft, effort: Effort, reporter: Reporter, crew: Crew, seed: int) -> None:
        self._draft, self._effort, self._reporter, self._crew = draft, effort, reporter, crew
        self._rng = np.random.default_rng(seed)
        self._ground = Ground(draft.problem)
        self._now = [route for route in draft.routes if len(route)]
        self._best, self._best_length = self._now, draft.distance
        self._unit = mean_leg(draft)

    def run(self) -> str:
        """Run rounds. Returns why they ended: "converged", "time", "cancelled" or "iterations"."""
        effort = self._effort
        effort.begin_s = effort.clock.elapsed_s
        if self._best_length <= 0:
            return "converged"
        while effort.share < 1 and self._goes_on():
            self._round()
        if self._reporter.cancelled:
            return "cancelled"
        return "time" if effort.done < effort.most else "iterations" if effort.counts else "converged"

    def finish(self) -> None:
        """Put the best plan into the draft, unless that is as good."""
        found = Draft(self._draft.problem, list(self._best))
        if found.distance < self._draft.distance:
            self._draft.routes, self._draft.lengths = found.routes, found.lengths

    def _goes_on(self) -> bool:
        share = self._effort.share if self._effort.counts else 0.0
        wanted = self._reporter.tell("improvement", self._best_length, len(self._best), fraction=min(0.99, share))
        return wanted and (self._effort.counts or self._effort.clock.remaining_s > 0)

    def _round(self) -> None:
        begin_s, begin = self._effort.clock.elapsed_s, self._effort.share
        trials, end = self._effort.round(len(self._ground.units))
        most = min(MOST_REGION_STOPS, self._ground.most_region_stops)
        groups = cut(self._draft.problem.points, self._now, most, LEAST_REGIONS, self._rng)
        whole = Heat(HOT * self._unit, COLD * self._unit)
        heat = Heat(whole.at(begin), whole.at(end))
        regions = [self._region(group, trials, heat) for group in groups]
        outcomes = self._crew.work(regions, self._goes_on)
        self._take_over(groups, regions, outcomes)
        done = sum(outcome.trials for outcome in outcomes if outcome)
        self._effort.done += trials if self._effort.counts and not self._reporter.cancelled else done
        self._effort.rate = done / max(self._effort.clock.elapsed_s - begin_s, 1e-3)

    def _region(self, group: IntArray, trials: int, heat: Heat) -> Region:
        routes = [self._now[number] for number in group]
        stops = sum(len(route) for route in routes)
        share = max(1, round(trials * stops / len(self._ground.units)))
        seconds = math.inf if self._effort.counts else self._effort.clock.remaining_s
        spare = 0 if not self._draft.problem.has_depot else 2
        return self._ground.region(routes, spare, heat, share, seconds, int(self._rng.integers(1, 2**63)))

    def _take_over(self, groups: list[IntArray], regions: list[Region], outcomes: list[Outcome | None]) -> None:
        """The routes of all regions become the plan; where their best ones are the best plan, keep that."""
        now: list[IntArray] = []
        best: list[IntArray] = []
        length = 0.0
        for group, outcome in zip(groups, outcomes, strict=True):
            if outcome is None:
                same = [self._now[number] for number in group]
                now += same
                best += same
                length += float(self._draft.problem.route_lengths(same).sum())
            else:
                now += outcome.now.split()
                best += outcome.best.split()
                length += outcome.best.length
        self._now = now
        if length < self._best_length:
            self._best, self._best_length = best, length


def mean_leg(draft: Draft) -> float:
    """Mean length of the legs between stops; of all legs, where no route has two stops."""
    routes = [route for route in draft.routes if len(route)]
    inner = sum(len(route) - 1 for route in routes)
    ends = 0.0
    if draft.problem.has_depot and inner:
        first = np.array([route[0] for route in routes])
        last = np.array([route[-1] for route in routes])
        depot = np.full(len(routes), DEPOT)
        ends = float(draft.problem.distances.legs(depot, first).sum() + draft.problem.distances.legs(last, depot).sum())
    within = draft.distance - ends if inner else draft.distance
    return max(within / max(inner, len(routes) if not inner else 1), 1e-9 * max(draft.distance, 1e-9))

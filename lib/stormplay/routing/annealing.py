"""The improvement: rounds of regions annealed side by side, their borders cut anew between two rounds.

What a region becomes depends on its own draws alone, and the next round begins when all have ended; so for the same
seed and number of trials the plan is the same, whoever works and however many.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from stormplay.routing.draft import Draft
from stormplay.routing.ground import Ground
from stormplay.routing.progress import Clock, Reporter
from stormplay.routing.region import Heat, Outcome, Region, Routes, Work
from stormplay.routing.regions import Part, cut, joined, share_out
from stormplay.routing.team import Team

MOST_REGION_STOPS = 1000
LEAST_REGIONS = 2
LEAST_REGION_STOPS = 75  # below, it costs more that routes of two regions do not meet than two cores win
ROUNDS = 100
LEAST_ROUND_S, MOST_ROUND_S = 0.1, 1.0
LEAST_ROUND_TRIALS = 20_000
LEAST_ROUND_TRIALS_A_STOP = 5  # or cutting regions takes as long as working on them
FIRST_ROUND_TRIALS = 50_000

HOT, COLD = 2.0, 0.01
"""Temperatures at the beginning and the end, in mean legs between stops."""
_LEAST_UNIT = 1e-9


def trials_worth(stops: int) -> int:
    """Trials after which more are not worth their time."""
    return int(stops * min(100_000, 1_000 + stops * (100 + 0.2 * stops)))


@dataclass
class Effort:
    """How much of the work is done: by trials where a number is given, else by the clock.

    Attributes:
        clock: The time there is.
        most: Trials after which the work is done in any case.
        counts: Whether only trials count.
        least: Trials of a round, at least, where only they count.
        done: Trials done.
    """

    clock: Clock
    most: int
    counts: bool
    least: int = LEAST_ROUND_TRIALS
    done: int = 0
    begin_s: float = 0.0
    rate: float = 0.0  # trials a second, all hands together

    @classmethod
    def of(cls, stops: int, clock: Clock, trials: int | None) -> Effort:
        """For so many stops: so many trials or, where None, as many as are worth it in the time of the clock."""
        least = max(LEAST_ROUND_TRIALS, LEAST_ROUND_TRIALS_A_STOP * stops)
        return cls(clock, trials or trials_worth(stops), trials is not None, least)

    @property
    def share(self) -> float:
        """Share of the work that is done, 0 to 1."""
        by_trials = self.done / self.most
        return min(1.0, by_trials if self.counts else max(by_trials, self._by_clock(0.0)))

    def _by_clock(self, ahead_s: float) -> float:
        span = self.clock.limit_s - self.begin_s
        return (self.clock.elapsed_s + ahead_s - self.begin_s) / span if 0 < span < math.inf else 0.0

    def round(self) -> tuple[int, float]:
        """Trials of the next round, and the share when it ends."""
        left = self.most - self.done
        if self.counts:
            trials = min(left, max(self.least, math.ceil(self.most / ROUNDS)))
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
        ground: What is known of its stops.
        effort: How much work.
        reporter: Where progress goes.
        team: Who works.
        seed: Of the draws.
    """

    def __init__(self, draft: Draft, ground: Ground, effort: Effort, reporter: Reporter, team: Team, seed: int) -> None:
        self._draft, self._ground, self._effort = draft, ground, effort
        self._reporter, self._team, self._rng = reporter, team, np.random.default_rng(seed)
        used = draft.used()
        self._now = Routes([draft.routes[i] for i in used], [draft.ways[i] for i in used], draft.left_out, draft.cost)
        self._best = self._now
        self._unit = mean_leg(draft)

    def run(self) -> str:
        """Run rounds. Returns why they ended: "converged", "time", "cancelled" or "iterations"."""
        effort = self._effort
        effort.begin_s = effort.clock.elapsed_s
        if self._best.cost <= 0:
            return "converged"
        while effort.share < 1 and self._goes_on():
            self._round()
        if self._reporter.cancelled:
            return "cancelled"
        return "time" if effort.done < effort.most else "iterations" if effort.counts else "converged"

    def finish(self) -> None:
        """Put the best plan into the draft, unless that is as good."""
        best = self._best
        found = Draft(self._draft.problem, list(best.routes), list(best.ways), best.left_out)
        if found.cost < self._draft.cost:
            self._draft.take_over(found)

    def _goes_on(self) -> bool:
        share = self._effort.share if self._effort.counts else 0.0
        best = self._best
        prizes = self._draft.problem.prizes
        distance = best.cost - (0.0 if prizes is None else float(prizes[best.left_out].sum()))
        wanted = self._reporter.tell("improvement", distance, len(best.routes), fraction=min(0.99, share))
        return wanted and (self._effort.counts or self._effort.clock.remaining_s > 0)

    def _round(self) -> None:
        effort, problem = self._effort, self._draft.problem
        begin_s, begin = effort.clock.elapsed_s, effort.share
        trials, end = effort.round()
        most = min(MOST_REGION_STOPS, self._ground.most_region_stops)
        least = LEAST_REGIONS if len(problem.points) >= LEAST_REGIONS * LEAST_REGION_STOPS else 1
        groups = cut(problem.points, self._now.routes, most, least, self._rng)
        whole = Heat(HOT * self._unit, COLD * self._unit)
        parts = share_out(problem, self._now, groups, self._ground.near)
        regions = [self._region(part, trials, Heat(whole.at(begin), whole.at(end))) for part in parts]
        outcomes = self._team.work(regions, self._goes_on)
        self._take_over(parts, outcomes)
        done = sum(outcome.trials for outcome in outcomes if outcome)
        effort.done += trials if effort.counts and not self._reporter.cancelled else done
        effort.rate = done / max(effort.clock.elapsed_s - begin_s, 1e-3)

    def _region(self, part: Part, trials: int, heat: Heat) -> Region:
        stops = sum(len(route) for route in part.routes) + len(part.left_out)
        share = max(1, round(trials * stops / len(self._draft.problem.points)))
        seconds = math.inf if self._effort.counts else self._effort.clock.remaining_s
        work = Work(heat, share, seconds, int(self._rng.integers(1, 2**63)))
        return self._ground.region(part.routes, part.ways, part.spare, part.left_out, work)

    def _take_over(self, parts: list[Part], outcomes: list[Outcome | None]) -> None:
        """The routes of all regions become the plan; where their best ones are the best plan, keep that."""
        problem = self._draft.problem
        same = [None if outcome else part.standing(problem) for part, outcome in zip(parts, outcomes, strict=True)]
        self._now = joined([o.now if o else s for o, s in zip(outcomes, same, strict=True)])
        best = joined([o.best if o else s for o, s in zip(outcomes, same, strict=True)])
        if best.cost < self._best.cost:
            # The kernel's sums have rounded differently; what is reported is what the plan will say.
            exact = replace(best, cost=Draft(problem, best.routes, best.ways, best.left_out).cost)
            self._best = min(self._best, exact, key=lambda plan: plan.cost)


def mean_leg(draft: Draft) -> float:
    """Mean length of the legs between stops; of all legs, where no route has two stops."""
    problem = draft.problem
    used = [draft.routes[number] for number in draft.used()]
    inner = sum(len(route) - 1 for route in used)
    if inner == 0:
        return max(draft.distance / max(2 * len(used), 1), _LEAST_UNIT)
    starts = np.concatenate([route[:-1] for route in used])
    ends = np.concatenate([route[1:] for route in used])
    return max(float(problem.distances.legs(starts, ends).mean()), 1e-9 * draft.distance, _LEAST_UNIT)

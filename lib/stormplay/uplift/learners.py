"""The learners: each a way to put an effect together from base learners that only know outcomes.

s         one model of the outcome, the treatment among its columns; the effect is what changing it changes
t         one model for each arm; the effect is their difference
x         effects imputed with the other arm's model, then learnt (Kuenzel, Sekhon, Bickel and Yu, 'Metalearners
          for estimating heterogeneous treatment effects using machine learning', PNAS 116, 2019)
dr        doubly robust: an unbiased effect a home from out-of-fold models and the propensity, then learnt
          (Kennedy, 'Towards optimal doubly robust estimation of heterogeneous causal effects', 2020)
response  no learner of effects: the outcome among the treated, as who has no control group would rank. A baseline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stormplay.errors import BadInput
from stormplay.uplift.base import expect, fit_mean, fit_outcome
from stormplay.uplift.encoding import Floats

Flags = NDArray[np.bool_]
Parts = dict[str, Any]

LIMITS = (0.02, 0.98)
"""An estimated propensity is kept within these, so that no home weighs more than fifty."""


@dataclass(frozen=True)
class Task:
    """What a learner learns from.

    Attributes:
        matrix: One row a home (n, p).
        treated: Per row.
        outcome: Per row.
        propensity: Per row, the chance with which it was treated; None: estimated.
        fold: Per row, its fold, for what must not be asked about homes that it was learnt from.
        base, seed, binary: The base learner, its seed, whether the outcome is 0/1.
    """

    matrix: Floats
    treated: Flags
    outcome: Floats
    propensity: Floats | None
    fold: NDArray[np.intp]
    base: str
    seed: int
    binary: bool

    def arm(self, rows: Flags) -> Any:
        """A model of the outcome, from these rows."""
        return fit_outcome(self.base, self.matrix[rows], self.outcome[rows], self.seed, binary=self.binary)

    def effect(self, rows: Flags, target: Floats) -> Any:
        """A model of an effect, from these rows."""
        return fit_mean(self.base, self.matrix[rows], target, self.rare(rows), self.seed)

    def rare(self, rows: Flags) -> float:
        """How many of the rarer outcome the smaller arm of these rows has."""
        counts = []
        for arm in (rows & self.treated, rows & ~self.treated):
            if arm.any():
                signed = self.outcome[arm].sum() if self.binary else arm.sum() / 2
                counts.append(min(signed, arm.sum() - signed))
        return float(min(counts))

    def chance(self, rows: Flags) -> Any:
        """A model of the treatment, from these rows."""
        t = self.treated[rows].astype(np.float64)
        return fit_outcome(self.base, self.matrix[rows], t, self.seed, binary=True)

    def folds(self) -> Iterator[tuple[Flags, Flags]]:
        """Rows to learn from and rows to ask about, fold by fold."""
        for fold in np.unique(self.fold):
            yield self.fold != fold, self.fold == fold


def fit_s(task: Task) -> Parts:
    """One model for both arms."""
    both = np.column_stack([task.matrix, task.treated])
    return {"outcome": fit_outcome(task.base, both, task.outcome, task.seed, binary=task.binary)}


def effect_s(parts: Parts, matrix: Floats) -> Floats:
    """With treatment less without."""
    treated, held = (np.column_stack([matrix, np.full(len(matrix), arm)]) for arm in (1.0, 0.0))
    return expect(parts["outcome"], treated) - expect(parts["outcome"], held)


def fit_t(task: Task) -> Parts:
    """A model for each arm."""
    return {"treated": task.arm(task.treated), "held": task.arm(~task.treated)}


def effect_t(parts: Parts, matrix: Floats) -> Floats:
    """One arm's less the other's."""
    return expect(parts["treated"], matrix) - expect(parts["held"], matrix)


def fit_x(task: Task) -> Parts:
    """Impute each home's other outcome with the other arm's model; no home is asked of a model that has seen it."""
    arms = fit_t(task)
    t, y = task.treated, task.outcome
    gained = y[t] - expect(arms["held"], task.matrix[t])
    missed = expect(arms["treated"], task.matrix[~t]) - y[~t]
    share = None if task.propensity is None else float(task.propensity.mean())
    chance = task.chance(np.full(len(y), True)) if share is None else None
    return {"gained": task.effect(t, gained), "missed": task.effect(~t, missed), "share": share, "chance": chance}


def effect_x(parts: Parts, matrix: Floats) -> Floats:
    """Both estimates, each weighted by how often the homes it was imputed with occur."""
    share = parts["share"] if parts["chance"] is None else expect(parts["chance"], matrix).clip(*LIMITS)
    effect = share * expect(parts["missed"], matrix) + (1 - share) * expect(parts["gained"], matrix)
    return np.asarray(effect, dtype=np.float64)


def fit_dr(task: Task) -> Parts:
    """Learn what `doubly_robust` gives each home."""
    return {"effect": task.effect(np.full(len(task.outcome), True), doubly_robust(task))}


def effect_dr(parts: Parts, matrix: Floats) -> Floats:
    """The learnt effect."""
    return expect(parts["effect"], matrix)


def doubly_robust(task: Task) -> Floats:
    """Per home an effect that is right on average where either the outcome models or the propensity are right.

    mu1 - mu0 + t (y - mu1) / e - (1 - t) (y - mu0) / (1 - e), with mu and e from folds without the home.
    """
    t, y = task.treated, task.outcome
    mu1, mu0, e = np.empty(len(y)), np.empty(len(y)), np.empty(len(y))
    for learn, ask in task.folds():
        mu1[ask] = expect(task.arm(learn & t), task.matrix[ask])
        mu0[ask] = expect(task.arm(learn & ~t), task.matrix[ask])
        known = task.propensity
        e[ask] = expect(task.chance(learn), task.matrix[ask]).clip(*LIMITS) if known is None else known[ask]
    return np.asarray(mu1 - mu0 + np.where(t, (y - mu1) / e, -(y - mu0) / (1 - e)), dtype=np.float64)


def fit_response(task: Task) -> Parts:
    """The outcome among the treated alone."""
    return {"treated": task.arm(task.treated)}


def effect_response(parts: Parts, matrix: Floats) -> Floats:
    """Who signs, whether or not because of a visit."""
    return expect(parts["treated"], matrix)


LEARNERS: Mapping[str, tuple[Callable[[Task], Parts], Callable[[Parts, Floats], Floats]]] = {
    "s": (fit_s, effect_s),
    "t": (fit_t, effect_t),
    "x": (fit_x, effect_x),
    "dr": (fit_dr, effect_dr),
    "response": (fit_response, effect_response),
}


def check_learner(learner: str) -> str:
    """The name of a learner.

    Raises:
        BadInput: There is none of that name.
    """
    if learner not in LEARNERS:
        raise BadInput(f"There is no learner '{learner}'.", f"Expected one of {', '.join(LEARNERS)}.")
    return learner

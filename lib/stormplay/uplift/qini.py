"""How well a ranking finds the homes where a visit adds most: Qini curve, Qini coefficient, AUUC, with errors. Pure.

Definitions, after Radcliffe, 'Using control groups to target on predicted lift: building and assessing uplift models',
Direct Marketing Analytics Journal 1 (2007). Homes are put in order of the prediction, best first. At depth p, of the
homes in the first share p:

    u(p) = (R_t - R_c N_t / N_c) / N        R signed and N homes so far of each arm; N treated homes in all

is the Qini curve: signatures that visits to the first p would bring beyond those that come anyway, per home of the
whole. u(1) is the average effect. A ranking by chance is the straight line p u(1).

    Qini coefficient   area between curve and line, per home: 0 for chance, negative for worse
    AUUC               area under the curve = Qini coefficient + u(1) / 2
    share of optimum   Qini coefficient / (u(1) (1 - u(1)) / 2), Radcliffe's Q0: what could be gained at most where no
                       visit does harm and each signature is 0 or 1. Said only where u(1) is clearly above 0.

Homes with one prediction are one step, drawn straight, so no ranking gains by the order of ties. The first and
the last are not normalised by the data's own luck, so learners on one set of homes can be compared by them.

Standard errors are from a bootstrap of the homes, drawn anew within each arm, with the predictions as they are: they
say how well these predictions are measured, not how another training would have turned out. All rankings see the same
draws, so their differences have errors of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from stormplay.errors import BadInput
from stormplay.uplift.checks import is_binary, read_arms
from stormplay.uplift.encoding import Floats

CELLS = 100
"""Steps of the curve, at most."""

REPEATS = 200
_Z = 1.959964  # standard errors either side of a 95 % interval
_CLEAR = 2.0  # standard errors that the average effect must be above 0 for a share of the optimum


@dataclass(frozen=True)
class Ranking:
    """How well rankings find uplift, on homes that their models have not seen.

    Attributes:
        table: One row a ranking, the best first: name, qini, qini_se, qini_low, qini_high (95 %), auuc, auuc_se,
            optimum_share, optimum_share_se (missing where it cannot be said).
        curves: Name to frame: share (of homes, 0 to 1), gain (u), gain_se; from 0 to 1.
        draws: One column a ranking: its Qini coefficient in each draw of the bootstrap.
        effect, effect_se: The average effect u(1).
        treated, held: Homes of each arm.
    """

    table: pd.DataFrame
    curves: dict[str, pd.DataFrame]
    draws: pd.DataFrame
    effect: float
    effect_se: float
    treated: int
    held: int

    def differences(self, against: str) -> pd.DataFrame:
        """Each ranking less another, on the same homes: name, difference, se, low, high, can_tell (0 is outside)."""
        qini = self.table.set_index("name")["qini"]
        rows = []
        for name in qini.index.drop(against):
            difference, se = qini[name] - qini[against], float((self.draws[name] - self.draws[against]).std(ddof=1))
            low, high = difference - _Z * se, difference + _Z * se
            rows.append((name, difference, se, low, high, bool(low > 0 or high < 0)))
        return pd.DataFrame(rows, columns=["name", "difference", "se", "low", "high", "can_tell"])


def rank(
    predicted: pd.DataFrame, treatment: ArrayLike, outcome: ArrayLike, *, repeats: int = REPEATS, seed: int = 0
) -> Ranking:
    """Measure rankings.

    Args:
        predicted: One column a ranking; predictions for homes that its model has not seen (`cross_fit`).
        treatment: Per home, 1 treated, 0 held out.
        outcome: Per home.
        repeats: Draws of the bootstrap.
        seed: Of the draws.

    Raises:
        BadInput: A prediction is missing, or treatment or outcome cannot be used.
    """
    if not np.isfinite(predicted.to_numpy(dtype=np.float64)).all():
        raise BadInput("A prediction is missing or infinite.", "Expected one for every home.")
    treated, y = read_arms(treatment, outcome, len(predicted))
    names = [str(name) for name in predicted.columns]
    cells = [_cells(predicted[name].to_numpy(dtype=np.float64)) for name in predicted.columns]
    weights = np.ones((1, len(y)), dtype=np.float64)
    seen = [_sums(cell, treated, y, weights) for cell in cells]
    drawn: list[list[Floats]] = [[] for _ in names]
    rng = np.random.default_rng(seed)
    for _ in range(repeats):
        weights = _draw(rng, treated)
        for place, cell in enumerate(cells):
            drawn[place].append(_sums(cell, treated, y, weights))
    found = [_Measured(one, np.concatenate(many), is_binary(y)) for one, many in zip(seen, drawn, strict=True)]
    rows = [{"name": name, **one.row()} for name, one in zip(names, found, strict=True)]
    table = pd.DataFrame(rows).sort_values("qini", ascending=False, kind="stable", ignore_index=True)
    curves = {name: one.curve() for name, one in zip(names, found, strict=True)}
    draws = pd.DataFrame({name: one.draws for name, one in zip(names, found, strict=True)})
    first = found[0]
    return Ranking(table, curves, draws, first.effect, first.effect_se, int(treated.sum()), int((~treated).sum()))


def _cells(predicted: Floats) -> NDArray[np.intp]:
    """The step of each home, the best prediction in step 0; equal predictions share one."""
    _, place, count = np.unique(-predicted, return_inverse=True, return_counts=True)
    middle = (np.cumsum(count) - count / 2) / len(predicted)
    return np.minimum((middle * CELLS).astype(np.intp), CELLS - 1)[place]


def _draw(rng: np.random.Generator, treated: NDArray[np.bool_]) -> Floats:
    """How often each home is drawn, as many homes of each arm as there are."""
    weights = np.zeros(len(treated))
    for arm in (np.flatnonzero(treated), np.flatnonzero(~treated)):
        weights[arm] = np.bincount(rng.integers(0, len(arm), len(arm)), minlength=len(arm))
    return weights[None, :]


def _sums(cell: NDArray[np.intp], treated: NDArray[np.bool_], outcome: Floats, weights: Floats) -> Floats:
    """Per step: treated homes, held homes, treated signed, held signed; shape (1, 4, CELLS)."""
    code, w = cell + CELLS * ~treated, weights[0]
    homes = np.bincount(code, weights=w, minlength=2 * CELLS).reshape(2, CELLS)
    signed = np.bincount(code, weights=w * outcome, minlength=2 * CELLS).reshape(2, CELLS)
    return np.concatenate([homes, signed])[None]


def curve(sums: Floats) -> tuple[Floats, Floats]:
    """Depth p and gain u(p) at the end of each step, from 0; shapes (draws, CELLS + 1)."""
    treated, held, signed, held_signed = np.moveaxis(np.cumsum(sums, axis=2), 1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        missed = np.where(held > 0, held_signed * treated / held, signed)  # without a control nothing is known
    total = treated[:, -1:]
    gain = (signed - missed) / total
    depth = (treated + held) / (total + held[:, -1:])
    return np.pad(depth, ((0, 0), (1, 0))), np.pad(gain, ((0, 0), (1, 0)))


def _areas(sums: Floats) -> tuple[Floats, Floats]:
    """AUUC and average effect of each draw."""
    depth, gain = curve(sums)
    return np.asarray(np.trapezoid(gain, depth, axis=1)), gain[:, -1]


class _Measured:
    """One ranking, and what the draws say of it."""

    def __init__(self, seen: Floats, drawn: Floats, binary: bool) -> None:
        self.seen, self.drawn, self.binary = seen, drawn, binary
        (self.auuc,), (effect,) = _areas(seen)
        areas, effects = _areas(drawn)
        self.draws = areas - effects / 2
        self.qini, self.auuc_se = float(self.auuc - effect / 2), float(np.std(areas, ddof=1))
        self.effect, self.effect_se = float(effect), float(np.std(effects, ddof=1))
        self.effects = effects

    def row(self) -> dict[str, float]:
        """The ranking's row of the table."""
        se = float(np.std(self.draws, ddof=1))
        share, share_se = self._optimum()
        return {
            "qini": self.qini,
            "qini_se": se,
            "qini_low": self.qini - _Z * se,
            "qini_high": self.qini + _Z * se,
            "auuc": float(self.auuc),
            "auuc_se": self.auuc_se,
            "optimum_share": share,
            "optimum_share_se": share_se,
        }

    def _optimum(self) -> tuple[float, float]:
        if not self.binary or self.effect <= _CLEAR * self.effect_se:
            return np.nan, np.nan
        best, drawn = self.effect * (1 - self.effect) / 2, self.effects * (1 - self.effects) / 2
        return self.qini / best, float(np.std(self.draws / drawn, ddof=1))

    def curve(self) -> pd.DataFrame:
        """The Qini curve with its error at each depth; steps without a home are left out."""
        (depth,), (gain,) = curve(self.seen)
        drawn_depth, drawn_gain = curve(self.drawn)
        at = np.array([np.interp(depth, d, g) for d, g in zip(drawn_depth, drawn_gain, strict=True)])
        frame = pd.DataFrame({"share": depth, "gain": gain, "gain_se": at.std(axis=0, ddof=1)})
        return frame.drop_duplicates("share", ignore_index=True)

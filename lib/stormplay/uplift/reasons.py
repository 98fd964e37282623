"""Why the model thinks so, home by home, cheap for a million. Pure.

A second, simple model is fitted to the first one's predictions: each column is cut into groups, each group adds or
takes away something, and that is all. What it adds for a home is the home's reason. How much of the predictions it
repeats (R2, on rows that it was not fitted on) is kept with the version and shown beside the reasons. They explain the
model, not the world: an old roof that 'adds 4 points' goes along with a higher prediction; nobody has aged it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from stormplay.uplift import words
from stormplay.uplift.encoding import Column, Encoding, Floats, numbers, word_codes

GROUPS = 24
MOST_ROWS = 100_000
REASONS = 3
_RIDGE = 5.0  # homes that each group is drawn towards the average by
_SMALLEST_TENTHS = 3  # tenths of a percentage point; below, nothing is said

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Surrogate:
    """An additive stand-in for a model's predictions.

    Attributes:
        encoding: The columns.
        cuts: Per column of numbers where its groups begin; empty for columns of words.
        weights: Per column what each group adds to the average prediction.
        mean: The average prediction.
        r2: Share of the predictions' variance that it repeats, on rows that it was not fitted on.
    """

    encoding: Encoding
    cuts: tuple[Floats, ...]
    weights: tuple[Floats, ...]
    mean: float
    r2: float

    def contributions(self, table: pd.DataFrame) -> Floats:
        """What each column adds for each row (n, columns)."""
        codes = _all_codes(self.encoding, self.cuts, table)
        return np.column_stack([w[code] for w, code in zip(self.weights, codes, strict=True)])

    def strongest(self, table: pd.DataFrame, most: int = 8) -> list[dict[str, Any]]:
        """The columns that move these rows' predictions most: feature, points (mean size of what it adds or takes away,
        signatures in a hundred homes), the largest first."""
        moved = 100 * np.abs(self.contributions(table.iloc[:MOST_ROWS])).mean(axis=0)
        names = [column.name for column in self.encoding.columns]
        ranked = sorted(zip(names, moved.tolist(), strict=True), key=lambda one: -one[1])
        return [{"feature": name, "points": round(points, 4)} for name, points in ranked[:most] if points > 0]

    def predict(self, table: pd.DataFrame) -> Floats:
        """The stand-in's own prediction."""
        return np.asarray(self.mean + self.contributions(table).sum(axis=1))

    def explain(self, table: pd.DataFrame, predicted: Floats) -> tuple[NDArray[np.object_], float]:
        """The reasons of predictions, and how much of these they repeat.

        Args:
            table: The columns.
            predicted: What the model predicts for them.

        Returns:
            Up to three sentences a row, the strongest first, as JSON text ('["roof 22 years old: +4 points", ...]'),
            and R2 over these rows; missing where there is none.
        """
        if not len(table):
            return np.empty(0, dtype=object), np.nan
        added = self.contributions(table)
        r2 = _repeated(predicted, predicted - self.mean - added.sum(axis=1))
        spoken, added = _joined([_Spoken(column, table[column.name]) for column in self.encoding.columns], added)
        tenths = np.round(added * 1_000).astype(np.int64)
        first = np.argsort(-np.abs(tenths), axis=1, kind="stable")[:, :REASONS]
        return _as_json(spoken, first, np.take_along_axis(tenths, first, axis=1)), r2

    def to_plain(self) -> dict[str, Any]:
        """As plain data and arrays, for a file; `from_plain` reads it."""
        return {"cuts": list(self.cuts), "weights": list(self.weights), "mean": self.mean, "r2": self.r2}

    @classmethod
    def from_plain(cls, encoding: Encoding, given: Mapping[str, Any]) -> Surrogate:
        """From what `to_plain` returned."""
        return cls(encoding, tuple(given["cuts"]), tuple(given["weights"]), given["mean"], given["r2"])


def learn(encoding: Encoding, table: pd.DataFrame, predicted: Floats, seed: int = 0) -> Surrogate:
    """Fit a stand-in to predictions.

    Args:
        encoding, table: The columns, as the model sees them.
        predicted: The model's predictions.
        seed: Of the sample, where there are more than 100,000 rows, and of the halves that R2 is measured on.
    """
    order = np.random.default_rng(seed).permutation(len(table))[:MOST_ROWS]
    table, predicted = table.iloc[order].reset_index(drop=True), predicted[order]
    cuts = tuple(_cuts(column, table[column.name]) for column in encoding.columns)
    codes = _all_codes(encoding, cuts, table)
    sizes = [_groups(column, cut) for column, cut in zip(encoding.columns, cuts, strict=True)]
    half = np.arange(len(table)) % 2 == 0
    left = np.empty(len(table))
    for fit, ask in ((half, ~half), (~half, half)):
        mean, weights = _fit([code[fit] for code in codes], sizes, predicted[fit])
        left[ask] = predicted[ask] - mean - sum(w[code[ask]] for w, code in zip(weights, codes, strict=True))
    r2 = _repeated(predicted, left)
    mean, weights = _fit(codes, sizes, predicted)
    return Surrogate(encoding, cuts, tuple(weights), mean, r2)


def _repeated(predicted: Floats, left: Floats) -> float:
    """Share of the predictions' variance that is not left over; all of it where they do not differ."""
    spread = float(((predicted - predicted.mean()) ** 2).sum())
    return 1.0 if spread < 1e-18 * len(predicted) else 1 - float((left**2).sum()) / spread


def _cuts(column: Column, values: pd.Series) -> Floats:
    if column.is_text:
        return np.empty(0)
    plain = numbers(column.name, values)
    there = plain[~np.isnan(plain)]
    distinct = np.unique(there)
    if len(distinct) <= GROUPS:
        return distinct[1:]
    return np.unique(np.quantile(there, np.linspace(0, 1, GROUPS + 1)[1:-1]))


def _groups(column: Column, cuts: Floats) -> int:
    return len(column.words) + 2 if column.is_text else len(cuts) + 2


def _all_codes(encoding: Encoding, cuts: tuple[Floats, ...], table: pd.DataFrame) -> list[Ints]:
    """Per column the group of each row; the last group of a column is for what is missing."""
    found = []
    for column, cut in zip(encoding.columns, cuts, strict=True):
        if column.is_text:
            found.append(word_codes(column, table[column.name]))
            continue
        plain = numbers(column.name, table[column.name])
        code = np.searchsorted(cut, plain, side="right")
        found.append(np.where(np.isnan(plain), len(cut) + 1, code).astype(np.int64))
    return found


def _fit(codes: list[Ints], sizes: list[int], target: Floats) -> tuple[float, list[Floats]]:
    """Ridge on one column a group; each column's weights are then moved so that they average to nothing."""
    rows, starts = len(target), np.concatenate([[0], np.cumsum(sizes)])
    places = np.column_stack([code + start for code, start in zip(codes, starts[:-1], strict=True)])
    shape = (rows, int(starts[-1]))
    marks = sparse.csr_array(
        (np.ones(places.size), places.ravel(), np.arange(0, places.size + 1, places.shape[1])), shape=shape
    )
    mean = float(target.mean())
    gram = (marks.T @ marks).toarray() + _RIDGE * np.eye(shape[1])
    solved = np.linalg.solve(gram, marks.T @ (target - mean))
    weights = []
    for code, start, size in zip(codes, starts[:-1], sizes, strict=True):
        own = solved[start : start + size]
        average = float(own[code].mean())
        mean += average
        weights.append(own - average)
    return mean, weights


class _Spoken:
    """A column's values as the words for them: per row a number, and what is said for each number."""

    def __init__(self, column: Column, values: pd.Series) -> None:
        self.name = column.name
        if column.is_text:
            said, missing = words.textual(column.name)
            self.code = word_codes(column, values)
            self.said = {place: said.format(word) for place, word in enumerate(column.words)}
            self.said |= {len(column.words): said.format("another kind"), len(column.words) + 1: missing}
        else:
            self._numeric(words.numeric(column.name), numbers(column.name, values))

    def _numeric(self, phrase: words.Phrase, plain: Floats) -> None:
        unknown = np.isnan(plain)
        if phrase.step:
            rounded = np.round(np.nan_to_num(plain) / phrase.step).astype(np.int64)
            least = int(rounded.min(initial=0))
            self.code = np.where(unknown, 0, rounded - least + 1)
            values = np.flatnonzero(np.bincount(self.code))
            self.said = {int(k): phrase.say((int(k) + least - 1) * phrase.step) for k in values if k}
        else:
            distinct, self.code = np.unique(np.round(np.nan_to_num(plain), 6), return_inverse=True)
            self.code = np.where(unknown, 0, self.code + 1)
            self.said = {place + 1: phrase.say(float(value)) for place, value in enumerate(distinct)}
        self.said[0] = phrase.missing


def _joined(spoken: list[_Spoken], added: Floats) -> tuple[list[_Spoken], Floats]:
    """Columns that say one thing become one reason."""
    names = [one.name for one in spoken]
    kept, columns = [], []
    for place, one in enumerate(spoken):
        if words.TOGETHER.get(one.name) in names:
            continue
        same = [k for k, name in enumerate(names) if words.TOGETHER.get(name) == one.name]
        kept.append(one)
        columns.append(added[:, [place, *same]].sum(axis=1))
    return kept, np.column_stack(columns)


def _as_json(spoken: list[_Spoken], first: Ints, tenths: Ints) -> NDArray[np.object_]:
    """Sentences are made once each: which column, what is said of it, how many tenths of a point."""
    code = np.column_stack([one.code for one in spoken])
    widest, shift = int(code.max()) + 1, int(np.abs(tenths).max()) + 1
    key = (first * widest + np.take_along_axis(code, first, axis=1)) * (2 * shift) + tenths + shift
    distinct, place = np.unique(key, return_inverse=True)
    parts = np.array([_sentence(spoken, int(one), widest, shift) for one in distinct], dtype=object)
    columns = parts[place.reshape(first.shape)]
    columns[np.abs(tenths) < _SMALLEST_TENTHS] = ""
    columns[:, 1:][columns[:, 1:] != ""] = ", " + columns[:, 1:][columns[:, 1:] != ""]
    return np.asarray("[" + columns.sum(axis=1) + "]", dtype=object)


def _sentence(spoken: list[_Spoken], key: int, widest: int, shift: int) -> str:
    place, tenths = divmod(key, 2 * shift)
    column, said = divmod(place, widest)
    return json.dumps(f"{spoken[column].said[said]}: {words.points(tenths - shift)}")

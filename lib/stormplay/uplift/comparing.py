"""Two versions on the same homes: which one finds better the homes where a visit adds most? Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stormplay.uplift.encoding import Floats
from stormplay.uplift.qini import Ranking, rank

Word = Literal["better", "worse", "cannot tell apart"]


@dataclass(frozen=True)
class Comparison:
    """Two ways of fitting, each asked of homes that it has not seen, the same for both.

    Attributes:
        one, other: The versions.
        ranking: Both, and 'response', a model of who signs, beside them.
        difference, low, high: Qini coefficient of `one` less that of `other`, with its 95 % interval.
        notes: What else should be known, as sentences.
    """

    one: str
    other: str
    ranking: Ranking
    difference: float
    low: float
    high: float
    notes: Sequence[str] = ()

    @property
    def word(self) -> Word:
        """What `one` is against `other`; 'cannot tell apart' where the interval holds 0."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "cannot tell apart"

    @property
    def sentence(self) -> str:
        """The word, what it rests on, and what should be known."""
        said = {
            "better": f"{self.one} ranks better than {self.other}",
            "worse": f"{self.one} ranks worse than {self.other}",
            "cannot tell apart": f"{self.one} and {self.other} cannot be told apart",
        }[self.word]
        homes = self.ranking.treated + self.ranking.held
        both = self.ranking.table.set_index("name")["qini"]
        figures = (
            f"Qini coefficient {both[self.one]:.4f} against {both[self.other]:.4f}, difference {self.difference:+.4f} "
            f"(95 %: {self.low:+.4f} to {self.high:+.4f})"
        )
        head = f"{said}, on the same {homes:,} homes, which neither had seen: {figures}."
        return " ".join([head, *self.notes])


def compare(
    predicted: Mapping[str, Floats], response: Floats, treated: NDArray[np.bool_], outcome: Floats,
    notes: Sequence[str] = (), seed: int = 0,
) -> Comparison:  # fmt: skip
    """Compare two versions by their out-of-fold predictions.

    Args:
        predicted: Two versions by name, the one in question first.
        response: What a model of who signs predicts.
        treated, outcome: Per home.
        notes: Sentences to keep with it.
        seed: Of the bootstrap.
    """
    one, other = predicted
    found = rank(pd.DataFrame({**predicted, "response": response}), treated, outcome, seed=seed)
    against = found.differences(other)
    row = against[against["name"] == one].to_dict("records")[0]
    return Comparison(one, other, found, float(row["difference"]), float(row["low"]), float(row["high"]), notes)

"""A fitted model of uplift: predicts, and comes apart into data that a file can hold."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from stormplay.errors import ArtifactRefused
from stormplay.uplift.base import threads
from stormplay.uplift.encoding import Encoding, Floats
from stormplay.uplift.learners import LEARNERS

_FORMAT = 1
PIECE = 25_000
"""Rows that are predicted at once."""


@dataclass(frozen=True)
class UpliftModel:
    """What `fit` returns.

    Attributes:
        learner: 's', 't', 'x', 'dr' or 'response'.
        base: 'boosting' or 'linear'.
        encoding: The columns it was fitted on.
        parts: Fitted base learners.
        reach: The largest effect that there can be: the range of the outcome, 1 for signed or not.
        homes: How many homes it was fitted on: treated, held out.
    """

    learner: str
    base: str
    encoding: Encoding
    parts: Mapping[str, Any]
    reach: float
    homes: tuple[int, int]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The columns that it asks for."""
        return self.encoding.names

    def predict(self, features: pd.DataFrame | ArrayLike) -> Floats:
        """Expected uplift a row: what a visit adds to the chance to sign, -1 to 1.

        (Of an outcome that is no yes or no: what it adds to the outcome, within its range. Of the response baseline:
        the outcome of a treated home, which is no uplift.)

        Args:
            features: The columns that the model was fitted on, in any order; values may be missing.

        Raises:
            WrongColumns: A column is missing or was never seen.
        """
        matrix = self.encoding.matrix(features)
        if not len(matrix):
            return np.empty(0)
        parts = np.array_split(matrix, -(-len(matrix) // PIECE))
        if len(parts) == 1:
            return self._effect(matrix)
        # Two pieces side by side, each on one thread: threads that meet after each tree wait more than they work where
        # the machine has other work too.
        with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
            return np.concatenate(list(pool.map(self._effect, parts)))

    def _effect(self, matrix: Floats) -> Floats:
        with threads(len(matrix)):
            effect = LEARNERS[self.learner][1](dict(self.parts), matrix)
        return np.asarray(effect.clip(-self.reach, self.reach), dtype=np.float64)

    def to_payload(self) -> dict[str, Any]:
        """As data that `registry.register` can keep; `from_payload` reads it."""
        return {
            "kind": "stormplay uplift",
            "format": _FORMAT,
            "learner": self.learner,
            "base": self.base,
            "encoding": self.encoding.to_plain(),
            "parts": dict(self.parts),
            "reach": float(self.reach),
            "homes": list(self.homes),
        }

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> UpliftModel:
        """From what `to_payload` returned.

        Raises:
            ArtifactRefused: It is something else, or of another format.
        """
        if payload.get("kind") != "stormplay uplift" or payload.get("format") != _FORMAT:
            raise ArtifactRefused("The model's file holds no model of uplift that this program reads.", "",
                                  "Train the model again.")  # fmt: skip
        treated, held = payload["homes"]
        return cls(payload["learner"], payload["base"], Encoding.from_plain(payload["encoding"]), payload["parts"],
                   payload["reach"], (treated, held))  # fmt: skip

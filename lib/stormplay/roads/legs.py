"""Metres and minutes between a few places: asked of an engine, estimated where it has no answer, and said which."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stormplay.roads.engines import BLOCK, Engine, NoAnswer
from stormplay.routing import CIRCUITY, SPEED_KMH
from stormplay.routing.metric import haversine_m
from stormplay.routing.plan import FloatArray

MOST_PLACES = 120
"""A group with more places is estimated: 14,400 pairs are what an engine answers in about a second."""


@dataclass(frozen=True)
class Legs:
    """Between all pairs of a group of places, from row to column.

    Attributes:
        distance_m: (n, n) metres along the road.
        minutes: (n, n) minutes of driving.
        source: 'OSRM', 'Valhalla', or 'estimate'.
        is_estimated: (n, n) which pairs are: all where `source` is 'estimate', else those without a known way.
    """

    distance_m: FloatArray
    minutes: FloatArray
    source: str
    is_estimated: npt.NDArray[np.bool_]


def estimated(places: FloatArray) -> Legs:
    """Great-circle metres times `CIRCUITY`, at `SPEED_KMH`.

    Args:
        places: (n, 2) latitude, longitude in degrees.
    """
    distance_m = haversine_m(places[:, None, :], places[None, :, :]) * CIRCUITY
    return Legs(distance_m, distance_m / (SPEED_KMH * 1000 / 60), "estimate", np.ones(distance_m.shape, dtype=bool))


class Roads:
    """An engine that is asked group by group. After it was down once it is not asked again in this run.

    Args:
        engine: The engine; None: everything is estimated.

    Attributes:
        known: Answers of before, by `key`; they are not asked for again.
        notice: What went wrong, as a sentence; '' while nothing has.
        fresh: What the engine has answered in this run, by `key`.
    """

    def __init__(self, engine: Engine | None) -> None:
        self.engine = engine
        self.notice = ""
        self.known: Mapping[str, Legs] = {}
        self.fresh: dict[str, Legs] = {}
        self._keys: dict[bytes, str] = {}  # by the places' own bytes: a digest is worked out once
        self._is_down = engine is None

    def key(self, places: FloatArray) -> str:
        """What an answer is kept under: a digest of the engine and the places, from which neither can be told."""
        own = places.tobytes()
        if own not in self._keys:
            told = f"{self.engine.identity if self.engine else ''} {places.round(6).tolist()}"
            self._keys[own] = hashlib.sha256(told.encode()).hexdigest()
        return self._keys[own]

    def legs(self, places: FloatArray) -> Legs:
        """Between all pairs of (n, 2) places in degrees."""
        if self.engine is None or not 2 <= len(places) <= MOST_PLACES:
            return estimated(places)
        key = self.key(places)
        if (found := self.known.get(key) or self.fresh.get(key)) is not None:
            return found
        if self._is_down:
            return estimated(places)
        try:
            distance_m, minutes = _whole(self.engine, places)
        except NoAnswer as why:
            self._is_down = self._is_down or why.is_down
            self.notice = self.notice or f"Driving is estimated where the road network gave no answer: {why}."
            return estimated(places)
        self.fresh[key] = _filled(distance_m, minutes, self.engine.name, places)
        return self.fresh[key]


def _whole(engine: Engine, places: FloatArray) -> tuple[FloatArray, FloatArray]:
    """All pairs, block by block."""
    distance_m, minutes = (np.zeros((len(places), len(places))) for _ in range(2))
    for row in range(0, len(places), BLOCK):
        for column in range(0, len(places), BLOCK):
            at = np.s_[row : row + BLOCK, column : column + BLOCK]
            distance_m[at], minutes[at] = engine.block(places[row : row + BLOCK], places[column : column + BLOCK])
    return distance_m, minutes


def _filled(distance_m: FloatArray, minutes: FloatArray, name: str, places: FloatArray) -> Legs:
    """With estimates where the engine knows no way, and nothing from a place to itself."""
    guess = estimated(places)
    is_unknown = np.isnan(distance_m) | np.isnan(minutes)
    np.fill_diagonal(is_unknown, val=False)
    distance_m, minutes = (np.where(is_unknown, guessed, known) for guessed, known in
                           ((guess.distance_m, distance_m), (guess.minutes, minutes)))  # fmt: skip
    np.fill_diagonal(distance_m, 0.0)
    np.fill_diagonal(minutes, 0.0)
    return Legs(distance_m, minutes, name, is_unknown)

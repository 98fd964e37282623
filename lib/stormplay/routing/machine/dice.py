"""Draws for compiled code: one word of state, handed on, so that a seed gives the same again in any thread."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stormplay.routing.machine.compiled import inlined

_U13, _U7, _U17, _U11 = np.uint64(13), np.uint64(7), np.uint64(17), np.uint64(11)
_MULTIPLIER = np.uint64(0x2545F4914F6CDD1D)


@inlined
def draw(rng: Any) -> Any:
    """A number in [0, 1) by xorshift64* (S. Vigna, ACM Transactions on Mathematical Software 42, 2016)."""
    word = rng[0]
    word ^= word << _U13
    word ^= word >> _U7
    word ^= word << _U17
    rng[0] = word
    return np.float64((word * _MULTIPLIER) >> _U11) * (1.0 / 9007199254740992.0)


@inlined
def next_overlooked(rng: Any, chance: Any) -> Any:
    """How many places are looked at before the next one is overlooked: geometric."""
    if chance <= 0:
        return np.int64(1 << 60)
    return np.int64(min(1e9, math.log(1.0 - draw(rng)) / math.log(1.0 - chance)))

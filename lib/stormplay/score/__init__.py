"""What a storm play is worth so far, from 0 to 100, and why: every number with what it is made of.

StormPlayScore                 the score of a storm: now, over time, against another storm, and how to raise it
calculate_storm_play_score     the number alone, for a storm's id
get_score_breakdown            its four components in percent, for a storm's id

Pure:

score_components               the formula, for anyone's own numbers
Counts, Standing, Component    what the score is made of, and what is not measurable yet

The database keeps the score in the transaction that changes it (`sql/0036_score.sql`); here it is read and told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormplay import lazy
from stormplay.score.formula import HIGH_UPLIFT, WEIGHTS, score_components
from stormplay.score.standing import Component, Counts, Standing

if TYPE_CHECKING:
    from stormplay.score.storm import StormPlayScore, calculate_storm_play_score, get_score_breakdown

__all__ = [
    "HIGH_UPLIFT",
    "WEIGHTS",
    "Component",
    "Counts",
    "Standing",
    "StormPlayScore",
    "calculate_storm_play_score",
    "get_score_breakdown",
    "score_components",
]

# Who only reckons needs no database.
_ROOMS = {"storm": "StormPlayScore, calculate_storm_play_score, get_score_breakdown"}
__getattr__ = lazy.names(__name__, _ROOMS)

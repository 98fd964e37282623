"""Attribution: which channel gets how much credit for the conversions, by several methods side by side.

AttributionEngine  the credit of a journey, and of all journeys of a storm beside what the experiment says

Pure:

credits            journeys in, conversions and value of each method and channel out
removal_effects    what the Markov chain would lose without each channel
METHODS            the methods, in the order of a page
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormplay import lazy
from stormplay.attribution.crediting import METHODS, credits, removal_effects

if TYPE_CHECKING:
    from stormplay.attribution.engine import AttributionEngine
    from stormplay.attribution.storm import Incremental, StormCredits

__all__ = [
    "METHODS",
    "AttributionEngine",
    "Incremental",
    "StormCredits",
    "credits",
    "removal_effects",
]

# Who only reckons needs no database.
_ROOMS = {"engine": "AttributionEngine", "storm": "Incremental, StormCredits"}
__getattr__ = lazy.names(__name__, _ROOMS)

"""Attribution: which channel gets how much credit for the conversions, by several methods side by side.

credits            pure: journeys in, conversions and value of each method and channel out
removal_effects    pure: what the Markov chain would lose without each channel
METHODS            the methods, in the order of a page
"""

from __future__ import annotations

from stormplay.attribution.crediting import METHODS, credits, removal_effects

__all__ = [
    "METHODS",
    "credits",
    "removal_effects",
]

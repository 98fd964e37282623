"""Did it work? Who was drawn, whether the arms are alike, and what the treated did that the held out did not.

assigned                   who is drawn, by hash
difference_interval        treated rate less control rate (Newcombe)
relative_lift_interval     treated rate / control rate - 1 (MOVER)
srm_p_value                sizes of the arms against their shares
"""

from __future__ import annotations

from stormplay.experiments.assignment import assigned, hash_share
from stormplay.experiments.balance import srm_p_value
from stormplay.experiments.intervals import difference_interval, relative_lift_interval

__all__ = ["assigned", "difference_interval", "hash_share", "relative_lift_interval", "srm_p_value"]

"""Did it work? Who was drawn, whether the arms are alike, and what the treated did that the held out did not.

Experiment                 the read-out of a storm, and of all storms of a company, from the database

Pure:

assigned, hash_share       who is drawn, by hash
difference_interval        treated rate less control rate (Newcombe)
relative_lift_interval     treated rate / control rate - 1 (MOVER)
always_valid_interval      the difference, with an interval that may be looked at daily (mSPRT)
srm_p_value                sizes of the arms against their shares
needed_sample, still_needed, minimal_detectable_effect    what a sample can show
Counts, verdict            works, does not work, harms, or too early to say
stratify, pool             within bands of hail, over storms
exposure                   who was reached, and what that says
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormplay import lazy

if TYPE_CHECKING:
    from stormplay.experiments.assignment import TREAT_SHARE, assigned, hash_share
    from stormplay.experiments.balance import covariate_balance, known_check, size_check, srm_p_value
    from stormplay.experiments.estimate import Counts, Estimate
    from stormplay.experiments.experiment import Experiment
    from stormplay.experiments.intervals import difference_interval, relative_lift_interval
    from stormplay.experiments.pooling import pool
    from stormplay.experiments.power import minimal_detectable_effect, needed_sample, still_needed
    from stormplay.experiments.reach import Reach, exposure
    from stormplay.experiments.sequential import always_valid_interval, always_valid_p_value
    from stormplay.experiments.strata import Stratum, stratify
    from stormplay.experiments.verdicts import MARGIN, verdict

__all__ = [
    "MARGIN",
    "TREAT_SHARE",
    "Counts",
    "Estimate",
    "Experiment",
    "Reach",
    "Stratum",
    "always_valid_interval",
    "always_valid_p_value",
    "assigned",
    "covariate_balance",
    "difference_interval",
    "exposure",
    "hash_share",
    "known_check",
    "minimal_detectable_effect",
    "needed_sample",
    "pool",
    "relative_lift_interval",
    "size_check",
    "srm_p_value",
    "still_needed",
    "stratify",
    "verdict",
]

# Room -> the names it gives. Loaded at first use: who only draws by hash pays for no statistics, who reckons for no
# database.
_ROOMS = {
    "assignment": "TREAT_SHARE, assigned, hash_share",
    "balance": "covariate_balance, known_check, size_check, srm_p_value",
    "estimate": "Counts, Estimate",
    "experiment": "Experiment",
    "intervals": "difference_interval, relative_lift_interval",
    "pooling": "pool",
    "power": "minimal_detectable_effect, needed_sample, still_needed",
    "reach": "Reach, exposure",
    "sequential": "always_valid_interval, always_valid_p_value",
    "strata": "Stratum, stratify",
    "verdicts": "MARGIN, verdict",
}
__getattr__ = lazy.names(__name__, _ROOMS)

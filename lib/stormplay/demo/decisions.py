"""What the demo's policy believed and decided, per storm.

The draw of the holdout comes first: a hash of storm and home, which knows nothing else. Then the reasons to skip are
looked at, alike for both arms, and only a home that would be treated is called treat or hold_out by its draw. So the
two arms are alike but for the visit, 80 to 20, and every home has one decision: eligible = treat + hold_out + skip.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stormplay.demo.streets import Floats, Rng
from stormplay.demo.truth import true_effect
from stormplay.experiments.assignment import assigned

HOLDOUT_SHARE = 0.2
SWATH_MIN_IN = 0.75
UPLIFT_MIN = 0.05
NOISE = 0.03  # standard deviation of the estimate around the true effect
MODEL_VERSION = "demo-planted-1"

OUTSIDE = "outside the modelled swath (under 0.75 in)"
REFUSED = "suppressed: asked for no visits"
TOO_SMALL = "expected uplift under 5 %"
HELD = "control group, drawn by hash"
WORTH_IT = "expected uplift of 5 % or more"


def estimate_uplift(rng: Rng, hail_in: Floats, roof_age_years: Floats) -> Floats:
    """What a model would say: the true effect with noise, as a share of 1."""
    noisy = true_effect(hail_in, roof_age_years) + rng.normal(0, NOISE, len(hail_in))
    return np.asarray(noisy.clip(-0.2, 0.6).round(4), dtype=np.float64)


def decide(storm: str, homes: pd.DataFrame, refused: NDArray[np.bool_]) -> pd.DataFrame:
    """Decide for every home.

    Args:
        storm: The storm's slug, the salt of the draw.
        homes: Columns property_id, hail_in, expected_uplift.
        refused: Per home, whether the owner wants no visit.

    Returns:
        property_id, decision ('treat', 'hold_out', 'skip') and reason, one row a home.
    """
    held = assigned(homes["property_id"], storm, HOLDOUT_SHARE)
    hail_in, uplift = homes["hail_in"].to_numpy(), homes["expected_uplift"].to_numpy()
    conditions = [hail_in < SWATH_MIN_IN, refused, uplift < UPLIFT_MIN, held]
    reason = _first_that_holds(conditions, [OUTSIDE, REFUSED, TOO_SMALL, HELD, WORTH_IT])
    decision = _first_that_holds(conditions, ["skip", "skip", "skip", "hold_out", "treat"])
    return pd.DataFrame({"property_id": homes["property_id"], "decision": decision, "reason": reason})


def _first_that_holds(conditions: list[NDArray[np.bool_]], names: list[str]) -> NDArray[np.str_]:
    """Per home the name of its first condition that holds; the last name where none does."""
    place = np.select(conditions, [np.full(len(c), i) for i, c in enumerate(conditions)], len(conditions))
    return np.asarray(np.array(names)[place])

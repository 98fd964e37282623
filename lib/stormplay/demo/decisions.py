"""What the demo's model believed and its policy decided, per storm; the policy is the product's own, as shipped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stormplay import policy
from stormplay.demo.streets import Floats, Rng
from stormplay.demo.truth import true_effect
from stormplay.policy import deciding

NOISE = 0.03  # standard deviation of the estimate around the true effect
MODEL_VERSION = "demo-planted-1"

RULES = policy.Rules()
OUTSIDE = deciding.outside(RULES)
REFUSED = deciding.SUPPRESSED
TOO_SMALL = deciding.too_small(RULES)


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
    facts = homes[["property_id", "hail_in", "expected_uplift"]].assign(is_suppressed=refused)
    return policy.decide(facts, replace(RULES, salt=storm))[["property_id", "decision", "reason"]]


def next_actions(homes: pd.DataFrame, refused: dict[str, NDArray[np.bool_]]) -> NDArray[np.str_]:
    """Name the next best action per home from its uplift, its contacts and what it refused.

    Args:
        homes: Columns expected_uplift, phone_e164, email.
        refused: Per channel, which homes refused it.

    Returns:
        One of 'door_visit', 'call', 'text', 'email', 'mail', 'wait'.
    """
    uplift = homes["expected_uplift"].to_numpy()
    phone, email = homes["phone_e164"].notna().to_numpy(), homes["email"].notna().to_numpy()
    conditions = [
        refused["all"] | (uplift < 0.02),
        (uplift >= 0.10) & ~refused["door"],
        (uplift >= 0.05) & phone & ~refused["call"],
        (uplift >= 0.05) & ~refused["door"],
        phone & ~refused["text"],
        email & ~refused["email"],
    ]
    return _first_that_holds(conditions, ["wait", "door_visit", "call", "door_visit", "text", "email", "mail"])


def _first_that_holds(conditions: list[NDArray[np.bool_]], names: list[str]) -> NDArray[np.str_]:
    """Per home the name of its first condition that holds; the last name where none does."""
    place = np.select(conditions, [np.full(len(c), i) for i, c in enumerate(conditions)], len(conditions))
    return np.asarray(np.array(names)[place])

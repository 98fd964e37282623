"""A made-up randomised trial whose true effect is known, so that a ranking can be checked against it."""

from __future__ import annotations

import numpy as np
import pandas as pd

TRUE = "true_effect"


def made_up(
    rows: int, seed: int = 0, treat_share: float = 0.7, strength: float = 1.0
) -> tuple[pd.DataFrame, pd.Series]:
    """Homes of which some sign anyway and others sign because somebody came; they are not the same homes.

    Owners who were referred by a neighbour sign anyway; where roofs are old and hail was large, visits persuade; owners
    of new roofs are put off by one. So a model of who signs ranks the wrong homes first.

    Args:
        rows: Homes.
        seed: Same seed, same homes.
        treat_share: Chance of being treated.
        strength: Factor on the effect.

    Returns:
        hail_in, roof_age_years (missing for one in twenty), roof_material, home_value_usd, referred, noise_1 to noise_4
        (numbers that mean nothing), treated, signed; and the true effect on the chance to sign.
    """
    rng = np.random.default_rng(seed)
    hail_in, age = rng.uniform(0.75, 3, rows), rng.gamma(4, 3.5, rows).clip(0, 40)
    referred = rng.random(rows) < 0.25
    material = rng.choice(["shingle", "tile", "metal", "wood"], rows, p=[0.6, 0.2, 0.12, 0.08])
    base = 0.04 + 0.22 * referred + 0.03 * (material == "wood")
    effect = strength * 0.16 / (1 + np.exp(-(age - 14) / 2.5)) * (hail_in - 0.5) / 2 * (
        1 - 0.8 * referred
    ) - strength * 0.02 * (age < 6)
    treated = rng.random(rows) < treat_share
    signed = rng.random(rows) < (base + treated * effect).clip(0, 1)
    table = pd.DataFrame({
        "hail_in": hail_in.round(2), "roof_age_years": np.where(rng.random(rows) < 0.05, np.nan, age.round(1)),
        "roof_material": material, "home_value_usd": rng.lognormal(12.7, 0.4, rows).round(-3),
        "referred": referred.astype(int), **{f"noise_{k}": rng.normal(size=rows).round(3) for k in range(1, 5)},
        "treated": treated.astype(int), "signed": signed.astype(int),
    })  # fmt: skip
    return table, pd.Series(effect, name=TRUE)

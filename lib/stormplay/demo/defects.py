"""Faults planted in the demo's data, as every book of addresses has them, counted so that checks can be checked."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stormplay.demo.streets import Rng
from stormplay.demo.words import LONG_SUFFIXES

# Shares of a tenant's homes.
SHARES = {
    "duplicate": 0.004,
    "missing coordinates": 0.005,
    "missing zip_code": 0.001,
    "impossible roof age": 0.002,
    "malformed email": 0.002,
}
IMPOSSIBLE_AGE_YEARS = 199.0


def duplicate_count(homes: int) -> int:
    """How many of so many homes are a second record of another one."""
    return round(homes * SHARES["duplicate"])


def with_duplicates(rng: Rng, homes: pd.DataFrame, count: int) -> pd.DataFrame:
    """Append second records of some homes: same owner and contacts, the address spelled another way."""
    copies = homes.iloc[np.sort(rng.permutation(len(homes))[:count])].copy()
    copies["address"] = [_respelled(address) for address in copies["address"]]
    copies["latitude"] = (copies["latitude"] + rng.normal(0, 2e-5, count)).round(6)
    copies["longitude"] = (copies["longitude"] + rng.normal(0, 2e-5, count)).round(6)
    return pd.concat([homes, copies], ignore_index=True)


def _respelled(address: str) -> str:
    head, suffix = address.rsplit(" ", 1)
    return f"{head.upper()} {LONG_SUFFIXES[suffix]}"


def damage(rng: Rng, homes: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Spoil some records, after decisions were made: what was known then is lost or garbled now.

    Returns:
        The homes, and the count of each fault.
    """
    spoiled = homes.copy()
    counts = {}
    for fault, columns, value in (
        ("missing coordinates", ["latitude", "longitude"], np.nan),
        ("missing zip_code", ["zip_code"], None),
        ("impossible roof age", ["roof_age_years"], IMPOSSIBLE_AGE_YEARS),
    ):
        rows = spoiled.index[rng.permutation(len(spoiled))[: round(len(spoiled) * SHARES[fault])]]
        spoiled.loc[rows, columns] = value
        counts[fault] = len(rows)
    written = np.flatnonzero(spoiled["email"].notna())
    rows = spoiled.index[rng.permutation(written)[: round(len(spoiled) * SHARES["malformed email"])]]
    spoiled.loc[rows, "email"] = spoiled.loc[rows, "email"].str.replace("@", " at ")
    return spoiled, {**counts, "malformed email": len(rows)}

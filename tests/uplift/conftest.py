"""A randomised trial whose truth is known, for every test of a learner."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))


@pytest.fixture(scope="session")
def trial():
    """Features, treated, signed and the true effect of 6,000 homes, where some sign anyway and others are persuaded."""
    from trial import made_up

    table, effect = made_up(6_000, seed=1, strength=2.5)
    return table.drop(columns=["treated", "signed"]), table["treated"], table["signed"], effect.to_numpy()

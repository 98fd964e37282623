"""Are the arms what the draw should have made of them? Their sizes, and what was known of the homes before. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import chdtrc

from stormplay.errors import BadInput


def srm_p_value(observed: Sequence[int], expected_share: Sequence[float]) -> float:
    """How likely sizes of arms at least so far from their shares are by chance: Pearson's chi-square test.

    A small value (under 0.001) is a sample ratio mismatch: homes were lost or moved after the draw, and the arms can
    no longer be compared.

    Args:
        observed: Homes per arm, two arms or more.
        expected_share: Share of homes per arm in the same order; 0.8 and 0.2, or 80 and 20.

    Returns:
        The p-value, 0 to 1; 1 where there is no home at all.

    Raises:
        BadInput: Other than one share per arm, a negative count, or a share that is not above 0.
    """
    counts, shares = np.asarray(observed, dtype=np.float64), np.asarray(expected_share, dtype=np.float64)
    if counts.ndim != 1 or counts.shape != shares.shape or len(counts) < 2:
        raise BadInput(
            f"There are {counts.size} arms and {shares.size} expected shares.", "Expected two or more, and as many."
        )
    if not ((counts >= 0).all() and (shares > 0).all() and np.isfinite(counts).all() and np.isfinite(shares).all()):
        raise BadInput(
            f"Arms of {list(observed)} homes at shares of {list(expected_share)} cannot be.",
            "Expected counts from 0 up and shares above 0.",
        )
    if not counts.sum():
        return 1.0
    expected = shares / shares.sum() * counts.sum()
    return float(chdtrc(len(counts) - 1, ((counts - expected) ** 2 / expected).sum()))

"""Storm impact index (SII) and hail bands, both functions of modelled hail size alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stormplay.errors import BadInput

Floats = NDArray[np.float64]

SII_ANCHORS: tuple[tuple[float, float], ...] = (
    (0.50, 0.0),
    (0.75, 10.0),
    (1.00, 30.0),
    (1.50, 60.0),
    (2.00, 80.0),
    (3.00, 100.0),
)
"""(hail size in inches, SII): straight lines between, 0 below the first, 100 above the last.

The steps sit on the bands in use (0.75, 1, 1.5, 2 in; severe hail begins at 1 in). Their heights are a convention
that ranks properties. They are no loss model and no probability of damage.
"""

BANDS: tuple[str, ...] = ("under 0.75 in", "0.75-1 in", "1-1.5 in", "1.5-2 in", "2 in and more")
"""The hail bands, smallest first; a size on an edge belongs to the larger band."""

UNKNOWN_BAND = "not known"

BAND_EDGES_IN = (0.75, 1.0, 1.5, 2.0)
"""Where one band ends and the next begins, in inches."""


def impact_index(hail_in: ArrayLike) -> Floats:
    """Grade modelled hail size as storm impact index.

    Args:
        hail_in: Sizes in inches, any shape; NaN where not known.

    Returns:
        SII from 0 to 100, same shape, never falling as size grows; NaN where the size is NaN.

    Raises:
        BadInput: A size is negative or infinite.
    """
    sizes = _sizes(hail_in)
    anchors_in, anchors_sii = np.array(SII_ANCHORS).T
    return np.asarray(np.interp(sizes, anchors_in, anchors_sii), dtype=np.float64)


def hail_of(sii: ArrayLike) -> Floats:
    """The size of hail that an impact index stands for: `impact_index` the other way round.

    Args:
        sii: Indexes from 0 to 100, any shape; NaN where not known.

    Returns:
        Inches, same shape. An index of 0 stands for 0.5 in and less, one of 100 for 3 in and more; here for the edge.
    """
    anchors_in, anchors_sii = np.array(SII_ANCHORS).T
    return np.asarray(np.interp(np.asarray(sii, dtype=np.float64), anchors_sii, anchors_in), dtype=np.float64)


def band(hail_in: ArrayLike) -> NDArray[np.str_]:
    """Name the band of each size, one of `BANDS`, or 'not known' where the size is NaN.

    Args:
        hail_in: Sizes in inches, any shape.

    Raises:
        BadInput: A size is negative or infinite.
    """
    sizes = _sizes(hail_in)
    names = np.array([*BANDS, UNKNOWN_BAND])
    place = np.where(np.isnan(sizes), len(BANDS), np.digitize(sizes, BAND_EDGES_IN))
    return np.asarray(names[place])


def impact_band(sii_score: ArrayLike) -> NDArray[np.intp]:
    """Place each storm impact index in the band of hail that it stands for.

    Args:
        sii_score: From 0 to 100, any shape; NaN where not known.

    Returns:
        Positions in `BANDS`, same shape; -1 where the index is NaN. An index on an edge belongs to the larger band.
    """
    scores = np.asarray(sii_score, dtype=np.float64)
    return np.where(np.isnan(scores), -1, np.digitize(scores, impact_index(BAND_EDGES_IN)))


def _sizes(hail_in: ArrayLike) -> Floats:
    try:
        sizes = np.asarray(hail_in, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadInput(f"The hail sizes {hail_in!r} are no numbers.", "A size is given in inches.") from error
    bad = (sizes < 0) | np.isinf(sizes)
    if bad.any():
        raise BadInput(f"{sizes[bad].flat[0]} is not a hail size.", "A size is 0 in or more and finite.")
    return sizes

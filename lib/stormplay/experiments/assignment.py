"""Who is drawn: by a hash of a salt and an id, which knows nothing else of a home. Pure.

The same home gets the same draw for ever, in any order, on any machine; another salt (another storm) is another,
independent draw; and a larger share draws the same homes and some more.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from stormplay.errors import BadInput

Floats = NDArray[np.float64]

TREAT_SHARE = 0.8
"""Share of the eligible homes that are treated where nothing else is said; the others are held out."""

_BELOW_ONE = np.nextafter(1.0, 0.0)


def hash_share(salt: str, ids: Iterable[str | UUID]) -> Floats:
    """A number in [0, 1) per id, evenly spread, that depends on the salt and the id alone.

    The first 8 bytes of SHA-256 of 'salt|id', as a share of 2^64. An id is hashed as it is written; as the database
    and `uuid.UUID` write it, small.
    """
    head = f"{salt}|".encode()
    # All digests as one array: reading each as a whole number of its own takes as long as the hashing.
    digests = b"".join([sha256(head + str(one).encode()).digest() for one in ids])
    first = np.frombuffer(digests, dtype=">u8").reshape(-1, 4)[:, 0]
    return np.minimum(first.astype(np.float64) / 2.0**64, _BELOW_ONE)


def assigned(ids: Iterable[str | UUID], salt: str, share: float) -> NDArray[np.bool_]:
    """Which homes are drawn.

    Args:
        ids: Ids of homes.
        salt: What the draw is for: the storm's slug, or 'storm/purpose' where a storm has several.
        share: Share of homes to draw, 0 to 1.

    Returns:
        True per drawn home, in the order of `ids`.

    Raises:
        BadInput: The share is none.
    """
    if not 0 <= share <= 1:
        raise BadInput(f"The share to draw is {share!r}.", "Expected a number from 0 to 1.")
    return hash_share(salt, ids) < share

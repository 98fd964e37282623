"""A fitted model as bytes, and back, without running code: skops reads data and builds only types that are listed.

A payload is plain Python (dicts, lists, text, numbers), numpy arrays, and estimators of scikit-learn. Classes of ours
are not in it, so none has to be trusted; who reads it builds them from these parts.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from typing import Any

from stormplay.errors import ArtifactRefused, BadInput

# Beside what skops itself holds for harmless (estimators of scikit-learn by name, numpy arrays without pickle):
TRUSTED = (
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",  # the trees of gradient boosting
    "numpy.dtype",  # the name of a kind of number, which the filler of missing values keeps
)

MOST_BYTES = 512 * 1024 * 1024


def pack(payload: Mapping[str, Any]) -> bytes:
    """The bytes of a payload.

    Raises:
        BadInput: Something in it is of a type that would not be read back.
    """
    import skops.io  # noqa: PLC0415 - two seconds, which who only reads a card need not wait

    data = bytes(skops.io.dumps(dict(payload), compression=zipfile.ZIP_DEFLATED))
    strange = _strange(data)
    if strange:
        raise BadInput(f"A model holds {', '.join(strange)}, which would not be loaded again.")
    return data


def unpack(data: bytes) -> dict[str, Any]:
    """The payload of bytes. Nothing in them is run.

    Raises:
        ArtifactRefused: They are no such file, or hold a type that is not on the list.
    """
    import skops.io  # noqa: PLC0415

    if len(data) > MOST_BYTES:
        raise ArtifactRefused(f"The model's file has {len(data):,} bytes.", f"Expected {MOST_BYTES:,} at most.")
    strange = _strange(data)
    if strange:
        raise ArtifactRefused(
            f"The model's file holds {', '.join(strange)}, which is not on the list of what may be loaded.",
            remedy="It was not made by this program; train the model again.",
        )
    try:
        payload = skops.io.loads(data, trusted=list(TRUSTED))
    except Exception as error:
        raise _no_model(error) from None
    if not isinstance(payload, dict):
        raise ArtifactRefused("The model's file holds no model.", "Expected what register() has written.")
    return payload


def _strange(data: bytes) -> list[str]:
    """Types in the bytes that are not on the list."""
    import skops.io  # noqa: PLC0415

    try:
        return sorted(set(skops.io.get_untrusted_types(data=data)) - set(TRUSTED))
    except Exception as error:
        raise _no_model(error) from None


def _no_model(error: Exception) -> ArtifactRefused:
    return ArtifactRefused(
        f"The model's file cannot be read ({type(error).__name__}).",
        "Expected a skops file as this version of scikit-learn writes it.",
        "Train the model again.",
    )

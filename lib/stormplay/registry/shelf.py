"""Models' files in the store: `STORMPLAY_MODELS`, else `models` beside the embedded database (see `store.place`)."""

from __future__ import annotations

import hashlib
import hmac

from stormplay import store
from stormplay.errors import ArtifactRefused, StormplayError


def place() -> str:
    """Where models are kept."""
    return store.place("STORMPLAY_MODELS", "models")


def address(model_name: str, version: int, sha256: str) -> str:
    """A file's place below its company's folder."""
    return f"{model_name}/{version:06d}-{sha256[:16]}.skops"


def put(secret: bytes, where: str, data: bytes) -> None:
    """Write a model's file.

    Raises:
        StormplayError: It could not be written.
    """
    try:
        store.write(*store.locate(place(), secret, where), data)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise StormplayError(f"The model could not be kept: {why}.", f"Expected to write to {place()}.",
                             "Nothing of it was registered; try again.") from None  # fmt: skip


def get(secret: bytes, where: str, sha256: str) -> bytes:
    """The bytes of a model's file, if they are those that were registered.

    Raises:
        ArtifactRefused: The file is gone, or its hash is another.
    """
    files, path = store.locate(place(), secret, where)
    try:
        data = bytes(files.cat_file(path))
    except (OSError, ValueError):
        raise ArtifactRefused("The model's file is gone.", f"Expected it in {place()}.",
                              "Restore that folder from its backup, or train the model again.") from None  # fmt: skip
    if not hmac.compare_digest(hashlib.sha256(data).hexdigest(), sha256):
        raise ArtifactRefused(
            "The model's file is not the one that was registered: its hash differs.",
            f"Expected {sha256[:16]}...",
            "Somebody or something has changed it. Restore the folder from its backup, or train the model again.",
        )
    return data

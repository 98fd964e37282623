"""Files that are kept beside the database: where they are, and how they get there whole.

The place is named as fsspec does (`/srv/stormplay/pictures`, `s3://bucket/pictures`). Several companies share it, so
what is in it is encrypted or signed by who uses this module, and a company's folder tells nothing but that there is
one.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]

from stormplay import database, embedded


def place(variable: str, folder: str) -> str:
    """Where files of a kind are kept.

    Args:
        variable: The environment variable that names the place.
        folder: Where it is unset: this folder beside the embedded database, else in the person's state folder.
    """
    if database.is_embedded() and variable not in os.environ:
        return str(embedded.home() / folder)  # one folder holds all that there is
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return os.environ.get(variable) or str(Path(state) / "stormplay" / folder)


def locate(root: str, key: bytes, name: str) -> tuple[Any, str]:
    """The file system of a place and the path there of a company's file.

    Args:
        root: As `place` gives it.
        key: A secret of the company, which its folder is named after.
        name: The file's path in that folder.
    """
    files, base = fsspec.core.url_to_fs(root)
    owner = hashlib.sha256(key + b"folder").hexdigest()[:32]
    return files, f"{base.rstrip('/')}/{owner}/{name}"


def write(files: Any, path: str, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        OSError: It could not be written.
    """
    half = f"{path}.{os.urandom(8).hex()}.half"
    files.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
    files.pipe_file(half, data)
    files.mv(half, path)

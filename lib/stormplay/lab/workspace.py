"""The person's own copies of the notebooks. What they have edited is theirs: it is never overwritten."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

_NOTE = Path(".jupyter/shipped.json")  # per notebook: hashes of what was last shipped, and of what we wrote


def refresh(shipped: Path, folder: Path) -> list[str]:
    """Copy notebooks that are new, replace copies that nobody edited, and put newer ones beside edited copies.

    Args:
        shipped: The folder of the notebooks as they come.
        folder: The person's folder.

    Returns:
        A sentence for each newer notebook that was put beside an edited copy; it is put there once.
    """
    note = folder / _NOTE
    known: dict[str, str] = json.loads(note.read_text()) if note.exists() else {}
    said = []
    for source in sorted(shipped.glob("*.ipynb")):
        content, copy = source.read_bytes(), folder / source.name
        before, now = known.get(source.name), _hash(content)
        known[source.name] = now
        if not copy.exists() or _hash(copy.read_bytes()) == before:
            if before != now or not copy.exists():
                _write(copy, content)
        elif before != now and _hash(copy.read_bytes()) != now:
            beside = next(_names_beside(copy))
            _write(beside, content)
            said.append(f"{copy.name} is as you edited it; the newer one is beside it as {beside.name}.")
    note.parent.mkdir(exist_ok=True)
    _write(note, json.dumps(known, indent=1).encode())
    return said


def _names_beside(copy: Path) -> Iterator[Path]:
    """Free names for a newer notebook: name.new.ipynb, name.new2.ipynb, ..."""
    number = 1
    while True:
        beside = copy.with_name(f"{copy.stem}.new{number if number > 1 else ''}.ipynb")
        if not beside.exists():
            yield beside
        number += 1


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(path: Path, content: bytes) -> None:
    half = path.with_name(f".{path.name}.half")
    half.write_bytes(content)
    half.replace(path)

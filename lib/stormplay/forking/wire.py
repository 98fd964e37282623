"""How a nursery, its children and those who ask speak: a length, then JSON, over a pipe."""

from __future__ import annotations

import json
import os
from typing import Any

LENGTH = 4  # bytes of a number on a wire, big-endian
READY = b"r"  # said once, when all is imported


def read_message(line: int) -> dict[str, Any]:
    """One message from a pipe: its length, then JSON. Where the pipe ends instead, so does this process."""
    length = int.from_bytes(_read(line, LENGTH), "big")
    found: dict[str, Any] = json.loads(_read(line, length))
    return found


def write_message(line: int, message: dict[str, Any]) -> None:
    """Say it. Raises OSError where nobody listens any more."""
    said = json.dumps(message).encode()
    rest = memoryview(len(said).to_bytes(LENGTH, "big") + said)
    while rest:
        rest = rest[os.write(line, rest) :]


def _read(line: int, count: int) -> bytes:
    read = b""
    while len(read) < count:
        if not (more := os.read(line, count - len(read))):
            os._exit(1)
        read += more
    return read

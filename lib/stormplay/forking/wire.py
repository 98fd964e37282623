"""How a nursery, its children and those who ask speak: a length, then JSON, over a pipe."""

from __future__ import annotations

import json
import os
import select
import time
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


def receive(line: int, until_s: float) -> dict[str, Any] | None:
    """One message from the other side, which may take its time.

    Args:
        line: The end of a pair of sockets.
        until_s: How long to wait, as `time.monotonic` counts.

    Returns:
        The message; None where the time is over, or the other side has ended without it.
    """
    ready, read, wanted = select.poll(), b"", LENGTH
    ready.register(line, select.POLLIN)
    while len(read) < wanted:
        left_s = until_s - time.monotonic()
        if left_s <= 0 or not ready.poll(1_000 * left_s):
            return None
        try:
            more = os.read(line, wanted - len(read))
        except ConnectionResetError:
            return None
        if not more:
            return None
        read += more
        if wanted == LENGTH and len(read) == LENGTH:
            wanted += int.from_bytes(read, "big")
    found: dict[str, Any] = json.loads(read[LENGTH:])
    return found

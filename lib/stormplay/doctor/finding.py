"""One answer of one check, and the situation that checks are asked of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.engine import Connection

WELL, WARNING, WRONG, UNKNOWN = "well", "warning", "wrong", "unknown"
_ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Finding:
    """What one check has found.

    Attributes:
        state: 'well', 'warning' (it goes on, but not for ever), 'wrong' (something does not work), or 'unknown' (it
            could not be looked at, which is said, and why).
        said: What is so, in a sentence, without a secret and without a company's rows.
        remedy: What to do; '' where nothing is to be done.
    """

    state: str
    said: str
    remedy: str = ""
    check: str = ""


@dataclass
class Situation:
    """Where and with which limits it is looked. The defaults are those of the command; a test plants its faults here.

    Attributes:
        port, ip: Where the server listens or is to listen.
        lock: The locked versions, where this is a checkout.
        meminfo: Where Linux says how much memory there is.
        server_env: The file that systemd reads the server's secrets from.
        least_disk, tight_disk: Bytes free, below which nothing works for long, and below which it becomes tight.
        least_memory, tight_memory: Likewise for memory that can be had now.
        now: The machine's clock.
        connection: The database, while it answers.
        is_superuser: Whether that connection may read the catalogue and all rows.
    """

    port: int = 8866
    ip: str = "127.0.0.1"
    lock: Path = _ROOT / "requirements.lock"
    meminfo: Path = Path("/proc/meminfo")
    server_env: Path = Path("/etc/stormplay/server.env")
    least_disk: int = 1_000_000_000
    tight_disk: int = 5_000_000_000
    least_memory: int = 300_000_000
    tight_memory: int = 1_000_000_000
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    connection: Connection | None = None
    is_superuser: bool = False


Check = Callable[[Situation], "Finding | Iterable[Finding]"]


def size(count: float) -> str:
    """A number of bytes in words.

    >>> size(12_345_678), size(2_600_000_000)
    ('12 MB', '2.6 GB')
    """
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"

"""How many events came when: counted once, though they are looked at again and again. Pure.

A storm of ten million events must not be counted anew twice a second. What was committed before the oldest running
transaction never changes any more and is added up for good; the rest is counted at every look.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

STEP = timedelta(seconds=5)  # the width of a bin
KEPT = timedelta(hours=1)  # bins older than this are only totals

Bin = tuple[str, bool, datetime | None]
"""Type of an event, whether it changed nothing, and when its bin begins (None: longer ago than `KEPT`)."""


@dataclass
class Tally:
    """Events by type and time.

    Attributes:
        settled: Of transactions that are over for good.
        passing: Of those that may still grow; replaced at each look.
    """

    settled: Counter[Bin] = field(default_factory=Counter)
    passing: Counter[Bin] = field(default_factory=Counter)

    def take(self, rows: Iterable[tuple[str, bool, datetime | None, bool, int]], now: datetime) -> None:
        """Add what a look has found.

        Args:
            rows: Type, whether superseded, when the bin begins, whether its transactions are over for good, how many.
            now: The moment of the look; bins older than `KEPT` become totals.
        """
        self.passing = Counter()
        for kind, superseded, begins, is_settled, count in rows:
            (self.settled if is_settled else self.passing)[kind, superseded, begins] += count
        for old in [key for key in self.settled if key[2] is not None and key[2] < now - KEPT]:
            self.settled[old[0], old[1], None] += self.settled.pop(old)

    def by_type(self, since: datetime | None = None) -> dict[str, int]:
        """Events of each type: all, or those whose bin begins after a moment."""
        found: Counter[str] = Counter()
        for (kind, _, begins), count in self._bins():
            if since is None or (begins is not None and begins > since):
                found[kind] += count
        return dict(found)

    @property
    def superseded(self) -> int:
        """Events that changed nothing, since something newer was known."""
        return sum(count for (_, superseded, _), count in self._bins() if superseded)

    def minutes(self, now: datetime, back: int) -> list[tuple[datetime, dict[str, int]]]:
        """Events of each type in each of the last so many minutes, oldest first; the last minute has just begun."""
        last = now.astimezone(UTC).replace(second=0, microsecond=0)
        starts = [last - timedelta(minutes=k) for k in range(back - 1, -1, -1)]
        found: dict[datetime, Counter[str]] = {start: Counter() for start in starts}
        for (kind, _, begins), count in self._bins():
            if begins is not None and (start := begins.astimezone(UTC).replace(second=0, microsecond=0)) in found:
                found[start][kind] += count
        return [(start, dict(counts)) for start, counts in found.items()]

    def _bins(self) -> Iterable[tuple[Bin, int]]:
        yield from self.settled.items()
        yield from self.passing.items()

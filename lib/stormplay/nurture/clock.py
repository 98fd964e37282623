"""Local time of many homes at once, exact over every change of the clocks. Pure.

Times are whole seconds since 1970 (UTC); a local time is the same count read off the wall clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from stormplay.nurture.rules import Hours

Seconds = NDArray[np.int64]
DAY = 86_400
HOUR = 3_600
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_THURSDAY = 3  # 1 January 1970, Monday being 0


@lru_cache(maxsize=1_024)
def zone(name: str) -> ZoneInfo | None:
    """The time zone of an IANA name; None where there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # no such file, a folder, a path that leads out
        return None


class Clock:
    """The wall clocks of some zones over a stretch of time.

    Args:
        names: IANA names, each good (see `zone`).
        begin_s, end_s: The stretch; times outside it read the offset at its ends.
    """

    def __init__(self, names: Sequence[str], begin_s: int, end_s: int) -> None:
        block = 32 * DAY  # so that calls of one day share what was found
        first, last = begin_s // block * block, -(-end_s // block) * block
        self._changes = [_changes(name, first, last) for name in names]

    def offset(self, at: NDArray[np.intp], times: Seconds) -> Seconds:
        """Seconds that the wall clock of zone number `at[i]` is ahead of UTC at `times[i]`."""
        found = np.zeros(times.shape, dtype=np.int64)
        for number in np.unique(at):
            since, ahead = self._changes[number]
            mine = at == number
            found[mine] = ahead[np.maximum(np.searchsorted(since, times[mine], side="right") - 1, 0)]
        return found

    def local(self, at: NDArray[np.intp], times: Seconds) -> Seconds:
        """Wall clock times."""
        return times + self.offset(at, times)

    def utc(self, at: NDArray[np.intp], local: Seconds) -> Seconds:
        """The moment of a wall clock time; where the clocks skip it, the moment as long after the change."""
        early, late = self.offset(at, local - 15 * HOUR), self.offset(at, local + 15 * HOUR)
        first, second = local - early, local - late
        exact_first = self.offset(at, first) == early
        exact_second = self.offset(at, second) == late
        return np.where(exact_first, first, np.where(exact_second, second, np.maximum(first, second)))

    def is_open(self, at: NDArray[np.intp], times: Seconds, hours: Hours | None) -> NDArray[np.bool_]:
        """Whether a channel with these hours may be used."""
        if hours is None:
            return np.ones(times.shape, dtype=bool)
        day, second = np.divmod(self.local(at, times), DAY)
        return (second >= _opening(day, hours)) & (second < round(hours.closes * HOUR))

    def next_open(self, at: NDArray[np.intp], times: Seconds, hours: Hours | None) -> Seconds:
        """The first moment from `times[i]` on at which a channel with these hours may be used."""
        found = times.copy()
        if hours is None:
            return found
        closed = np.flatnonzero(~self.is_open(at, found, hours))
        while closed.size:  # once, or twice where the clocks change meanwhile
            day, second = np.divmod(self.local(at[closed], found[closed]), DAY)
            day = day + (second >= round(hours.closes * HOUR))
            opening = self.utc(at[closed], day * DAY + _opening(day, hours))
            found[closed] = np.where(opening > found[closed], opening, found[closed] + 60)
            closed = closed[~self.is_open(at[closed], found[closed], hours)]
        return found


def _opening(day: Seconds, hours: Hours) -> Seconds:
    """Second of the day at which a day opens."""
    usual = round(hours.opens * HOUR)
    sunday = usual if hours.sunday_opens is None else max(usual, round(hours.sunday_opens * HOUR))
    return np.where((day + _THURSDAY) % 7 == 6, sunday, usual).astype(np.int64)


@lru_cache(maxsize=1_024)
def _changes(name: str, begin_s: int, end_s: int) -> tuple[Seconds, Seconds]:
    """From when on which offset holds: seconds since 1970 (the first reaches back for ever), seconds ahead of UTC."""
    found = zone(name) or UTC
    since, ahead = [begin_s], [_ahead(found, begin_s)]
    for left in range(begin_s, end_s, DAY // 2):
        right = left + DAY // 2
        if _ahead(found, right) != ahead[-1]:
            low = left
            while right - low > 1:
                middle = (low + right) // 2
                low, right = (middle, right) if _ahead(found, middle) == ahead[-1] else (low, middle)
            since.append(right)
            ahead.append(_ahead(found, right))
    return np.array(since, dtype=np.int64), np.array(ahead, dtype=np.int64)


def _ahead(found: tzinfo, at_s: int) -> int:
    offset = (_EPOCH + timedelta(seconds=at_s)).astimezone(found).utcoffset()
    return round((offset or timedelta()).total_seconds())

"""A frame of journeys, checked and as flat arrays: one number a touch, one place a journey."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stormplay.errors import BadInput

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Small = NDArray[np.integer[Any]]  # bytes where the channels are few: less memory to go through

NUMBERS = ("conversions", "nulls", "value")
COLUMNS = ("path", *NUMBERS)
DAYS = "days"

# The Markov chain inverts a matrix of channels by channels. Who has more has given campaign or click ids.
MAX_CHANNELS = 2_000

BLOCK = 4_096  # journeys looked at together
FEW = 256  # channels that a byte can count


@dataclass(frozen=True)
class Journeys:
    """Journeys of at least one touch each, those of one path in a row of their own or together.

    Attributes:
        channels: Names, each once, in the order of their first touch.
        touch: The channel of every touch as its place in `channels`, journey after journey.
        starts: Where each journey begins in `touch`; the first is 0.
        lengths: Touches of each journey, 1 or more.
        conversions, nulls, value: Per journey: how many converted, how many did not, what those that did brought.
        days: The moment of every touch in days, or None.
    """

    channels: list[str]
    touch: Ints
    starts: Ints
    lengths: Ints
    conversions: Floats
    nulls: Floats
    value: Floats
    days: Floats | None = None

    @cached_property
    def journey(self) -> Ints:
        """The journey of every touch."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    @cached_property
    def amounts(self) -> tuple[Floats, Floats]:
        """The conversions and the value of every touch's journey."""
        return np.repeat(self.conversions, self.lengths), np.repeat(self.value, self.lengths)


def read(journeys: pd.DataFrame, *, with_days: bool = False) -> Journeys:
    """Check a frame and read it; journeys that share a path come out together.

    Args:
        journeys: Columns path (a list of channel names, in order of time), conversions and nulls (how many journeys
            of this path converted and how many did not, 0 or more), value (what the conversions brought, 0 or more,
            in any one unit); perhaps days (the moment of each touch, in days from any one moment, not falling).
        with_days: Whether the days are wanted; each journey then keeps a row of its own.

    Raises:
        BadInput: A column is missing or unknown, a path is empty or no list of names, a number is none or negative.
    """
    _check_columns(journeys, with_days=with_days)
    channels, touch, lengths = _paths(journeys["path"])
    starts = np.cumsum(lengths) - lengths
    conversions, nulls, value = (_amounts(journeys[name]) for name in NUMBERS)
    if with_days:
        days = _days(journeys, lengths, starts)
        return Journeys(channels, touch.astype(np.int64), starts, lengths, conversions, nulls, value, days)
    return _together(channels, touch, starts, lengths, (conversions, nulls, value))


def _together(channels: list[str], touch: Small, starts: Ints, lengths: Ints, amounts: tuple[Floats, ...]) -> Journeys:
    """Journeys with those of one path in one row, so that a path is worked on once however often it was walked."""
    if not len(lengths):
        return Journeys(channels, touch.astype(np.int64), starts, lengths, *amounts)
    group, distinct = pd.factorize(_keys(len(channels), touch, starts, lengths))
    first = np.empty(len(distinct), dtype=np.int64)
    first[group[::-1]] = np.arange(len(group))[::-1]
    own = lengths[first]
    begin = np.cumsum(own) - own
    taken = np.arange(int(own.sum())) + np.repeat(starts[first] - begin, own)
    sums = [summed(group, each, len(first)) for each in amounts]
    return Journeys(channels, touch[taken].astype(np.int64), begin, own, *sums)


def _keys(channels: int, touch: Small, starts: Ints, lengths: Ints) -> Ints:
    """A whole number for each path, whose digits are its channels; a path too long for 63 bits has one of its own.

    Place by place over the journeys that go on, which needs little memory at a time.
    """
    base, digits = channels + 1, 1
    while base ** (digits + 1) < 2**63:
        digits += 1
    keys = touch[starts].astype(np.int64) + 1
    on = np.flatnonzero(lengths > 1)
    for place in range(1, digits):
        if not len(on):
            break
        keys[on] += (touch[starts[on] + place].astype(np.int64) + 1) * base**place
        on = on[lengths[on] > place + 1]
    keys[on] = -1 - on
    return keys


def summed(place: NDArray[np.integer], amounts: Floats, size: int) -> Floats:
    """The sum of the amounts of each place, 0 to size - 1."""
    return np.asarray(np.bincount(place, amounts, size), dtype=np.float64)


# ---- checks


def _check_columns(journeys: object, *, with_days: bool) -> None:
    expected = "Expected a DataFrame with the columns path, conversions, nulls and value."
    if not isinstance(journeys, pd.DataFrame):
        raise BadInput(f"The journeys came as {type(journeys).__name__}.", expected)
    names = [str(name) for name in journeys.columns]
    wanted = (*COLUMNS, DAYS) if with_days else COLUMNS
    missing = [name for name in wanted if name not in names]
    if missing:
        remedy = "Without the days of the touches, ask for time decay by steps." if missing == [DAYS] else ""
        raise BadInput(f"The journeys have no column {', '.join(missing)}.", expected, remedy)
    unknown = [name for name in names if name not in (*COLUMNS, DAYS)]
    if unknown:
        raise BadInput(f"The journeys have unknown columns: {', '.join(unknown)}.", expected, "Leave them out.")
    if len(set(names)) < len(names):
        raise BadInput("The journeys have a column twice.", expected)


def _paths(column: pd.Series) -> tuple[list[str], Small, Ints]:
    """Channels, the channel of every touch (in bytes where there are few), and the touches of each journey.

    Block by block, since a million lists lie far apart in memory: what was fetched to look at a list's kind and
    length is still near when its names are looked up.
    """
    cells = column.to_numpy(dtype=object)
    numbers, lengths = _Numbers(), np.zeros(len(cells), dtype=np.int64)
    touch: list[Small] = [np.zeros(0, dtype=np.uint8)]
    for begin in range(0, len(cells), BLOCK):
        paths = cells[begin : begin + BLOCK].tolist()
        labels = column.index[begin : begin + BLOCK]
        length = _lengths(paths, labels)
        lengths[begin : begin + BLOCK] = length
        touch.append(_numbered(numbers, paths, int(length.sum())))
    return [str(name) for name in numbers], np.concatenate(touch), lengths


def _lengths(paths: list[Any], labels: pd.Index) -> Ints:
    strange = [kind for kind in set(map(type, paths)) if not issubclass(kind, list | tuple | np.ndarray)]
    if strange:
        row = next(row for row, path in enumerate(paths) if type(path) in strange)
        raise BadInput(
            f"The path of journey {labels[row]} is {_shown(paths[row])}.",
            "Expected a list of channel names in order of time, such as ['door', 'call'].",
            "A text such as 'door>call' becomes one with str.split('>').",
        )
    lengths = np.fromiter(map(len, paths), dtype=np.int64, count=len(paths))
    if lengths.min() == 0:
        raise BadInput(
            f"The path of journey {labels[int(lengths.argmin())]} is empty.",
            "Expected at least one touch.",
            "Leave journeys without a touch out: there is nothing that could be credited.",
        )
    return lengths


class _Numbers(dict[str, int]):
    """Channel -> its number, given at the first touch; only then is the name looked at."""

    def __missing__(self, name: object) -> int:
        if not isinstance(name, str) or not name.strip():
            raise BadInput(f"A path has {_shown(name)} for a channel.", "Expected a name, such as 'door'.")
        if len(self) == MAX_CHANNELS:
            raise BadInput(
                f"The journeys have more than {MAX_CHANNELS:,} channels.",
                "A channel is a way to reach people: a door, a call, a letter.",
                "Give the channel of each touch, not its campaign or its id.",
            )
        number = self[name] = len(self)
        return number


def _numbered(numbers: _Numbers, paths: list[Any], touches: int) -> Small:
    try:
        # One look-up a touch and no list between: these lines are most of what a million journeys cost.
        if len(numbers) <= FEW:
            with suppress(ValueError):  # more channels have come than a byte can count
                return np.frombuffer(bytes(map(numbers.__getitem__, chain.from_iterable(paths))), dtype=np.uint8)
        return np.fromiter(map(numbers.__getitem__, chain.from_iterable(paths)), dtype=np.int64, count=touches)
    except TypeError:  # a list within a path, say, which no dictionary can look up
        raise BadInput("A path has something for a channel that is no name.", "Expected names, as 'door'.") from None


def _amounts(column: pd.Series) -> Floats:
    name = str(column.name)
    is_number = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_complex_dtype(column.dtype)
    if len(column) and not is_number:  # an empty column has no type yet
        raise BadInput(f"The column {name} has {column.dtype} values.", "Expected numbers, 0 or more.")
    amounts = column.to_numpy(dtype=np.float64, na_value=np.nan)
    _refuse(column, np.isnan(amounts), "has no")
    _refuse(column, np.isinf(amounts), "has an infinite")
    _refuse(column, amounts < 0, "has a negative")
    with np.errstate(over="ignore"):
        total = amounts.sum()
    if not np.isfinite(total):
        raise BadInput(f"The column {name} adds up to more than a number can hold.", "Expected smaller amounts.")
    return amounts


def _refuse(column: pd.Series, is_bad: NDArray[np.bool_], words: str) -> None:
    if is_bad.any():
        label = column.index[int(is_bad.argmax())]
        raise BadInput(f"Journey {label} {words} {column.name}.", "Expected numbers, 0 or more, in every row.")


def _days(journeys: pd.DataFrame, lengths: Ints, starts: Ints) -> Floats:
    rows = journeys[DAYS].tolist()
    given = [_count(row) for row in rows]
    for label, have, wanted in zip(journeys.index, given, lengths.tolist(), strict=True):
        if have != wanted:
            raise BadInput(f"Journey {label} has {have} days for {wanted} touches.", "Expected one for each touch.")
    try:
        days = np.fromiter(chain.from_iterable(rows), dtype=np.float64, count=int(lengths.sum()))
    except (TypeError, ValueError):
        raise BadInput("The days of a journey are no numbers.", "Expected days as numbers, from any moment.") from None
    falls = np.diff(days, prepend=days[:1]) < 0
    falls[starts] = False
    bad = np.flatnonzero(falls | ~np.isfinite(days))
    if len(bad):
        label = journeys.index[int(np.searchsorted(starts, bad[0], side="right")) - 1]
        raise BadInput(f"The days of journey {label} are not in order of time.", "Expected numbers that do not fall.")
    return days


def _count(row: object) -> int:
    return len(row) if isinstance(row, Sequence | np.ndarray) and not isinstance(row, str) else 0


def _shown(value: object) -> str:
    words = repr(value)
    return words if len(words) <= 40 else f"{words[:37]}..."

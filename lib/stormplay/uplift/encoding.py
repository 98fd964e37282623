"""Columns of numbers and words as one matrix of numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from stormplay.errors import BadInput, WrongColumns

Floats = NDArray[np.float64]

MOST_WORDS = 20
"""Words of a text column that get a column of their own, the most frequent ones; all others count as one."""


@dataclass(frozen=True)
class Column:
    """How a column is read: its name, whether it holds words, and which of them have a column of their own."""

    name: str
    is_text: bool
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Encoding:
    """Columns as they were when a model was fitted; the same at each prediction."""

    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(column.name for column in self.columns)

    @classmethod
    def learn(cls, table: pd.DataFrame) -> Encoding:
        """Look at columns for the first time (`as_table`).

        Raises:
            WrongColumns: A column holds dates or infinite numbers.
        """
        return cls(tuple(_learned(str(name), table[name]) for name in table.columns))

    def table(self, features: pd.DataFrame | ArrayLike) -> pd.DataFrame:
        """The columns that the model was fitted on, in their order.

        Raises:
            WrongColumns: One is missing, or there is one that the model has never seen.
        """
        table = as_table(features)
        missing, unseen = set(self.names) - set(table.columns), set(table.columns) - set(self.names)
        if missing or unseen:
            said = [f"without {_listed(missing)}"] if missing else []
            said += [f"with {_listed(unseen)}, which it has never seen"] if unseen else []
            raise WrongColumns(
                f"The model is asked {' and '.join(said)}.", f"Expected the columns {', '.join(self.names)}."
            )
        return table[list(self.names)]

    def matrix(self, features: pd.DataFrame | ArrayLike) -> Floats:
        """One row a home: numbers as they are (NaN for missing), a 0/1 column a word.

        Raises:
            WrongColumns: The columns are not those that were learnt, or one holds what it did not hold then.
        """
        table = self.table(features)
        parts = [_columns_of(column, table[column.name]) for column in self.columns]
        return np.column_stack(parts) if parts else np.empty((len(table), 0))

    def to_plain(self) -> list[dict[str, Any]]:
        """As plain data, for a file; `from_plain` reads it."""
        return [{"name": one.name, "is_text": one.is_text, "words": list(one.words)} for one in self.columns]

    @classmethod
    def from_plain(cls, given: Sequence[Mapping[str, Any]]) -> Encoding:
        """From what `to_plain` returned."""
        return cls(tuple(Column(one["name"], one["is_text"], tuple(one["words"])) for one in given))


def as_table(features: pd.DataFrame | ArrayLike) -> pd.DataFrame:
    """Features as a frame with text names and rows numbered from 0; the columns of an array are x0, x1, ...

    Raises:
        BadInput: It has not two dimensions, or two columns of one name.
    """
    if isinstance(features, pd.DataFrame):
        table = features.reset_index(drop=True).rename(columns=str)
    else:
        values = np.asarray(features)
        if values.ndim != 2:
            raise BadInput(f"The features have {values.ndim} dimensions.", "Expected rows and columns.")
        table = pd.DataFrame(values, columns=[f"x{place}" for place in range(values.shape[1])])
    if table.columns.has_duplicates:
        twice = table.columns[table.columns.duplicated()][0]
        raise BadInput(f"There are two columns '{twice}'.", "Expected each name once.")
    return table


def numbers(name: str, values: pd.Series) -> Floats:
    """A column's values as floats, NaN for missing.

    Raises:
        WrongColumns: A value is no number, or infinite.
    """
    try:
        found = np.asarray(pd.to_numeric(values).to_numpy(dtype=np.float64, na_value=np.nan))
    except (TypeError, ValueError):
        raise WrongColumns(f"The column '{name}' holds something else than numbers.", "Expected numbers.") from None
    if np.isinf(found).any():
        raise WrongColumns(f"The column '{name}' holds an infinite number.", "Expected finite numbers, or none.")
    return found


def words(values: pd.Series) -> pd.Series:
    """A column's values as text, None for missing."""
    return values.astype(object).where(values.notna(), None).map(lambda value: None if value is None else str(value))


def _learned(name: str, values: pd.Series) -> Column:
    if pd.api.types.is_datetime64_any_dtype(values) or pd.api.types.is_timedelta64_dtype(values):
        raise WrongColumns(f"The column '{name}' holds dates.", "Expected numbers or words; an age in days, say.")
    if not _is_text(values):
        numbers(name, values)
        return Column(name, is_text=False)
    counts = words(values).value_counts()
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return Column(name, is_text=True, words=tuple(str(word) for word, _ in ranked[:MOST_WORDS]))


def _is_text(values: pd.Series) -> bool:
    """Whether a column is one of words. Objects that are all numbers (Decimal, mixed) are none."""
    if pd.api.types.is_bool_dtype(values) or pd.api.types.is_numeric_dtype(values):
        return False
    there = values.dropna()
    if there.map(lambda value: isinstance(value, str)).any() or isinstance(values.dtype, pd.CategoricalDtype):
        return True
    try:
        pd.to_numeric(there)
    except (TypeError, ValueError):
        return True
    return False


def _columns_of(column: Column, values: pd.Series) -> Floats:
    if not column.is_text:
        return numbers(column.name, values).reshape(-1, 1)
    there = values.dropna()
    if len(there) and not _is_text(values):
        raise WrongColumns(f"The column '{column.name}' holds numbers.", "Expected words, as when it was fitted.")
    codes = word_codes(column, values)
    return np.asarray(codes[:, None] == np.arange(len(column.words)), dtype=np.float64)


def word_codes(column: Column, values: pd.Series) -> NDArray[np.int64]:
    """The place of each value among the column's words; their number for any other word, one more for missing."""
    distinct, names = pd.factorize(values)  # each distinct value is looked up once
    places = {word: place for place, word in enumerate(column.words)}
    found = np.array([places.get(str(name), len(places)) for name in names] + [len(places) + 1], dtype=np.int64)
    return np.asarray(found[distinct])


def _listed(names: Iterable[str]) -> str:
    shown = sorted(names)
    more = f" and {len(shown) - 5} more" if len(shown) > 5 else ""
    return ", ".join(f"'{name}'" for name in shown[:5]) + more

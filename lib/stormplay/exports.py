"""What leaves the building: files that open safely in the tools that crews and offices have."""

from __future__ import annotations

import csv
import io
import math

import pandas as pd

# A spreadsheet takes a cell that begins like this for a formula, quoted or not (OWASP, 'CSV Injection').
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe_cell(value: object) -> object:
    """A cell that no spreadsheet runs: text that begins like a formula gets an apostrophe in front.

    Numbers are left alone, so that a column of them stays one. A missing value becomes ''.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA_STARTS):
        return "'" + value
    return value


def to_csv(rows: pd.DataFrame) -> str:
    """A DataFrame as RFC 4180 CSV (CRLF, quotes where needed), safe against formula injection.

    Args:
        rows: Any frame; its index is left out.

    Returns:
        The text, with a header line; header only where there are no rows.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([safe_cell(str(name)) for name in rows.columns])
    plain = rows.astype(object).where(rows.notna(), None)
    writer.writerows([safe_cell(value) for value in row] for row in plain.itertuples(index=False, name=None))
    return text.getvalue()

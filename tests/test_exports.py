"""CSV that no spreadsheet runs and every parser reads back."""

from __future__ import annotations

import csv
import io

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from stormplay import exports

CELL = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)


@given(st.lists(CELL, min_size=1, max_size=8))
def test_no_cell_begins_like_a_formula_and_nothing_is_lost(cells):
    read = list(csv.reader(io.StringIO(exports.to_csv(pd.DataFrame({"a": cells})), newline="")))[1:]
    back = [row[0] if row else "" for row in read]
    assert len(back) == len(cells)
    for cell, kept in zip(cells, back, strict=True):
        assert not kept.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
        assert kept in (cell, "'" + cell)


def test_the_classic_payload_is_text_and_a_number_stays_one():
    text = exports.to_csv(pd.DataFrame({"note": ['=HYPERLINK("x")', "fine"], "longitude": [-97.3, None]}))
    assert text == 'note,longitude\r\n"\'=HYPERLINK(""x"")",-97.3\r\nfine,\r\n'


def test_no_rows_is_a_header():
    assert exports.to_csv(pd.DataFrame({"a": [], "b": []})) == "a,b\r\n"

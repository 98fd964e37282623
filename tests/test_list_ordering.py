"""A list is ordered by what it knows, and by nothing else that somebody writes."""

from __future__ import annotations

import pytest

from stormplay.errors import BadInput
from stormplay.ordering import order_by

KNOWN = {"zip": "p.zip_code"}


def test_the_usual_order_stands_until_one_is_chosen():
    assert order_by(None, KNOWN, "p.address", "p.id") == "p.address"
    assert order_by(("zip", True), KNOWN, "p.address", "p.id") == "p.zip_code ASC NULLS LAST, p.id"


@pytest.mark.parametrize("name", ["", "p.zip_code", "zip; DROP TABLE jobs", "ZIP"])
def test_what_is_not_listed_is_refused(name):
    with pytest.raises(BadInput, match="Expected one of zip"):
        order_by((name, True), KNOWN, "p.address", "p.id")

"""A damage record documents damage; what would handle a claim is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormplay.errors import BadInput
from stormplay.jobs.claim import ClaimIntel, checked


def test_what_the_seed_writes_is_kept_as_it_is():
    assert checked({"damage_type": "hail", "severity": "High"}) == {"damage_type": "hail", "severity": "High"}


def test_words_are_taken_however_they_are_capitalised():
    assert checked({"severity": "high ", "roof_material": "Asphalt Shingle"}) == {
        "severity": "High", "roof_material": "asphalt shingle"
    }  # fmt: skip


def test_a_full_record():
    full = {
        "damage_type": "hail and wind", "severity": "Moderate", "hail_in": 1.75, "roof_age_years": 12.0,
        "test_squares": [{"slope": "south", "hits": 9, "square_ft": 100.0}], "roof_material": "tile",
        "soft_metal_hits": True, "evidence": ["https://example.org/a.jpg"], "inspected_on": "2021-05-03",
    }  # fmt: skip
    assert checked(full) == full


@pytest.mark.parametrize("field", ["claim_number", "insurer_name", "deductible", "adjuster_phone", "settlement", "ACV"])
def test_claim_handling_has_no_place(field):
    with pytest.raises(BadInput, match="it never handles a claim"):
        checked({"damage_type": "hail", field: "x"})


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ({"severity": "Terrible"}, "'severity' is 'Terrible'. Expected"),
        ({"colour": "red"}, "has no field 'colour'. Expected damage_type"),
        ({"hail_in": 90}, "'hail_in' is 90"),
        ({"hail_in": "1.5"}, "'hail_in' is '1.5'"),
        ({"test_squares": [{"slope": "south", "hits": -1}]}, r"'test_squares.0.hits' is -1"),
        ({"test_squares": [{"slope": "up", "hits": 1}]}, r"'test_squares.0.slope' is 'up'"),
        ({"evidence": ["javascript:alert(1)"]}, r"'evidence.0' is 'javascript"),
        ({"evidence": ["http://x"]}, r"'evidence.0'"),
        ({"inspected_on": "yesterday"}, "'inspected_on' is 'yesterday'"),
        ([], "The damage record is list"),
    ],
)
def test_what_does_not_fit_is_named_with_what_was_expected(record, sentence):
    with pytest.raises(BadInput, match=sentence):
        checked(record)


@given(st.dictionaries(st.text(max_size=12), st.none() | st.integers() | st.text(max_size=8) | st.lists(st.text())))
def test_anything_else_is_a_sentence_or_fits(record):
    try:
        found = checked(record)
    except BadInput as error:
        assert str(error)
    else:
        assert set(found) <= set(ClaimIntel.model_fields)
        assert checked(found) == found

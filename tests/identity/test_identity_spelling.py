"""One spelling for many; the shortcuts say what the libraries say."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scourgify import normalize_address_record

from stormplay.errors import BadInput
from stormplay.identity import contacts, places
from stormplay.identity.kinds import Rules
from stormplay.identity.normal import normal


@settings(max_examples=300, deadline=None)
@given(st.from_regex(r"\A(\+?1[ .-]?)?\(?[0-9]{3}\)?[ .-]?[0-9]{3}[ .-]?[0-9]{4}\Z"))
def test_a_number_is_what_phonenumbers_says(written):
    try:
        parsed = phonenumbers.parse(written, "US")
        expected = (phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
                    if phonenumbers.is_valid_number(parsed) else None)  # fmt: skip
    except phonenumbers.NumberParseException:
        expected = None
    assert contacts.phone(written) == expected


@pytest.mark.parametrize(("written", "value"), [
    ("817.555.0142 x12", "+18175550142"), ("+44 20 7946 0958", "+442079460958"), ("000-000-0000", None),
    ("555-0142", None), ("call me", None), ("", None),
])  # fmt: skip
def test_numbers(written, value):
    found = normal("phone", written)
    assert (found and found.value) == value


@pytest.mark.parametrize(("written", "value"), [
    ("Ana.Torres+roof@gmail.com", "anatorres@gmail.com"), ("ANA.torres@GoogleMail.com", "anatorres@gmail.com"),
    ("Ana.Torres+roof@outlook.com", "ana.torres@outlook.com"),
    ("Ana.Torres+roof@firm.example.com", "ana.torres+roof@firm.example.com"),
    ("o'neil@example.com", "o'neil@example.com"), ("ana at example.com", None), ("a..b@example.com", None),
    ("ana@localhost", None),
])  # fmt: skip
def test_emails(written, value):
    assert contacts.email(written) == value


@pytest.mark.parametrize("written", [
    "3213 Clerestory Lane", "3213 CLERESTORY LN", "3213  clerestory ln.", "3213 Clerestory Ln, Keller, TX 76248",
])  # fmt: skip
def test_addresses(written):
    assert places.address(written, "Keller", "76248-1234").key == "3213 CLERESTORY LN|76248"


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 99_999), st.sampled_from(["Oak", "Saint Louis", "N Main", "West Elm", "Martin Luther King"]),
       st.sampled_from(["St", "Street", "Boulevard", "Trail", "Ct", "Way"]))  # fmt: skip
def test_a_street_that_is_known_is_read_as_the_library_reads_it(number, name, suffix):
    written = f"{number} {name} {suffix}"
    assert places.address(written).line == normalize_address_record(written)["address_line_1"]


@pytest.mark.parametrize(("written", "parts"), [
    ("Torres, Ana", ("ANA", "TORRES")), ("Ana Torres Jr.", ("ANA", "TORRES")), ("Dr. José O'Brien", ("JOSE", "OBRIEN")),
    ("Madonna", ("", "MADONNA")), ("", ("", "")), ("John & Mary Smith", ("JOHN MARY", "SMITH")),
])  # fmt: skip
def test_names(written, parts):
    assert places.name(written) == parts


def test_units_are_told_apart_and_no_address_is_none():
    assert (
        places.address("12 Main St Apt 4", None, "76248").key != places.address("12 Main St Apt 5", None, "76248").key
    )
    assert places.address("", "Keller") is None
    assert normal("name_address", "no address here") is None


def test_rules_that_cannot_be_meant_are_refused():
    for wrong in ({"limits": {"phone": 0}}, {"limits": {"fax": 2}}, {"most_households": 0},
                  {"review_from": 0.9, "apply_from": 0.8}):  # fmt: skip
        with pytest.raises(BadInput):
            Rules(**wrong)
    assert Rules.from_json(Rules(limits={"phone": 2}).to_json()).limit("phone") == 2
    assert Rules.from_json({"limits": {"phone": 2}}).limit("email") == 4

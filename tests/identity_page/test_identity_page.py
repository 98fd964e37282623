"""The page of households and credit over a real database: look up, open, merge, take apart, answer, tell, forget."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from html import unescape
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from sqlalchemy import text
from world import guests, make_world

from stormplay import (
    AttributionEngine,
    BehavioralProfileService,
    IdentityGraph,
    StormPlayScore,
    accounts,
    controls,
    identity,
    list_storms,
    reports,
    tenancy,
)
from stormplay.errors import DatabaseUnavailable

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "identity_attribution.ipynb"
SECTIONS = ("header", "answer", "choose", "look_up", "household", "compared", "caused", "ledger", "review")
PHONES = {0: "817-555-0142", 1: "(817) 555.0142", 2: "682 555 0111", 3: "214-555-0100", 4: "214-555-0100",
          5: "214-555-0100", 6: "214-555-0100", 7: "214-555-0100"}  # fmt: skip
EVIL = "<img src=x onerror='window.hacked=1'>"


@pytest.fixture(autouse=True)
def no_address(monkeypatch):
    for name in ("QUERY_STRING", "SERVER_SOFTWARE", "VOILA_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def world(database):
    """Twelve homes: two of one owner by telephone, five under an office's number, one whose owner has refused calls."""
    made = make_world(treat=9, hold_out=3, skip=0, suppressed=0, without_place=0)
    homes = made.properties["property_id"].tolist()
    named = text("UPDATE properties SET owner_name = :owner, phone = :phone WHERE property_id = :id")
    touched = pd.to_datetime(["2021-05-03", "2021-05-04", "2021-05-05"], utc=True)
    signed = pd.to_datetime(["2021-06-01", "2021-06-01"], utc=True)
    storm = {"storm_id": made.storm_id}
    with tenancy.session(made.tenant) as connection:
        for n, home in enumerate(homes):
            owner = f"Owner{EVIL if n == 8 else ''} Number{n}"
            connection.execute(named, {"id": home, "owner": owner, "phone": PHONES.get(n)})
        tenancy.insert(connection, "customer_journeys", pd.DataFrame({
            "property_id": homes[:3], "channel": ["door", "call", "door"], "timestamp": touched, **storm}))  # fmt: skip
        tenancy.insert(connection, "policy_outcomes", pd.DataFrame({
            "property_id": [homes[0], homes[2]], "actual_converted": True, "value_cents": [900_000, 1_100_000],
            "observed_at": signed, **storm}))  # fmt: skip
        tenancy.insert(connection, "suppressions", pd.DataFrame({
            "property_id": homes[:1], "channel": "call", "reason": "do_not_call: asked for no calls"}))  # fmt: skip
    IdentityGraph(made.tenant).absorb()
    return made


def opened(world, **options):
    return controls.identity_attribution(
        world.tenant, "hail", graph=IdentityGraph, profiles=BehavioralProfileService, nightly=identity.nightly,
        engine=AttributionEngine, tenants=tenancy.my_tenants, storms=list_storms, score=StormPlayScore, **options,
    )  # fmt: skip


def says(page, *names):
    """What the household half says, without markup."""
    half = page.households._html
    html = " ".join(half[name].value for name in names or half)
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html)))


def types(look, **content):
    """As the browser says it."""
    look._hear(content)


def of(world, number):
    return IdentityGraph(world.tenant).resolve_identity("property_id", world.properties["property_id"][number])


# ---- find


@pytest.mark.parametrize("typed", ["8175550142", "(817) 555-0142", "+1 817.555.0142", "100 Test Str", "Owner Number0"])
def test_however_it_is_written_enter_opens_the_household(world, typed):
    page = opened(world)
    types(page.households.look, enter=typed)
    one = page.households.household
    assert one.identity_id == of(world, 0) and page.households.message.text == ""
    said = says(page)
    assert "100 Test Street" in said and "101 Test Street" in said and "2 homes, 5 identifiers" in said
    assert "Never contacted by call: asked for no calls" in said and "show (call refused)" in said
    assert "sure, 0.95" in said and "likely, 0.90" in said
    assert re.search(r"Signatures 1 .*Lifetime value \$9,000", said)
    assert "door" in page.credit.timeline.children[1].value and page.households.network.payload


def test_while_one_types_it_suggests_and_a_press_opens(world):
    page = opened(world)
    look = page.households.look
    types(look, ask="10")
    assert len(look.field.rows) >= 6 and "begin so" in look.field.said and page.households.household is None
    types(look, pick=look.field.rows[1]["id"])
    assert page.households.household is not None and look.field.rows == []
    types(look, pick="not offered")
    types(look, ask={"not": "text"})
    types(look, ask="1")
    assert look.field.said == "Type two signs or more."


def test_a_number_of_an_office_says_so_and_lists_all(world):
    page = opened(world)
    types(page.households.look, enter="214 555 0100")
    field = page.households.look.field
    assert "(214) 555-0100 is shared by 5 households" in field.said and len(field.rows) == 5
    assert page.households.household is None
    types(page.households.look, pick=field.rows[0]["id"])
    assert "joins nobody: shared by 5 households" in says(page, "identifiers")
    assert "nothing: it is not theirs alone" in says(page, "identifiers") and len(field.rows) == 5


def test_where_nothing_is_found_it_says_what_to_try(world):
    page = opened(world, look_up="Zacharias")
    assert "Nothing is found for 'Zacharias'. Try the house number" in page.households.look.field.said
    assert "No household is open" in says(page, "nothing") and page.households.card.layout.display == "none"


@pytest.mark.parametrize("look_up", ["817%20555-0142", "%2B18175550142", "(817)+555.0142"])
def test_the_address_of_the_page_opens_a_household(world, monkeypatch, look_up):
    monkeypatch.setenv("QUERY_STRING", f"tenant={world.tenant}&storm=hail&look_up={look_up}")
    page = opened(world)
    assert page.message.text == "" and page.households.household.identity_id == of(world, 0)


def test_an_id_in_the_address_is_not_what_the_field_shows(world, monkeypatch):
    monkeypatch.setenv("QUERY_STRING", f"tenant={world.tenant}&storm=hail&look_up={of(world, 2)}")
    page = opened(world)
    assert page.households.look.field.value.startswith("102 Test Street") and page.households.household


def test_no_name_becomes_markup(world):
    page = opened(world, look_up="108 Test")
    half = page.households
    html = " ".join(widget.value for widget in half._html.values())
    assert "onerror" in html and "<img" not in html and "<img" not in str(half.network.payload) + half.network.block
    half.merging.choose(of(world, 9))
    assert "<img" not in half.merging.decision.preview.value


class LostProfiles(BehavioralProfileService):
    """Cannot be read any more, once `is_lost`."""

    is_lost = False

    def get_profile(self, identity_id):
        if LostProfiles.is_lost:
            raise DatabaseUnavailable("The database does not answer.")
        return super().get_profile(identity_id)


def test_where_half_of_a_household_cannot_be_read_none_of_another_stays_in_view(world, monkeypatch):
    page = controls.identity_attribution(
        world.tenant, "hail", look_up="817 555 0142", graph=IdentityGraph, profiles=LostProfiles,
        nightly=identity.nightly, engine=AttributionEngine, tenants=tenancy.my_tenants, storms=list_storms,
    )  # fmt: skip
    assert "asked for no calls" in says(page, "consent")
    monkeypatch.setattr(LostProfiles, "is_lost", True)
    types(page.households.look, enter="102 Test Str")
    assert "does not answer" in page.households.message.text and page.households.card.layout.display == "none"
    assert "asked for no calls" not in says(page, "consent") and page.households.household is None


# ---- change


def test_two_become_one_after_a_preview_and_two_again(world):
    before = [of(world, n) for n in range(12)]
    page = opened(world, look_up="817 555 0142")
    half = page.households
    types(half.merging.other, enter="682 555 0111")
    preview = half.merging.decision.preview.value
    assert "Two households become one: 3 homes, 8 identifiers" in preview and "2 signatures, $20,000" in preview
    assert [of(world, n) for n in range(12)] == before, "a preview keeps nothing"
    half.merging.decision.reason.value = "same surname on both contracts"
    half.merging.decision.yes.click()
    assert "are one household now" in half.merging.outcome.message.text
    assert of(world, 0) == of(world, 1) == of(world, 2) and "3 homes, 8 identifiers" in says(page, "head")
    assert "same surname on both contracts" in half.history._list.children[0].children[0].value
    assert half.figures.identities == len(set(before)) - 1
    half.merging.outcome.undo_button.click()
    assert "two households again" in half.merging.outcome.message.text and [of(world, n) for n in range(12)] == before


def test_what_cannot_be_merged_is_said(world):
    page = opened(world, look_up="817 555 0142")
    types(page.households.merging.other, enter="101 Test Str")
    assert "That is the household that is open" in page.households.merging.outcome.message.text
    assert not page.households.merging.decision.is_open


def test_one_is_taken_apart_after_a_preview_and_one_again(world):
    before = [of(world, n) for n in range(12)]
    page = opened(world, look_up="817 555 0142")
    part = page.households.apart
    part.look.click()
    assert "Nothing is chosen" in part.outcome.message.text
    home = next(node["identifier_id"] for node in page.households.household.own if node["property_id"]
                and node["address"].startswith("101"))  # fmt: skip
    part.boxes[home].value = True
    part.look.click()
    assert "One household becomes 2" in part.decision.preview.value
    assert "Goes: 1 home, 2 identifiers" in part.decision.preview.value and of(world, 0) == of(world, 1)
    part.decision.yes.click()
    assert of(world, 0) != of(world, 1) and len(page.households.look.field.rows) == 2
    part.outcome.undo_button.click()
    assert "one household again" in part.outcome.message.text and [of(world, n) for n in range(12)] == before


def test_each_change_in_the_list_can_be_taken_back(world):
    before = [of(world, n) for n in range(12)]
    merged = IdentityGraph(world.tenant).merge(of(world, 9), of(world, 10), "neighbours")
    page = opened(world, look_up="109 Test")
    history = page.households.history
    history.buttons[merged.event_id].click()
    assert [of(world, n) for n in range(12)] == before and history.outcome.message.text == "Taken back."
    assert merged.event_id not in history.buttons
    history.outcome.undo_button.click()
    assert of(world, 9) == of(world, 10)
    IdentityGraph(world.tenant).undo(IdentityGraph(world.tenant).events(of(world, 9))["event_id"].iloc[0])


# ---- answer


@pytest.fixture
def asked(world):
    """A question about two homes, as the nightly comparison would put it."""
    with tenancy.session(world.tenant) as connection:
        ends = sorted((of(world, 9), of(world, 10)))
        connection.execute(
            text("""INSERT INTO identity_proposals (one_id, other_id, strength, rule, evidence)
                    VALUES (:one, :other, 0.74, 'alike',
                            '{"given": "same", "door": "same street", "email": "different"}')
                    ON CONFLICT (tenant_id, one_id, other_id) DO UPDATE
                       SET state = 'waiting', decided_by = NULL, decided_at = NULL, reason = NULL"""),
            dict(zip(("one", "other"), ends, strict=True)),
        )
    return opened(world)


def test_a_question_stands_side_by_side_with_its_evidence_in_words(asked):
    review = asked.households.review
    said = unescape(re.sub(r"<[^>]*>", " ", review._list.children[0].children[0].value))
    assert "109 Test Street" in said and "110 Test Street" in said and "model: 74 %" in said
    assert re.search(r"For it:\s+the same first name, the same street, other house numbers\.", said)
    assert re.search(r"Against it:\s+another e-mail\.", said)


@pytest.mark.parametrize("is_one", [True, False])
def test_an_answer_is_kept_and_can_be_taken_back(asked, world, is_one):
    review = asked.households.review
    (proposal,) = review.buttons
    review.buttons[proposal][0 if is_one else 1].click()
    assert (of(world, 9) == of(world, 10)) is is_one and asked.recorded()["waiting"] == 0
    assert "No proposal waits" in review._list.children[0].value
    review.outcome.undo_button.click()
    assert of(world, 9) != of(world, 10) and list(review.buttons) == [proposal] and asked.recorded()["waiting"] == 1


def test_all_households_are_compared_from_the_page(world):
    page = opened(world)
    locked = []
    page.households.review.night._on_running = locked.append

    async def press():
        page.households.review.night.start()
        await asyncio.wait_for(page.households.review.night.task, 60)

    asyncio.run(press())
    assert "12 records compared" in page.households.review.night.message.text, page.households.review.night.message.text
    assert locked == [True, False] and page.recorded()["nightly_at"]
    assert "last compared on" in page.households.review._compared.value


# ---- tell and forget; who may


def test_who_may_not_sees_no_controls_and_masked_values(world, as_person):
    accounts.add_person("hp-viewer", "Vera", "long-enough-1")
    accounts.add_person("hp-operator", "Otto", "long-enough-1")
    with guests(world.tenant, "viewer", "hp-viewer"), guests(world.tenant, "operator", "hp-operator"):
        as_person("hp-viewer")
        page = opened(world, look_up="817 555 0142")
        assert page.households.which.options == ("What was changed",)
        assert "(817) ***-**42" in says(page, "identifiers") and "masked for viewers" in says(page, "identifiers")
        assert page.households.history.buttons == {} and page.households.review.buttons == {}
        assert page.households.review._night_part.layout.display == "none"
        types(page.households.merging.other, enter="102 Test Str")
        assert "this needs operator" in page.households.merging.outcome.message.text, "the database refuses besides"
        types(page.households.look, enter="817 555 01")
        assert "by the whole value alone" in page.households.look.field.said
        as_person("hp-operator")
        page = opened(world, look_up="817 555 0142")
        assert page.households.which.options == ("What was changed", "Merge with another", "Take apart")
        page.households.person.make.click()
        assert page.households.person.file.value == "" and page.households.person.message.text


def test_a_person_is_told_all_and_then_forgotten(world):
    page = opened(world, look_up="111 Test")
    person = page.households.person
    person.make.click()
    (data,) = re.findall(r'href="data:application/json;charset=utf-8;base64,([^"]+)"', person.file.value)
    told = json.loads(base64.b64decode(data))
    assert told["identifiers"] and told["properties"][0]["address"] == "111 Test Street"
    person.erase.button.click()
    assert "It cannot be undone" in person.erase.asked and "The addresses stay" in person.erase.asked
    assert "Owner Number11" in says(page)
    assert person.erase.yes.disabled and "Type 'erase' first." in person.erase.yes.tooltip
    person.erase.yes.click()
    assert "Owner Number11" in says(page), "a press without the word does nothing"
    person.erase.typed.value = "Erase "
    person.erase.yes.click()
    assert "1 identifier" in person.message.text and "1 home" in person.message.text
    assert "Owner Number11" not in says(page) and "Never contacted by call" in says(page, "consent")
    assert IdentityGraph(world.tenant).look_up("Number11").households == []


# ---- the page as a whole


def test_another_storm_keeps_the_household_and_another_company_closes_it(world, demo):
    page = opened(world, look_up="817 555 0142")
    page._selectors.tenant_box.value = "trinity"
    assert page.households.household is None and page.households.look.field.value == ""
    assert page.credit.credit.tenant == "trinity" and "1,4" in says(page, "answer")
    types(page.households.look, ask="Trialborn")
    types(page.households.look, pick=page.households.look.field.rows[0]["id"])
    shown = page.households.household.identity_id
    page._selectors.storm_box.value = "2020-04-28"
    assert page.households.household.identity_id == shown and page.credit.credit.storm == "2020-04-28"
    page.again.click()
    assert page.households.household.identity_id == shown and page.message.text == ""


@pytest.mark.parametrize("interactive", [True, False])
def test_a_company_without_a_home_is_no_error(interactive, database):
    empty = make_world(treat=0, hold_out=0, skip=0, suppressed=0, without_place=0)
    page = opened(empty, interactive=interactive)
    for name in SECTIONS:
        assert getattr(page, name)() is not None
    assert page.recorded()["identities"] == 0 and page.recorded()["credited_signatures"] == 0


def test_an_unknown_company_is_a_sentence(world):
    page = controls.identity_attribution(
        "nobody", "hail", graph=IdentityGraph, profiles=BehavioralProfileService, nightly=identity.nightly,
        engine=AttributionEngine, tenants=tenancy.my_tenants, storms=list_storms,
    )  # fmt: skip
    assert "no tenant 'nobody'" in page.message.text and page.recorded() == {}


def test_headless_it_counts_and_names_nobody(world, tmp_path):
    given = {"tenant": world.tenant, "storm": "hail", "look_up": "817 555 0142"}
    made = reports.run(NOTEBOOK, given, tmp_path)
    outputs = [out for cell in nbformat.read(made.notebook, as_version=4).cells for out in cell.get("outputs", [])]
    assert not [out for out in outputs if out.output_type in ("error", "stream")]
    (found,) = [out.data[controls.MIME] for out in outputs if controls.MIME in out.get("data", {})]
    figures = IdentityGraph(world.tenant).figures()
    assert {name: found[name] for name in ("identities", "identifiers", "shared", "waiting")} == {
        name: getattr(figures, name) for name in ("identities", "identifiers", "shared", "waiting")
    }
    assert found["credited_signatures"] == 2 and found["credited_dollars"] == 20_000
    said = json.dumps([out.get("data") for out in outputs], default=str)
    assert "A report names nobody" in said
    for personal in ("Test Street", "Number0", "555-0142", "(817)"):
        assert personal not in said, personal
    assert made.html.stat().st_size < 3_000_000

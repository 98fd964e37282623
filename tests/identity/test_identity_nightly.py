"""The nightly run: what is sure is merged, the rest waits, and what a person said holds on the second night too."""

from __future__ import annotations

from itertools import product

import pandas as pd
import pytest
from world import make_world

from stormplay import IdentityGraph, identity, tenancy
from stormplay.errors import BadInput

STREETS = [" ".join(words) for words in product(("Gable", "Rafter", "Soffit", "Truss", "Dormer", "Eaves", "Purlin"),
                                                ("Oak Dr", "Creek Ct", "Pecan Trl", "Elm St", "Bluff Ln"))]  # fmt: skip
PEOPLE = [  # number, name, address, phone
    (100, "Marguerite Villanueva", "3213 Clerestory Lane", "817-555-0142"),
    (101, "Margerite Villanueva", "3213 CLERESTORY LN", None),  # the same, mistyped
    (102, "Jorge Villanueva", "3217 Clerestory Ln", None),  # a relative next door
    (110, "Thaddeus Quarles", "41 Weathervane Way", None),
    (111, "Tadeus Quarles", "41 Weathervane Way", None),
    (120, "Ottilie Brandvold", "52 Cupola Rd", None),
    (121, "Sigrid Brandvold", "56 Cupola Rd", None),
    (130, "Peter Abernathy", "77 Mansard Way", None),  # one family after the other
    (131, "Winifred Sokolov", "77 Mansard Way", None),
]


def new_id(number):
    return f"00000000-0000-7000-8000-{number:012d}"


@pytest.fixture(scope="module")
def graph(database):
    world = make_world(treat=1, hold_out=0, skip=0, suppressed=0, without_place=0)
    others = [(n, f"Owner{n} Familyname{n * 7}", f"{12 * n} {STREETS[n % 35]}", None) for n in range(1000, 1400)]
    book = pd.DataFrame([*others, *PEOPLE], columns=["property_id", "owner_name", "address", "phone"])
    with tenancy.session(world.tenant) as connection:
        tenancy.insert(connection, "properties", book.assign(
            property_id=book["property_id"].map(new_id), city="Keller", zip_code="76248"))  # fmt: skip
    return IdentityGraph(world.tenant)


@pytest.fixture(scope="module")
def first(graph):
    graph.absorb()
    graph.record({"crm_id": "hs-77", "name_address": "Margueritte Villanueva, 3213 Clerestory Ln, 76248"}, "crm")
    return identity.nightly(graph.tenant)


def of(graph, number):
    return graph.resolve_identity("property_id", new_id(number))


def asked_about(graph, *numbers):
    """The proposal about two homes, or None."""
    pair, waits = {of(graph, number) for number in numbers}, graph.proposals()
    return next(
        (row for _, row in waits.iterrows() if {row["one_identity_id"], row["other_identity_id"]} == pair), None
    )


def test_sure_pairs_are_merged_and_unsure_ones_wait(graph, first):
    assert first.records == 411 and "wait for a yes or no" in str(first)
    assert of(graph, 100) == of(graph, 101) and of(graph, 110) == of(graph, 111)
    assert graph.resolve_identity("crm_id", "HS-77") == of(graph, 100), "a lead without a home"
    assert len({of(graph, n) for n in (100, 102, 120, 121, 130, 131)}) == 6
    assert len(graph.proposals()) == first.queued >= 2
    evidence = asked_about(graph, 100, 102)["evidence"]
    assert (evidence["door"], evidence["surname"], evidence["given"]) == ("number one sign off", "same", "different")
    events = graph.events().query("rule == 'alike'")
    assert len(events) == 2 and set(events["kind"]) == {"merged"} and events["made_by"].notna().all()


def test_what_people_say_holds_the_next_night(graph, first):
    no, yes = asked_about(graph, 100, 102), asked_about(graph, 120, 121)
    graph.decide(no["proposal_id"], yes=False, reason="cousins")
    assert graph.decide(yes["proposal_id"], yes=True).kind == "merged"
    with pytest.raises(BadInput, match="waits for an answer"):
        graph.decide(no["proposal_id"], yes=True)
    alike = graph.events(of(graph, 110)).query("rule == 'alike'").iloc[0]
    graph.undo(alike["event_id"], "father and son")
    for number in (100, 102):
        graph.record({"property_id": new_id(number), "phone": "817-555-0177"}, "call")

    second = identity.nightly(graph.tenant)
    assert (second.absorbed.homes, second.merged) == (0, 0)
    assert of(graph, 100) != of(graph, 102), "a number that both were seen with does not undo a no"
    assert of(graph, 110) != of(graph, 111), "what was taken back stays so"
    assert of(graph, 120) == of(graph, 121) and asked_about(graph, 100, 102) is None

    graph.merge(of(graph, 100), of(graph, 102), "one household after all")
    assert of(graph, 100) == of(graph, 102), "a yes of today is worth more than a no of yesterday"

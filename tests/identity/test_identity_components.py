"""Pure: the same links give the same identities, whatever their order, and no rule is broken."""

from __future__ import annotations

import networks
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stormplay.identity.components import Links, components, widest


@st.composite
def graphs(draw):
    count = draw(st.integers(1, 14))
    node = st.integers(0, count - 1)
    pairs = draw(st.lists(st.tuples(node, node).filter(lambda p: p[0] != p[1]), max_size=24, unique_by=frozenset))
    ranks = draw(st.lists(st.integers(1, 6), min_size=len(pairs), max_size=len(pairs)))
    strengths = draw(st.lists(st.sampled_from([0.5, 0.6, 0.9, 1.0]), min_size=len(pairs), max_size=len(pairs)))
    household = draw(st.lists(st.integers(-1, 5), min_size=count, max_size=count))
    apart = draw(st.lists(st.tuples(node, node).filter(lambda p: p[0] != p[1]), max_size=3))
    return count, pairs, ranks, strengths, np.array(household), draw(st.integers(1, 6)), apart


def links(pairs, ranks, strengths):
    return Links(np.array(pairs, dtype=np.int64).reshape(-1, 2), np.array(ranks, dtype=np.int64), np.array(strengths))


@settings(max_examples=150, deadline=None)
@given(graphs(), st.randoms())
def test_order_does_not_matter_and_rules_hold(graph, random):
    count, pairs, ranks, strengths, household, most, apart = graph
    told = np.array(apart, dtype=np.int64).reshape(-1, 2)
    found = components(count, links(pairs, ranks, strengths), household, most, told)
    order = list(range(len(pairs)))
    random.shuffle(order)
    turned = [pairs[n][::-1] if random.random() < 0.5 else pairs[n] for n in order]
    again = components(count, links(turned, [ranks[n] for n in order], [strengths[n] for n in order]), household, most,
                       told)  # fmt: skip
    assert networks.parts(found) == networks.parts(again) or len(set(zip(ranks, strengths, strict=True))) < len(pairs)
    for label in set(found):
        members = np.flatnonzero(found == label)
        assert members[0] == label, "named by its first node"
        assert len(set(household[members]) - {-1}) <= most or len(members) == 1
    assert all(found[one] != found[other] for one, other in apart)


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_without_rules_it_is_what_hangs_together(graph):
    count, pairs, ranks, strengths, *_ = graph
    found = components(count, links(pairs, ranks, strengths), np.full(count, -1), 1)
    assert networks.parts(found) == networks.hanging_together(count, pairs)


def test_too_many_households_lose_their_least_telling_links():
    # Two couples of homes, each tied by a claim (rank 1), and a device (rank 6) between the couples.
    pairs, ranks = [(0, 1), (2, 3), (1, 2)], [1, 1, 6]
    found = components(4, links(pairs, ranks, [0.9] * 3), np.arange(4), most_households=3)
    assert networks.parts(found) == {frozenset({0, 1}), frozenset({2, 3})}


def test_the_best_way_counts_by_its_weakest_link():
    ties = [("home", "phone", 0.95), ("home", "form", 0.6), ("form", "phone", 0.7), ("phone", "other home", 0.9)]
    assert widest("home", ties) == {"home": 1.0, "phone": 0.95, "other home": 0.9, "form": 0.7}

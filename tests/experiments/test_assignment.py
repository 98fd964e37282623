from uuid import UUID, uuid4

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormplay.errors import BadInput
from stormplay.experiments import assigned, hash_share

ids = st.lists(st.uuids().map(str), min_size=1, max_size=50, unique=True)
share = st.floats(0, 1)
MANY = [str(UUID(int=number)) for number in range(40_000)]


def test_the_draw_stays_what_it_was():
    # Written down once: a draw that changes with a version would move homes from one arm to the other.
    drawn = hash_share("2021-04-28", ["11111111-1111-1111-1111-111111111111", "home"])
    assert drawn.tolist() == [int("cefadb8b3caa03e2", 16) / 2**64, int("e596ec5a47fafec9", 16) / 2**64]


@settings(deadline=None, max_examples=25)
@given(st.randoms(use_true_random=False), share)
def test_the_share_is_near_what_was_asked_for(random, wanted):
    salt = str(random.random())
    # Five standard errors, and one home for shares near 0 or 1.
    off = 5 * np.sqrt(wanted * (1 - wanted) / len(MANY)) + 1 / len(MANY)
    assert abs(assigned(MANY, salt, wanted).mean() - wanted) <= off


@settings(deadline=None)
@given(ids, share, st.randoms())
def test_order_and_company_do_not_matter(homes, wanted, random):
    one_by_one = [bool(assigned([home], "storm", wanted)[0]) for home in homes]
    order = random.sample(range(len(homes)), len(homes))
    shuffled = assigned([homes[place] for place in order], "storm", wanted)
    assert shuffled.tolist() == [one_by_one[place] for place in order]


@settings(deadline=None)
@given(ids, share, share)
def test_a_larger_share_only_adds(homes, one, other):
    small, large = assigned(homes, "storm", min(one, other)), assigned(homes, "storm", max(one, other))
    assert not (small & ~large).any()


@settings(deadline=None)
@given(ids)
def test_nobody_at_nought_everybody_at_one(homes):
    assert not assigned(homes, "storm", 0).any()
    assert assigned(homes, "storm", 1).all()
    assert ((hash_share("storm", homes) >= 0) & (hash_share("storm", homes) < 1)).all()


def test_two_salts_are_two_independent_draws():
    one, other = hash_share("2021-04-28", MANY), hash_share("2020-04-28", MANY)
    assert abs(np.corrcoef(one, other)[0, 1]) < 4 / np.sqrt(len(MANY))
    both = ((one < 0.2) & (other < 0.2)).mean()
    assert both == pytest.approx(0.04, abs=5 * np.sqrt(0.04 * 0.96 / len(MANY)))
    counts, _, _ = np.histogram2d(one, other, bins=10)
    assert ((counts - 400) ** 2 / 400).sum() < 180  # chi-square, 99 degrees: 5 in a million are above


def test_ids_may_be_uuids_or_text_and_there_may_be_none():
    one = uuid4()
    assert hash_share("s", [one]) == hash_share("s", [str(one)])
    assert assigned([], "s", 0.5).tolist() == []


@pytest.mark.parametrize("wanted", [-0.1, 1.1, 80, float("nan")])
def test_an_impossible_share_is_refused(wanted):
    with pytest.raises(BadInput, match="from 0 to 1"):
        assigned(["home"], "storm", wanted)

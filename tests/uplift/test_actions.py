from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormplay.uplift import next_actions
from stormplay.uplift.actions import ACTIONS, CHANNELS

NEEDS = {"door_visit": "door", "call": "call", "text": "text", "email": "email", "mail": "mail"}


@pytest.mark.parametrize(
    ("uplift", "phone", "email", "refused", "expected"),
    [
        (0.15, True, True, "", "door_visit"),
        (0.15, True, True, "door", "call"),
        (0.07, True, True, "", "call"),
        (0.07, False, True, "", "door_visit"),
        (0.07, True, True, "call", "door_visit"),
        (0.07, True, True, "call door", "text"),
        (0.03, True, True, "", "text"),
        (0.03, True, True, "text", "email"),
        (0.03, False, False, "", "mail"),
        (0.03, False, False, "mail", "wait"),
        (0.15, True, True, "door call text email mail", "wait"),
        (0.15, True, True, "all", "wait"),
        (0.01, True, True, "", "wait"),
        (np.nan, True, True, "", "wait"),
    ],
)
def test_the_rule(uplift, phone, email, refused, expected):
    said = {channel: np.array([channel in refused.split()]) for channel in CHANNELS}
    assert next_actions(np.array([uplift]), np.array([phone]), np.array([email]), said).tolist() == [expected]


@settings(deadline=None)
@given(
    st.floats(-1, 1), st.booleans(), st.booleans(), st.sets(st.sampled_from(CHANNELS)),
)  # fmt: skip
def test_a_refused_channel_or_one_that_is_not_there_is_never_proposed(uplift, phone, email, refused):
    said = {channel: np.array([True]) for channel in refused}
    (action,) = next_actions(np.array([uplift]), np.array([phone]), np.array([email]), said)
    assert action in ACTIONS
    if action != "wait":
        assert NEEDS[action] not in refused and "all" not in refused
    assert phone or action not in ("call", "text")
    assert email or action != "email"

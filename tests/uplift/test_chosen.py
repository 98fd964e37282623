from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from stormplay.errors import TooLittleData
from stormplay.uplift.chosen import choose

DAY = date(2021, 4, 28)


def arms(*rows):
    names = ["storm_id", "slug", "event_date", "treated", "treated_known", "held", "held_known"]
    return pd.DataFrame(rows, columns=names)


OLD = ("1", "old", date(2020, 4, 28), 800, 800, 200, 200)
NOW = ("2", "now", DAY, 1_000, 500, 250, 130)
LATER = ("3", "later", date(2022, 4, 28), 900, 900, 100, 100)


def test_this_storm_and_all_before_it():
    found = choose(arms(OLD, NOW, LATER), None, DAY)
    assert found.storms == [("1", "old"), ("2", "now")] and found.notes == []
    assert found.propensity(pd.Series(["old", "now", "now"])).tolist() == [0.8, 0.8, 0.8]
    assert choose(arms(OLD, NOW, LATER), ["3"], DAY).shares == {"later": 0.9}


def test_a_storm_whose_outcomes_are_known_of_one_arm_more_often_is_left_out():
    early = ("2", "now", DAY, 1_000, 500, 250, 60)
    found = choose(arms(OLD, early), None, DAY)
    assert found.storms == [("1", "old")]
    assert "Storm now is left out: outcomes are known of 50% of the treated and 24% of the held-out" in found.notes[0]


def test_nothing_left_is_said():
    with pytest.raises(TooLittleData, match=r"no storm to learn from. Expected a storm with decisions"):
        choose(arms(), None, DAY)
    with pytest.raises(TooLittleData, match="Storm now is left out: outcomes are not known in both arms"):
        choose(arms(("2", "now", DAY, 1_000, 500, 250, 0)), None, DAY)

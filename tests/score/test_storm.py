"""The contract's functions, and this storm against another, over a real database."""

from __future__ import annotations

from uuid import UUID

import pandas as pd
import pytest
from scored import Play

from stormplay import StormPlayScore, accounts, calculate_storm_play_score, get_score_breakdown, tenancy
from stormplay.errors import BadInput, UnknownStorm, UnknownTenant
from stormplay.score.comparing import running


@pytest.fixture(scope="module")
def play(database):
    """80 of 100 coverage has no place in 30 homes; so: 20 treated, uplift as it came, jobs, outcomes, checks."""
    made = Play()
    made.add_jobs(20)
    made.run(
        "UPDATE lead_uplift SET expected_uplift = 0.2",
        "UPDATE jobs SET status = 'completed', completed_at = now() WHERE property_id = ANY (CAST(:some AS uuid[]))",
        """INSERT INTO policy_outcomes (storm_id, property_id, actual_converted)
           SELECT storm_id, property_id, property_id = ANY (CAST(:signed AS uuid[])) FROM policy_decisions_log
            WHERE decision <> 'skip'""",
        "INSERT INTO quality_runs (storm_id, checks, issues, seconds, made_by) VALUES (:storm, 200, 3, 1, 'x')",
        some=made.homes[:15], signed=[*made.homes[:5], made.homes[20]],
    )  # fmt: skip
    return made


def test_the_contracts_functions_take_an_id_as_text_or_uuid(play):
    # 20 of 30 · 15 of 20 · 5 of 20 against 1 of 8 · 197 of 200
    expected = 100 * (0.30 * 20 / 30 + 0.25 * 0.75 + 0.25 * 1.0 + 0.20 * 0.985)
    assert calculate_storm_play_score(play.storm_id) == pytest.approx(expected)
    assert calculate_storm_play_score(UUID(play.storm_id)) == calculate_storm_play_score(play.storm_id)
    assert get_score_breakdown(UUID(play.storm_id)) == pytest.approx(
        {"policy_coverage": 100 * 20 / 30, "route_completion": 75.0, "conversion_lift": 100.0, "data_quality": 98.5}
    )


def test_a_storm_that_is_not_open_to_somebody_reads_like_one_that_is_not_there(play, as_person):
    accounts.add_person("sc-nobody", "No Body", "long-enough-1")
    as_person("sc-nobody")
    for storm in (play.storm_id, "11111111-1111-7111-8111-111111111111", "hail"):
        with pytest.raises(UnknownStorm, match="There is no storm"):
            calculate_storm_play_score(storm)
        with pytest.raises(UnknownStorm):
            get_score_breakdown(storm)
    with pytest.raises(UnknownTenant):
        StormPlayScore(play.tenant, "hail")


def test_an_unknown_storm_is_named(play):
    with pytest.raises(UnknownStorm, match="has no storm 'snow'"):
        StormPlayScore(play.tenant, "snow")


def test_the_lift_is_the_experiments_own_read_out(play):
    found = play.score.lift()
    assert (found.treated.converted, found.treated.known, found.held.converted, found.held.known) == (5, 20, 1, 8)
    assert found.verdict.word == "too early to say" and found.srm.light in ("green", "amber", "red")
    assert found.is_synthetic


def test_the_history_has_bounds(play):
    assert len(play.score.history(1)) == 1
    for wrong in (0, 5_000):
        with pytest.raises(BadInput):
            play.score.history(wrong)


# ---- this storm against another


@pytest.fixture(scope="module")
def two(database):
    """This storm of 28 April 2021 with a trail, and one of 2020 from before there was a trail."""
    play = Play(treat=40)
    play.run("INSERT INTO storms (slug, name, event_date) VALUES ('older', 'Older hail', '2020-04-28')")
    with tenancy.session(play.tenant) as connection:
        older = tenancy.storm_id(connection, "older")
    play.add_jobs(40)
    # 20:00 in Texas on day 5 is day 6 in UTC.
    play.run(
        """INSERT INTO job_events (job_id, from_status, to_status, reach, said_by, happened_at)
           SELECT job_id, 'scheduled', 'contacted', 'contacted', 'x', '2021-05-04 01:00+00' FROM jobs
            WHERE property_id = ANY (CAST(:first AS uuid[]))""",
        """INSERT INTO job_events (job_id, from_status, to_status, reach, said_by, happened_at)
           SELECT job_id, 'scheduled', 'contacted', 'contacted', 'x', '2021-05-08 15:00+00' FROM jobs
            WHERE property_id = ANY (CAST(:second AS uuid[]))""",
        """UPDATE jobs SET status = 'completed', completed_at = '2021-05-10 15:00+00'
            WHERE property_id = ANY (CAST(:done AS uuid[]))""",
        """INSERT INTO policy_outcomes (storm_id, property_id, actual_converted, observed_at)
           SELECT :storm, unnest(CAST(:signed AS uuid[])), true, '2021-05-12 15:00+00'""",
        """INSERT INTO jobs (storm_id, property_id, status, furthest, status_since, completed_at)
           SELECT :older, unnest(CAST(:first AS uuid[])), 'completed', 'inspected', '2020-05-01 15:00+00',
                  '2020-05-01 15:00+00'""",
        first=play.homes[:15], second=play.homes[15:30], done=play.homes[:12], signed=[*play.homes[:3], play.homes[39]],
        older=older,
    )  # fmt: skip
    return play


def test_storms_are_aligned_on_the_companys_days_since_the_hail(two):
    days = two.score.compare()
    assert list(dict.fromkeys(days["storm"])) == ["Hail", "Older hail"]
    mine = days[days["storm"] == "Hail"].set_index("day")
    assert mine["doors"].to_dict() == {5: 15, 6: 15, 7: 15, 8: 15, 9: 15, 10: 30, 11: 30, 12: 30, 13: 30, 14: 30}
    assert mine.loc[11, "completed"] == 0 and mine.loc[12, "completed"] == 12
    assert mine.loc[14, "conversions"] == 3, "who signed without a knock is no conversion of a door"
    assert pd.isna(mine.loc[5, "completed_per_100_doors"]), "15 doors are too few for a rate"
    assert mine.loc[14, "completed_per_100_doors"] == pytest.approx(40)
    assert mine.loc[14, "conversions_per_100_doors"] == pytest.approx(10)
    older = days[days["storm"] == "Older hail"]
    assert older[["day", "doors", "completed"]].to_numpy().tolist() == [[3, 15, 15]]


def test_the_other_storm_can_be_named_and_is_never_this_one(two):
    assert two.score.compare("older").equals(two.score.compare())
    back = StormPlayScore(two.tenant, "older").compare()
    assert list(dict.fromkeys(back["storm"])) == ["Older hail", "Hail"]
    with pytest.raises(BadInput, match="cannot be compared with itself"):
        two.score.compare("hail")
    with pytest.raises(UnknownStorm):
        two.score.compare("snow")


def test_without_a_door_there_is_nothing_to_compare(play, database):
    empty = Play()
    assert empty.score.compare().empty and list(empty.score.compare())[:3] == ["storm_id", "storm", "day"]


def test_doors_long_after_the_season_are_counted_apart():
    found = pd.DataFrame({"storm_id": ["a"] * 3, "storm": ["A"] * 3, "what": ["doors", "doors", "completed"],
                          "day": [3, 2_000, 2_001], "n": [25, 4, 4]})  # fmt: skip
    days = running(found, ["a"])
    assert days["day"].tolist() == [3] and days.attrs["later"] == {"A": 4}

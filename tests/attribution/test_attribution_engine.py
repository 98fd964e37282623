"""The credit of a storm from a real database, and the experiment beside it."""

from __future__ import annotations

import math
from uuid import uuid4

import pandas as pd
import pytest
from sqlalchemy import text
from world import make_world

from stormplay import AttributionEngine, errors, tenancy
from stormplay.attribution import METHODS, credits
from stormplay.controls.credit import CreditPart
from stormplay.controls.credit_state import totals
from stormplay.experiments import Experiment


def add(connection, world, home, channels, signed, value_cents=None, *, late=()):
    """Touches a day apart from 1 May on, then the outcome on 1 June; `late` touches after it."""
    property_id = world.properties["property_id"].iloc[home]
    for channel, moment in [(c, f"2021-05-{k + 1:02} 15:00Z") for k, c in enumerate(channels)] + [
        (c, f"2021-06-{k + 2:02} 15:00Z") for k, c in enumerate(late)
    ]:
        connection.execute(
            text("""INSERT INTO customer_journeys (property_id, storm_id, channel, "timestamp")
                    VALUES (:home, :storm, :channel, :at)"""),
            {"home": property_id, "storm": world.storm_id, "channel": channel, "at": moment},
        )
    if signed != "no row":
        connection.execute(
            text("""INSERT INTO policy_outcomes (property_id, storm_id, actual_converted, value_cents, observed_at)
                    VALUES (:home, :storm, :signed, :cents, '2021-06-01 12:00Z')"""),
            {"home": property_id, "storm": world.storm_id, "signed": signed, "cents": value_cents},
        )
    return property_id


@pytest.fixture(scope="module")
def world(database):
    """Twelve treated homes and four held out, each with a story of its own."""
    made = make_world(treat=12, hold_out=4, skip=0, suppressed=0)
    with tenancy.session(made.tenant) as connection:
        made.ids = [
            add(connection, made, 0, ["door", "call", "web"], True, 1_250_000),
            add(connection, made, 1, ["door", "door"], True, None),
            add(connection, made, 2, ["door"], False, 99_900),
            add(connection, made, 3, ["call"], None),
            add(connection, made, 4, ["mail"], "no row"),
            add(connection, made, 5, ["mail"], True, 800_000, late=["email", "text"]),
            add(connection, made, 6, [], True, 700_000, late=["email"]),
            add(connection, made, 7, [], True, 600_000),
            add(connection, made, 8, [], False),
            add(connection, made, 9, ["door"], False, late=["email"]),
            add(connection, made, 12, ["web"], True, 900_000),
            add(connection, made, 13, [], False),
            add(connection, made, 14, [" "], False),
        ]
    return made


@pytest.fixture(scope="module")
def found(world):
    return AttributionEngine(world.tenant).storm_credits(world.storm)


def test_a_path_is_compared_by_every_method(world):
    engine = AttributionEngine(world.tenant)
    got = engine.compare_methods(["door", "call", "door", "web"])
    assert list(got) == list(METHODS)
    for shares in got.values():
        assert set(shares) == {"door", "call", "web"}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-12)
        assert all(isinstance(share, float) and 0 <= share <= 1 for share in shares.values())
    assert got["first"]["door"] == 1
    assert got["linear"] == {"call": 0.25, "door": 0.5, "web": 0.25}
    assert engine.compare_methods(pd.Series(["door"]))["markov"] == {"door": 1.0}
    by_days = engine.compare_methods(["door", "web"], days=[0, 7], half_life_days=7)
    assert by_days["time_decay"]["web"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("path", [[], "door", ["door", None]])
def test_what_is_no_path_is_refused(world, path):
    with pytest.raises(errors.BadInput, match="path"):
        AttributionEngine(world.tenant).compare_methods(path)


def test_journeys_are_the_touched_homes_with_a_known_outcome(world):
    got = AttributionEngine(world.tenant).journeys(world.storm)
    rows = {home: list(got.loc[home, ["path", "conversions", "nulls", "value"]]) for home in got.index}
    assert rows == {
        world.ids[0]: [["door", "call", "web"], 1, 0, 12_500.0],
        world.ids[1]: [["door", "door"], 1, 0, 0.0],
        world.ids[2]: [["door"], 0, 1, 0.0],
        world.ids[5]: [["mail"], 1, 0, 8_000.0],
        world.ids[9]: [["door", "email"], 0, 1, 0.0],
        world.ids[10]: [["web"], 1, 0, 9_000.0],
        world.ids[12]: [["unnamed"], 0, 1, 0.0],
    }
    assert got.loc[world.ids[0], "days"][2] - got.loc[world.ids[0], "days"][0] == pytest.approx(2)
    assert len(credits(got, half_life_days=7)) == 6 * len(METHODS)


def test_the_journeys_of_a_household_over_all_storms(world):
    with tenancy.session(world.tenant) as connection:
        earlier = connection.execute(
            text("""INSERT INTO storms (slug, name, event_date, status)
                    VALUES ('before', 'The one before', '2020-04-28', 'closed') RETURNING storm_id""")
        ).scalar_one()
        connection.execute(
            text("""INSERT INTO customer_journeys (property_id, storm_id, channel, "timestamp")
                    VALUES (:home, :storm, 'letter', '2020-05-02 15:00Z')"""),
            {"home": world.ids[5], "storm": earlier},
        )
    got = AttributionEngine(world.tenant).journeys_of([world.ids[5], world.ids[7], world.ids[4]])
    assert len(got) == 6 and set(got["property_id"]) == {world.ids[5], world.ids[7], world.ids[4]}
    assert got["storm"].tolist() == ["hail"] * 5 + ["before"], "the newest storm first"
    mail = got[(got["property_id"] == world.ids[5]) & (got["storm"] == "hail")]
    assert mail[["channel", "is_counted"]].to_numpy().tolist() == [["mail", True], ["email", False], ["text", False]]
    assert set(mail["value"]) == {8_000.0} and mail["actual_converted"].all()
    untouched = got[got["property_id"] == world.ids[7]].iloc[0]
    assert pd.isna(untouched["channel"]) and pd.isna(untouched["is_counted"]) and untouched["actual_converted"]
    pending = got[got["property_id"] == world.ids[4]].iloc[0]
    assert pending["is_counted"] and pd.isna(pending["actual_converted"]) and pd.isna(pending["observed_at"])


def test_the_journeys_of_nobody_are_none_and_what_is_no_home_is_refused(world):
    engine = AttributionEngine(world.tenant)
    assert engine.journeys_of([]).empty and engine.journeys_of([uuid4()]).empty
    for wrong in (["12"], world.ids[5]):
        with pytest.raises(errors.BadInput, match="property id"):
            engine.journeys_of(wrong)


def test_every_home_is_in_one_line_of_the_ledger(world, found):
    assert dict(zip(found.ledger["outcome"], found.ledger["homes"], strict=True)) == {
        "signed": 4, "not signed": 3, "pending": 2, "signed untouched": 2, "untouched": 2,
    }  # fmt: skip
    assert found.ledger["homes"].sum() == len(world.ids)
    assert found.late_touches == 3  # those of a home that did not sign are none
    assert found.without_value == 1
    assert found.as_of.isoformat().startswith("2021-06-03")


def test_the_storm_is_credited_by_signatures_and_by_dollars(world, found):
    assert found.credits.equals(credits(AttributionEngine(world.tenant).journeys(world.storm)))
    assert found.side_by_side().sum().to_numpy() == pytest.approx([4] * len(METHODS))
    assert found.side_by_side("value").sum().to_numpy() == pytest.approx([29_500] * len(METHODS))
    assert found.side_by_side().loc["web"][["first", "last"]].tolist() == [1, 2]
    assert found.answer == ("4 of 7 touched homes with a known outcome signed (57.1 %), worth $29,500; "
                            "their credit is shared out over 6 channels.")  # fmt: skip
    assert "disagree most about" in found.disagreement()
    assert found.disagreements("value")["spread"].iloc[0] > 0


def test_what_is_left_out_is_said(found):
    assert found.notes == (
        "Synthetic data: the homes, owners and outcomes of this company are made up.",
        "2 touched homes without a known outcome yet: neither a signature nor a no.",
        "2 signatures with no touch on record before: nobody is credited.",
        "3 touches after a signature: not counted.",
        "1 signature without a value on record: counted as $0 where credit is by value.",
    )


def test_beside_the_credit_stands_what_treating_caused(world, found):
    read_out, got = Experiment(world.tenant, world.storm).read_out(), found.incremental
    assert (got.credited, got.credited_treated) == (4, 3)
    assert got.treated == read_out.treated.known == 8
    assert got.value == pytest.approx(8 * (5 / 8 - 1 / 3))
    assert (got.low, got.high) == pytest.approx((8 * read_out.verdict.estimate.low, 8 * read_out.verdict.estimate.high))
    assert got.low < got.value < got.high
    assert got.sentence.startswith("Credit is not cause. Each method shares out 4 signatures, 3 of treated homes")
    assert "+29.2 in a hundred, times 8 treated homes whose outcome is known" in got.sentence
    assert "too early to say" in got.sentence
    assert "tells no channel from another" in got.sentence


def test_a_storm_of_which_nothing_is_known_is_an_answer(database):
    empty = make_world(treat=3, hold_out=1, skip=0, suppressed=0, without_place=0)
    found = AttributionEngine(empty.tenant).storm_credits(empty.storm)
    assert len(found.credits) == len(found.journeys) == 0
    assert found.answer.startswith("No home of this storm")
    assert "nothing to credit" in found.disagreement()
    assert (found.incremental.value, found.incremental.credited) == (None, 0)
    assert math.isinf(found.incremental.high)
    assert "cannot be said" in found.incremental.sentence
    assert found.as_of is None
    assert found.ledger["homes"].sum() == 0


def test_touches_of_one_home_in_order(world):
    engine = AttributionEngine(world.tenant)
    got = engine.touches(world.storm, world.ids[5])
    assert list(got["channel"]) == ["mail", "email", "text"]
    assert list(got["is_counted"]) == [True, False, False]
    assert got["timestamp"].is_monotonic_increasing
    assert engine.touches(world.storm, uuid4()).empty
    with pytest.raises(errors.BadInput, match="no property id"):
        engine.touches(world.storm, "12 Test Street")


def test_touches_at_one_moment_keep_the_order_in_which_they_were_written(database):
    world = make_world(treat=2, hold_out=0, skip=0, suppressed=0, without_place=0)
    order = ["web", "door", "call", "mail", "door", "text"]
    with tenancy.session(world.tenant) as connection:
        for channel in order:
            add(connection, world, 0, [channel], "no row")
        add(connection, world, 0, [], True)
    assert AttributionEngine(world.tenant).journeys(world.storm)["path"].iloc[0] == order


def test_only_some_methods(world):
    found = AttributionEngine(world.tenant).storm_credits(world.storm, ["markov", "last"], half_life_days=7)
    assert list(found.side_by_side().columns) == ["last", "markov"]


def test_anothers_company_and_storm_are_unknown(world, as_person):
    as_person("ben")
    with pytest.raises(errors.UnknownTenant):
        AttributionEngine(world.tenant)
    with pytest.raises(errors.UnknownStorm):
        AttributionEngine("trinity").journeys(world.storm_id)


def test_the_demo_tells_credit_from_cause(demo):
    found = AttributionEngine("lone-star").storm_credits("2021-04-28")
    got = found.incremental
    assert 0 < got.low < got.value < got.credited_treated < got.credited
    assert "would have come anyway" in got.sentence
    assert found.side_by_side().shape == (6, len(METHODS))


def test_the_page_shows_what_the_engine_says(world, found):
    part = CreditPart(AttributionEngine)
    part.open(world.tenant, world.storm)
    part.household(world.ids[:1])
    assert part.credit.found.answer == found.answer
    assert part.credit.table.equals(found.side_by_side())
    (journey,) = part.credit.journeys
    assert journey.path == ["door", "call", "web"] and journey.value == 12_500.0
    assert journey.shares == AttributionEngine(world.tenant).compare_methods(journey.path)
    part.by_box.value, part.half_life_box.value = "dollars", 1.0
    by_days = AttributionEngine(world.tenant).storm_credits(world.storm, half_life_days=1.0)
    assert part.message.text == "" and part.credit.table.equals(by_days.side_by_side("value"))
    assert totals(part.credit.found) == totals(by_days)
    with pytest.raises(errors.UnknownStorm):
        part.open(world.tenant, "no such storm")
    with pytest.raises(errors.UnknownTenant):
        part.open("nobody", world.storm)

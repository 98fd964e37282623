"""What a model may see of a home: only what was known before its storm was decided."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import text
from world import make_world

from stormplay import tenancy
from stormplay.uplift import features

NOW = datetime(2021, 12, 1, tzinfo=UTC)
DECIDED = datetime(2021, 4, 30, 15, tzinfo=UTC)


def run(world, statement, **values):
    with tenancy.session(world.tenant) as connection:
        return connection.execute(text(statement), {"storm": world.storm_id, "then": DECIDED, **values})


@pytest.fixture
def world(database):
    """Two arms of the storm of 2021 with outcomes, and a storm of 2020 over the first five homes."""
    made = make_world(treat=6, hold_out=4, skip=2, suppressed=0, without_place=0)
    run(made, "UPDATE policy_decisions_log SET decided_at = :then")
    run(made, """INSERT INTO policy_outcomes (storm_id, property_id, actual_converted, observed_at)
                 SELECT storm_id, property_id, decision = 'treat', CAST(:then AS timestamptz) + interval '30 days'
                   FROM policy_decisions_log WHERE decision <> 'skip'""")  # fmt: skip
    run(made, "INSERT INTO storms (slug, name, event_date) VALUES ('before', 'Before', '2020-04-28')")
    for home in made.properties["property_id"][:5]:
        run(made, """INSERT INTO property_impacts (storm_id, property_id, hail_in, sii_score)
                     SELECT storm_id, :home, 2.25, 80 FROM storms WHERE slug = 'before'""", home=home)  # fmt: skip
    return made


def known(world):
    with tenancy.session(world.tenant) as connection:
        return features.past(connection, [(world.storm_id, "hail")], NOW)


def of_home(world, place):
    seen = known(world)
    return seen.features[seen.property_id == world.properties["property_id"][place]].iloc[0]


def test_one_row_a_home_of_both_arms_whose_outcome_is_known(world):
    seen = known(world)
    assert (len(seen.features), seen.treated.sum(), seen.signed.sum()) == (10, 6, 6)
    assert seen.features.columns.tolist() == list(features.FEATURES)
    run(world, "UPDATE policy_outcomes SET actual_converted = NULL WHERE property_id = :home",
        home=world.properties["property_id"][0])  # fmt: skip
    assert len(known(world).features) == 9
    assert set(seen.storm) == {"hail"}


def test_earlier_storms_are_seen(world):
    assert of_home(world, 0)[["earlier_storms", "earlier_hail_in"]].tolist() == [1, 2.25]
    assert of_home(world, 7)["earlier_storms"] == 0 and np.isnan(of_home(world, 7)["earlier_hail_in"])
    run(world, "INSERT INTO storms (slug, name, event_date) VALUES ('after', 'After', '2021-06-01')")
    run(world, """INSERT INTO property_impacts (storm_id, property_id, hail_in, sii_score)
                  SELECT storm_id, :home, 3, 90 FROM storms WHERE slug = 'after'""",
        home=world.properties["property_id"][0])  # fmt: skip
    assert of_home(world, 0)["earlier_storms"] == 1


@pytest.mark.parametrize("days", [-10, 10])
def test_what_was_written_down_after_the_decision_is_not_seen(world, days):
    home, at = world.properties["property_id"][0], DECIDED + timedelta(days=days)
    run(world, """INSERT INTO suppressions (property_id, channel, reason, suppressed_at)
                  VALUES (:home, 'door', 'x', :at)""", home=home, at=at)  # fmt: skip
    run(world, """INSERT INTO policy_decisions_log (storm_id, property_id, decision, reason, model_version, decided_at)
                  SELECT storm_id, :home, 'treat', 'x', 'x', :at FROM storms WHERE slug = 'before'""",
        home=home, at=at)  # fmt: skip
    run(world, """INSERT INTO policy_outcomes (storm_id, property_id, actual_converted, observed_at)
                  SELECT storm_id, :home, true, :at FROM storms WHERE slug = 'before'""", home=home, at=at)  # fmt: skip
    seen = of_home(world, 0)[["channels_refused", "earlier_visits", "earlier_signed"]].tolist()
    assert seen == ([1, 1, 1] if days < 0 else [0, 0, 0])


def test_a_decision_written_anew_does_not_let_later_words_in(world):
    """The moment is the storm's first, alike for both arms."""
    home = world.properties["property_id"][0]
    run(world, """INSERT INTO suppressions (property_id, channel, reason, suppressed_at)
                  VALUES (:home, 'door', 'x', CAST(:then AS timestamptz) + interval '3 days')""",
        home=home)  # fmt: skip
    run(world, """UPDATE policy_decisions_log SET decided_at = CAST(:then AS timestamptz) + interval '90 days'
                   WHERE property_id = :home""", home=home)  # fmt: skip
    assert of_home(world, 0)["channels_refused"] == 0


def test_a_refusal_that_was_lifted_in_time_is_none(world):
    home = world.properties["property_id"][0]
    run(world, """INSERT INTO suppressions (property_id, channel, reason, suppressed_at, lifted_at)
                  VALUES (:home, 'call', 'x', '2021-01-01', '2021-02-01'),
                         (:home, 'text', 'x', '2021-01-01', '2021-10-01')""",
        home=home)  # fmt: skip
    assert of_home(world, 0)["channels_refused"] == 1


def test_an_impossible_roof_is_of_unknown_age(world):
    run(world, "UPDATE properties SET roof_age_years = 199")
    assert known(world).features["roof_age_years"].isna().all()


def test_consent_and_contacts_are_those_of_now(world):
    homes = world.properties["property_id"]
    run(world, "UPDATE properties SET phone = '(817) 555-0142', email = NULL")
    run(world, "UPDATE properties SET phone = 'none', email = 'a@example.com' WHERE property_id = :home", home=homes[0])
    run(world, """INSERT INTO suppressions (property_id, channel, reason, suppressed_at, lifted_at)
                  VALUES (:a, 'door', 'x', '2021-11-01', NULL), (:a, 'mail', 'x', '2021-11-01', NULL),
                         (:b, 'all', 'x', '2021-11-01', NULL), (:c, 'call', 'x', '2021-01-01', '2021-11-01'),
                         (:d, 'text', 'x', '2022-01-01', NULL)""",
        a=homes[0], b=homes[1], c=homes[2], d=homes[3])  # fmt: skip
    with tenancy.session(world.tenant) as connection:
        seen = features.present(connection, world.storm_id, NOW)
    assert len(seen) == 12  # the skipped too
    place = {home: number for number, home in enumerate(seen.property_id)}
    no = {channel: {home for home in homes if refused[place[home]]} for channel, refused in seen.refused.items()}
    nobody: dict[str, set[str]] = {channel: set() for channel in ("call", "text", "email")}
    assert no == {"all": {homes[1]}, "door": {homes[0]}, "mail": {homes[0]}, **nobody}
    first = place[homes[0]]
    assert (seen.has_phone[first], seen.has_email[first]) == (False, True)
    assert seen.has_phone.sum() == 11 and seen.has_email.sum() == 1


def test_the_fingerprint_is_of_what_a_model_sees(world):
    before = known(world).fingerprint()
    assert before == known(world).fingerprint() and len(before) == 64
    run(world, "UPDATE properties SET owner_name = 'Somebody else'")
    assert known(world).fingerprint() == before
    run(world, "UPDATE property_impacts SET hail_in = hail_in + 0.001 WHERE property_id = :home",
        home=world.properties["property_id"][3])  # fmt: skip
    changed = known(world).fingerprint()
    assert changed != before
    run(world, "UPDATE policy_outcomes SET actual_converted = NOT actual_converted WHERE property_id = :home",
        home=world.properties["property_id"][3])  # fmt: skip
    assert known(world).fingerprint() not in (before, changed)


def test_the_fingerprint_does_not_depend_on_the_order_of_rows(world):
    seen = known(world)
    order = np.random.default_rng(0).permutation(10)
    again = features.Past(seen.features.iloc[order].reset_index(drop=True), seen.treated[order], seen.signed[order],
                          seen.storm.iloc[order].reset_index(drop=True),
                          seen.property_id.iloc[order].reset_index(drop=True))  # fmt: skip
    assert again.fingerprint() == seen.fingerprint()


def test_arms_are_counted_by_storm(world):
    with tenancy.session(world.tenant) as connection:
        found = features.arms(connection)
    assert found.drop(columns=["storm_id", "event_date"]).to_dict("records") == [
        {"slug": "hail", "treated": 6, "treated_known": 6, "held": 4, "held_known": 4}
    ]
    assert isinstance(found, pd.DataFrame)

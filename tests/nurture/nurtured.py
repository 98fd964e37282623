"""Small worlds for nurture: treated homes that can be reached, a moment that is in the future, and helpers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from world import make_world

from stormplay import tenancy
from stormplay.nurture import NurtureLoop, Rules

# A Tuesday, 10:00 in Texas. Always ahead of the real clock, so that nothing is in the past by itself.
TUESDAY = datetime(2040, 5, 8, 15, 0, tzinfo=UTC)
DAY = timedelta(days=1)
NOBODY_HELD = Rules(holdout_share=0.0)


class Street:
    """A fresh tenant, its loop, and SQL in it."""

    def __init__(self, treat=8, hold_out=2, skip=1, rules=NOBODY_HELD, **more):
        more = {"suppressed": 0, "without_place": 0, **more}
        self.world = make_world(treat=treat, hold_out=hold_out, skip=skip, **more)
        self.loop = NurtureLoop(self.world.tenant, self.world.storm)
        self.run("UPDATE lead_uplift SET expected_uplift = 0.2 + expected_uplift / 10")
        self.run("UPDATE properties SET phone = '(817) 555-0142', email = 'owner@example.com'")
        self.loop.save_rules(rules)
        self.homes = list(self.loop.candidates(page_size=1_000, now=TUESDAY)["property_id"])

    def run(self, statement, **values):
        with tenancy.session(self.world.tenant) as connection:
            return connection.execute(text(statement), {"storm": self.world.storm_id, **values}).rowcount

    def rows(self, query, **values):
        with tenancy.session(self.world.tenant) as connection:
            return connection.execute(text(query), {"storm": self.world.storm_id, **values}).all()

    def one(self, query, **values):
        return self.rows(query, **values)[0][0]

    def refuse(self, home, channel="all", at=TUESDAY - DAY, lifted=None):
        self.run(
            "INSERT INTO suppressions (property_id, channel, reason, suppressed_at, lifted_at)"
            " VALUES (:home, :channel, 'said so', :at, :lifted)",
            home=home, channel=channel, at=at, lifted=lifted,
        )  # fmt: skip

    def touch(self, home, at, channel="call"):
        self.run(
            'INSERT INTO customer_journeys (property_id, storm_id, channel, "timestamp") VALUES (:h, :storm, :c, :at)',
            h=home, c=channel, at=at,
        )  # fmt: skip

    def convert(self, home, converted=True):
        self.run(
            "INSERT INTO policy_outcomes (property_id, storm_id, actual_converted) VALUES (:home, :storm, :converted)",
            home=home, converted=converted,
        )  # fmt: skip

    def another_storm(self, slug="later", event_date="2021-06-01", status="active"):
        self.run(
            "INSERT INTO storms (slug, name, event_date, status) VALUES (:slug, :slug, :day, :status)",
            slug=slug, day=event_date, status=status,
        )  # fmt: skip
        return self.one("SELECT storm_id FROM storms WHERE slug = :slug", slug=slug)

    def steps(self):
        return self.rows(
            "SELECT property_id::text, step_number, channel, status, reason, scheduled_at FROM nurture_sequences"
            " ORDER BY property_id, step_number"
        )

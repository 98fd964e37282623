"""A block of homes for the policy: a fresh tenant, its storm undecided, and SQL in it."""

from __future__ import annotations

from sqlalchemy import text
from world import make_world

from stormplay import TreatmentPolicy, tenancy


class Block:
    """Homes of one company after one storm; expected uplift of 0.2 and 1.5 in of hail unless changed."""

    def __init__(self, homes=60, **more):
        more = {"suppressed": 0, "without_place": 0, "is_decided": False, **more}
        self.world = make_world(treat=homes, hold_out=0, skip=0, **more)
        self.tenant, self.storm_id = self.world.tenant, self.world.storm_id
        self.run("UPDATE lead_uplift SET expected_uplift = 0.2")
        self.policy = TreatmentPolicy(self.tenant, self.world.storm)

    def run(self, statement, **values):
        with tenancy.session(self.tenant) as connection:
            return connection.execute(text(statement), {"storm": self.storm_id, **values}).rowcount

    def rows(self, query, **values):
        with tenancy.session(self.tenant) as connection:
            return connection.execute(text(query), {"storm": self.storm_id, **values}).all()

    def one(self, query, **values):
        return self.rows(query, **values)[0][0]

    def homes(self, decision):
        found = self.policy.decisions()
        return found.loc[found["decision"] == decision, "property_id"].tolist()

    def another_storm(self, slug="later", event_date="2021-06-01", status="active"):
        return self.one(
            "INSERT INTO storms (slug, name, event_date, status) VALUES (:slug, :slug, :day, :status)"
            " RETURNING storm_id",
            slug=slug, day=event_date, status=status,
        )  # fmt: skip

    def refuse(self, home, channel="door"):
        self.run("INSERT INTO suppressions (property_id, channel, reason) VALUES (:h, :c, 'no')", h=home, c=channel)

    def give_job(self, home, status="scheduled"):
        self.run("INSERT INTO jobs (property_id, storm_id, status) VALUES (:h, :storm, :s)", h=home, s=status)

    def learn_outcome(self, home, converted=False):
        self.run("INSERT INTO policy_outcomes (property_id, storm_id, actual_converted) VALUES (:h, :storm, :c)",
                 h=home, c=converted)  # fmt: skip

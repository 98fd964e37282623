"""A small storm whose score can be moved in every way, by a person's login or by the administrator."""

from __future__ import annotations

from uuid import uuid4

import numpy as np
import pandas as pd
from sqlalchemy import text
from world import make_world

from stormplay import StormPlayScore, tenancy
from stormplay import database as db


class Play:
    """A world with 30 decided homes, 20 without a decision, and a score."""

    def __init__(self, treat=20, hold_out=8, skip=2, undecided=20):
        self.world = make_world(treat, hold_out, skip, suppressed=0)
        self.tenant, self.storm_id = self.world.tenant, self.world.storm_id
        self.homes = list(self.world.properties["property_id"])
        extra = pd.DataFrame({"property_id": [str(uuid4()) for _ in range(undecided)], "address": "1 Later Street"})
        with tenancy.session(self.tenant) as connection:
            tenancy.insert(connection, "properties", extra)
            self.tenant_id = connection.info["tenant_id"]
        self.undecided = list(extra["property_id"])
        self.score = StormPlayScore(self.tenant, "hail")

    def run(self, *statements, **values):
        """Statements of one transaction, as the local person."""
        with tenancy.session(self.tenant) as connection:
            for statement in statements:
                connection.execute(text(statement), self.values(values))

    def as_administrator(self, *statements, **values):
        with db.transaction(db.admin_url()) as connection:
            for statement in statements:
                connection.execute(text(statement), self.values(values))

    def values(self, more=None):
        return {"storm": self.storm_id, "tenant": self.tenant_id, "homes": self.homes, "home": self.homes[0],
                "late": self.undecided, **(more or {})}  # fmt: skip

    def agrees(self):
        """The kept score is what the rows say, and no note of a transaction is left behind."""
        current = self.score.current()
        assert current.counts == self.score.recount()
        with db.transaction(db.admin_url()) as connection:
            kept = connection.execute(text("""SELECT policy_coverage, route_completion, conversion_lift, data_quality,
                score FROM storm_scores WHERE storm_id = :storm"""), self.values()).one()  # fmt: skip
            assert tuple(kept) == tuple(current.counts.components().values())
            assert connection.execute(text("SELECT count(*) FROM sec.score_pending")).scalar_one() == 0
        return True

    def causes(self):
        return self.score.history()["cause"].tolist()

    def add_jobs(self, n=10):
        self.run(f"""INSERT INTO jobs (storm_id, property_id) SELECT :storm, unnest(CAST(:homes AS uuid[]))
                      LIMIT {n} ON CONFLICT DO NOTHING""")  # fmt: skip


def moves(rng: np.random.Generator) -> list[tuple[str, str]]:
    """What can happen to a score: by whom, and a statement that chooses its rows by chance."""
    some, value = f"abs(hashtext(property_id::text || '{rng.integers(1e9)}')) % 5 = 0", float(rng.uniform(0, 0.3))
    at_home = "storm_id = :storm AND " + some
    return [
        ("person", f"""INSERT INTO policy_decisions_log (storm_id, property_id, decision, reason, model_version)
                       SELECT :storm, property_id, (ARRAY['treat', 'hold_out', 'skip'])[{rng.integers(1, 4)}], 'x', 'x'
                         FROM properties WHERE {some} ON CONFLICT DO NOTHING"""),
        ("administrator", f"""UPDATE policy_decisions_log SET decision = 'skip' WHERE decision <> 'hold_out'
                                 AND {at_home} AND property_id NOT IN (SELECT property_id FROM policy_outcomes
                                 UNION SELECT property_id FROM jobs WHERE status <> 'scheduled')"""),
        ("administrator", f"DELETE FROM policy_decisions_log WHERE {at_home}"),
        ("person", f"UPDATE lead_uplift SET expected_uplift = {value} WHERE {some}"),
        ("person", f"""INSERT INTO lead_uplift (property_id, expected_uplift, next_best_action, model_version)
                       SELECT property_id, {value}, 'door', 'x' FROM properties WHERE {some} ON CONFLICT DO NOTHING"""),
        ("person", f"""INSERT INTO jobs (storm_id, property_id, status) SELECT :storm, property_id, 'scheduled'
                         FROM properties WHERE {some} AND property_id NOT IN (SELECT property_id
                         FROM policy_decisions_log WHERE decision = 'hold_out') ON CONFLICT DO NOTHING"""),
        ("person", f"UPDATE jobs SET status = 'completed', completed_at = now() WHERE {at_home}"),
        ("person", f"UPDATE jobs SET status = 'inspected', completed_at = NULL WHERE {at_home}"),
        ("person", f"UPDATE jobs SET notes = 'seen', completed_at = now() WHERE {at_home}"),
        ("administrator", f"DELETE FROM jobs WHERE {at_home}"),
        ("person", f"""INSERT INTO policy_outcomes (storm_id, property_id, actual_converted)
                       SELECT :storm, property_id, (ARRAY[true, false, NULL])[{rng.integers(1, 4)}] FROM properties
                        WHERE {some} ON CONFLICT DO NOTHING"""),
        ("person", f"""UPDATE policy_outcomes SET actual_converted = {rng.choice(['true', 'false', 'NULL'])}
                        WHERE {at_home}"""),
        ("person", f"""MERGE INTO policy_outcomes o USING properties p ON o.property_id = p.property_id
                         AND o.storm_id = :storm WHEN MATCHED THEN UPDATE SET actual_converted = NOT o.actual_converted
                       WHEN NOT MATCHED AND {some.replace('property_id', 'p.property_id')} THEN
                       INSERT (storm_id, property_id, actual_converted) VALUES (:storm, p.property_id, true)"""),
        ("administrator", f"DELETE FROM policy_outcomes WHERE {at_home}"),
        ("person", f"""INSERT INTO quality_runs (storm_id, checks, issues, seconds, made_by)
                       VALUES (:storm, 300, {rng.integers(0, 60)}, 1, 'x')"""),
        ("administrator", """DELETE FROM quality_runs WHERE run_id = (SELECT run_id FROM quality_runs
                              WHERE storm_id = :storm ORDER BY made_at DESC LIMIT 1)"""),
    ]  # fmt: skip

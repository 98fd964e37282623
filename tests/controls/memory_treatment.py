"""A storm's treatment kept in memory: the library's own pure functions over a frame that a test can change."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import UTC, datetime

import memory
import numpy as np
import pandas as pd
from memory_score import EVIL, MOMENT

from stormplay.errors import BadInput, Cancelled, Conflict, TooLittleData, UnknownModel, UnknownStorm, UnknownTenant
from stormplay.experiments.read_out import Record, pool_storms, put_together
from stormplay.policy import DryRun, Rules, changes, decide, margin, uplift_curve
from stormplay.policy.store import Draw, with_draw
from stormplay.policy.treatment import Applied
from stormplay.registry import Card, Version
from stormplay.uplift.comparing import compare

SLUG = "2021-04-28"


def street(n=400, seed=0):
    """Homes that nobody has decided on: a fifth outside the swath, a few that want no visit."""
    rng = np.random.default_rng(seed)
    hail = rng.uniform(0.5, 2.5, n)
    return pd.DataFrame({
        "property_id": [f"{k:08d}-0000-4000-8000-{k:012d}" for k in range(n)], "hail_in": hail,
        "expected_uplift": rng.uniform(0, 0.3, n), "is_suppressed": rng.random(n) < 0.05, "job_value_cents": 900_000.0,
        "decision_before": None, "reason_before": None, "zip_code": "=1+1",
    }).astype({"decision_before": object, "reason_before": object})  # fmt: skip


@dataclass
class MemoryPolicy:
    """Gives what a `stormplay.TreatmentPolicy` gives."""

    homes: pd.DataFrame = field(default_factory=street)
    company: Rules = field(default_factory=Rules)
    model_version: str = "demo-planted-1"
    known: int = 0  # of each arm, homes whose outcome is known
    runs: list[dict] = field(default_factory=list)
    fails: Exception | None = None
    dry_runs: int = 0

    @property
    def draw(self):
        return Draw(self.runs[0]["salt"], self.runs[0]["holdout_share"]) if self.runs else None

    @property
    def rules(self):
        if not self.runs:
            return self.company
        return dataclasses.replace(self.company, holdout_share=self.draw.holdout_share, salt="")

    def _facts(self):
        arm = self.homes["decision_before"].where(self.homes["decision_before"].isin(["treat", "hold_out"]))
        place = self.homes.groupby(arm).cumcount()
        return self.homes.assign(arm=arm, is_fixed=arm.notna() & (place < self.known))

    def _decided(self, rules):
        drawn = with_draw(rules, SLUG, self.draw)
        facts = self._facts()
        return facts, drawn, decide(facts, drawn)

    def dry_run(self, rules=None):
        self.dry_runs += 1
        if self.homes.empty:
            raise BadInput("This company has no homes yet.", "", "Import addresses first.")
        rules = self.rules if rules is None else rules
        facts, drawn, decided = self._decided(rules)
        n = decided["decision"].value_counts()
        return DryRun(
            rules, len(decided), int(n.get("treat", 0)), int(n.get("hold_out", 0)), int(n.get("skip", 0)),
            changes.crossed(facts, decided), changes.moved(facts, decided), changes.kept(decided),
            changes.ledger(decided), margin(decided, drawn), False, self.model_version,
        )  # fmt: skip

    def apply(self, rules=None):
        if self.fails:
            raise self.fails
        would = self.dry_run(rules)
        _, drawn, decided = self._decided(would.rules)
        moved = decided.loc[would.homes.index]
        self.homes.loc[moved.index, "decision_before"] = moved["decision"]
        self.homes.loc[moved.index, "reason_before"] = moved["reason"]
        self.runs.append({
            "run_id": str(len(self.runs)), "run_number": len(self.runs) + 1, "made_at": MOMENT, "made_by": EVIL,
            "model_version": self.model_version, "eligible": would.eligible, "treated": would.treated,
            "held_out": would.held_out, "skipped": would.skipped, "changed": would.changed, "salt": drawn.salt,
            "holdout_share": drawn.holdout_share, "rules": would.rules.to_mapping(), "ledger": [],
        })  # fmt: skip
        return Applied(str(len(self.runs)), len(self.runs), would)

    @property
    def kept_rules(self):
        return self.company

    def exchange_rules(self, rules, instead_of):
        if self.company != instead_of:
            raise Conflict("Somebody has kept other rules since.")
        self.company = rules
        return ""

    def uplift_curve(self, rules=None):
        rules = self.rules if rules is None else rules
        return uplift_curve(self._facts(), with_draw(rules, SLUG, self.draw))

    def try_out(self, rules=None):
        return self.dry_run(rules), self.uplift_curve(rules)

    def decisions(self):
        rows = self.homes[self.homes["decision_before"].notna()]
        named = rows.rename(columns={"decision_before": "decision", "reason_before": "reason"})
        return named.assign(model_version=self.model_version, decided_at=MOMENT, run_id=None)

    def ledger(self):
        return changes.ledger(self.decisions())

    def history(self):
        return pd.DataFrame(self.runs)


@dataclass
class MemoryExperiment:
    """Gives what an `Experiment` gives, of counts by arm and band: homes, known, converted, reached of the known."""

    bands: dict = field(default_factory=lambda: {
        "1-1.5 in": ((400, 200, 20, 150), (100, 50, 2, 1)), "1.5-2 in": ((400, 200, 50, 150), (100, 50, 3, 0)),
    })  # fmt: skip
    others: dict = field(default_factory=lambda: {"2020-04-28": (40, 400, 4, 100), "2016-03-17": (0, 0, 0, 0)})

    def read_out(self):
        rows = [
            {"is_treated": treated, "band": band, "place": float(place), "homes": homes, "known": known,
             "converted": signed, "pending": 0, "reached": reached, "reached_known": reached,
             "reached_converted": min(signed, reached), "immature": 0}
            for place, (band, arms) in enumerate(self.bands.items())
            for treated, (homes, known, signed, reached) in zip((True, False), arms, strict=True)
        ]  # fmt: skip
        columns = ["is_treated", "band", "place", "homes", "known", "converted", "pending", "reached", "reached_known",
                   "reached_converted", "immature"]  # fmt: skip
        at = MOMENT if rows else None
        about = pd.Series({"slug": SLUG, "name": "Hail", "org_name": "Lone Star", "is_synthetic": True,
                           "decided_at": at, "observed_at": at}, dtype=object)  # fmt: skip
        found = Record(about, pd.DataFrame(rows, columns=columns), ())
        return put_together(found, treat_share=None, confidence=0.95, margin=0.01, looks="many")

    def pooled(self):
        read = self.read_out()
        mine = (read.treated.converted, read.treated.known, read.held.converted, read.held.known)
        rows = [
            {"slug": slug, "homes": n, "control_homes": m, "converted": a, "n": n, "control_converted": b,
             "control_n": m, "immature": 0}
            for slug, (a, n, b, m) in {SLUG: mine, **self.others}.items()
        ]  # fmt: skip
        return pool_storms(pd.DataFrame(rows), treat_share=None, confidence=0.95, margin=0.01, looks="many")


def version(number, learner="x", qini=0.005, **more):
    points = [0.0, 0.5, 1.0]
    curve = {"share": points, "gain": [0.0, 0.06, 0.1], "gain_se": [0.0, 0.01, 0.01]}
    metrics = {
        "verdict": "too early to say", "qini": qini, "qini_se": 0.003, "sentences": ["Measured on 3,600 homes.", EVIL],
        "curves": {learner: curve, "response": curve},
        "bins": [{"predicted": p, "observed": p, "low": p - 0.1, "high": p + 0.1, "treated": 300, "held": 80}
                 for p in (0.05, 0.15)],
        "strongest": [{"feature": "roof_age_years", "points": 2.31}],
    }  # fmt: skip
    said = {
        "model_name": "uplift", "version": number, "model_version": f"uplift@{number}", "source": "trained",
        "params": {"learner": learner}, "metrics": metrics, "data_fingerprint": "ab" * 32, "code_version": "1.0",
        "feature_names": ("roof_age_years",), "artifact": "a", "artifact_sha256": "cd" * 32, "signature": "",
        "note": "",
        "trained_on": {"storms": [SLUG], "homes": 3_600, "treated": 2_880, "held_out": 720, "signed": 441},
        "made_by": "Ana Torres", "made_at": datetime(2021, 7, 1, 12, tzinfo=UTC),
    }  # fmt: skip
    return Version(**(said | more))


PLANTED = version(1, model_name="demo-planted", model_version="demo-planted-1", source="planted", artifact=None,
                  artifact_sha256=None, note="planted with the demo data", metrics={}, trained_on={}, params={},
                  data_fingerprint="")  # fmt: skip
MOVES = ["alias", "move_number", "act", "from_version", "to_version", "reason", "moved_by", "moved_at"]


@dataclass
class MemoryModels:
    """Gives what a `ModelRegistry` gives."""

    made: list[Version] = field(default_factory=list)
    moves: list[dict] = field(default_factory=list)

    def _held(self, alias):
        held = []
        for move in (move for move in self.moves if move["alias"] == alias):
            held = held[:-1] if move["act"] == "roll_back" else [*held, move["to_version"]]
        return held

    def _holder(self, alias):
        held = self._held(alias)
        if not held:
            raise UnknownModel(f"The model 'uplift' has no {alias} yet.")
        return self.made[held[-1] - 1]

    def champion(self):
        return self._holder("champion")

    def challenger(self):
        return self._holder("challenger")

    def versions(self):
        return pd.DataFrame([dataclasses.asdict(one) for one in reversed(self.made)])

    def history(self, alias=None):
        return pd.DataFrame(self.moves, columns=MOVES)

    def trace(self, model_version):
        for one in [PLANTED, *self.made]:
            if one.model_version == model_version:
                mine = self.history() if one is not PLANTED else self.history().head(0)
                return Card(one, mine)
        raise UnknownModel(f"No model '{model_version}' is registered.")

    def last_move(self, alias="champion"):
        return sum(move["alias"] == alias for move in self.moves)

    def register(self, one):
        self.made.append(one)
        self._move("challenger", "promote", one.version, "registered")

    def promote(self, number, reason, *, seen=None):
        assert seen == self.last_move()
        return self._move("champion", "promote", number, reason)

    def roll_back(self, reason, *, seen=None):
        assert seen == self.last_move()
        return self._move("champion", "roll_back", self._held("champion")[-2], reason)

    def _move(self, alias, act, number, reason):
        said = {"from_version": None, "reason": reason, "moved_by": "Ana Torres", "moved_at": MOMENT}
        place = {"alias": alias, "move_number": self.last_move(alias) + 1, "act": act, "to_version": number}
        self.moves.append(place | said)
        return place["move_number"]


@dataclass
class MemoryScorer:
    """Gives what an `UpliftScorer` gives."""

    models: MemoryModels
    policy: MemoryPolicy
    too_little: bool = False

    def train(self, learner="x", *, progress=None):
        if self.too_little:
            raise TooLittleData("Too little data: of 127 held-out homes 8 signed.", "Expected 10 or more.")
        if progress is not None and not progress(0.5, "Fitting"):
            raise Cancelled("Stopped.", remedy="Nothing was changed.")
        self.models.register(version(len(self.models.made) + 1, learner))
        return self.models.made[-1]

    def compare(self, one=None, against=None, *, progress=None):
        rng = np.random.default_rng(0)
        treated, noise = rng.random(300) < 0.8, rng.random((2, 300))
        names = [self.models.challenger().model_version, self.models.champion().model_version]
        return compare(dict(zip(names, noise, strict=True)), noise[0], treated, (rng.random(300) < 0.1).astype(float))

    def score(self):
        self.policy.model_version = self.models.champion().model_version
        self.policy.homes["expected_uplift"] *= 0.5
        return f"400 of 400 homes scored by {self.policy.model_version} in 0.1 s."


@dataclass
class Memory:
    """All of it, ready for `controls.treatment`."""

    policy: MemoryPolicy = field(default_factory=MemoryPolicy)
    experiment: MemoryExperiment = field(default_factory=MemoryExperiment)
    models: MemoryModels = field(default_factory=MemoryModels)

    def __post_init__(self):
        self.scorer = MemoryScorer(self.models, self.policy)

    def world(self, role="admin"):
        """The callables of `controls.treatment`."""

        def of(thing):
            def make(tenant, storm):
                if tenant not in set(memory.TENANTS["slug"]):
                    raise UnknownTenant(f"There is no tenant '{tenant}' open to you.")
                if storm not in {SLUG, "2020-04-28"}:
                    raise UnknownStorm(f"This tenant has no storm '{storm}'.")
                return thing

            return make

        tenants = memory.TENANTS.assign(role=role)
        return {"policy": of(self.policy), "experiment": of(self.experiment), "scorer": of(self.scorer),
                "models": lambda tenant: self.models, "tenants": lambda: tenants,
                "storms": lambda tenant: memory.STORMS[tenant]}  # fmt: skip

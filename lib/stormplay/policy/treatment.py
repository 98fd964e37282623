"""The treatment policy of one storm: what it would decide, what it decides, and what it decided before."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import NamedTuple
from uuid import UUID

import pandas as pd
from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import quality, tenancy
from stormplay.errors import BadInput, Conflict
from stormplay.policy import changes, store
from stormplay.policy.changes import DryRun
from stormplay.policy.deciding import decide
from stormplay.policy.facts import model_versions, read
from stormplay.policy.margins import curve_of, margin, uplift_curve
from stormplay.policy.rules import Rules

_DECISIONS = """
SELECT d.property_id::text, d.decision, d.reason, d.model_version, d.decided_at, d.run_id::text, lu.expected_uplift,
       i.hail_in, p.zip_code
  FROM policy_decisions_log d
  JOIN properties p ON p.tenant_id = d.tenant_id AND p.property_id = d.property_id
  LEFT JOIN lead_uplift lu ON lu.tenant_id = d.tenant_id AND lu.property_id = d.property_id
  LEFT JOIN property_impacts i ON i.tenant_id = d.tenant_id AND i.property_id = d.property_id
                              AND i.storm_id = d.storm_id
 WHERE d.tenant_id = :tenant_id AND d.storm_id = :storm_id ORDER BY d.property_id
"""
_RUNS = """
SELECT run_id, run_number, made_at, made_by, model_version, eligible, treated, held_out, skipped, changed, salt,
       holdout_share, rules, ledger
  FROM policy_runs WHERE storm_id = :storm_id ORDER BY run_number
"""
_TRAIL = """
WITH past AS (             -- what it was, each time before it changed
    SELECT from_decision AS decision, from_reason AS reason, from_model_version AS model_version,
           from_decided_at AS decided_at, changed_at AS until
      FROM policy_decision_changes WHERE storm_id = :storm_id AND property_id = :property_id
), present AS (
    SELECT decision, reason, model_version, decided_at, CAST(NULL AS timestamptz) FROM policy_decisions_log
     WHERE storm_id = :storm_id AND property_id = :property_id
)
SELECT * FROM past UNION ALL SELECT * FROM present ORDER BY until NULLS LAST
"""

_KEPT = "SELECT policy_rules FROM tenants"
_KEPT_ALONE = "SELECT policy_rules FROM tenants FOR NO KEY UPDATE"


@dataclass(frozen=True)
class Applied:
    """What `apply` did.

    Attributes:
        run_id, run_number: The run as it is kept; the number counts the storm's runs from 1.
        done: What the dry run of the same moment shows.
    """

    run_id: str
    run_number: int
    done: DryRun

    @property
    def sentence(self) -> str:
        """The result in a sentence."""
        return self.done.sentence.replace("would be treated", "are treated").replace(" change.", " have changed.")


class _Made(NamedTuple):
    """What would be, the homes it was made from, the decisions, and the rules with the salt as it is hashed."""

    would: DryRun
    homes: pd.DataFrame
    decided: pd.DataFrame
    drawn: Rules


class TreatmentPolicy:
    """Decides for every home of a company whether it is treated, held out or skipped in one storm.

    Args:
        tenant: The tenant's slug or id; a selection, never an authority.
        storm: The storm's slug or id.

    Raises:
        UnknownTenant: No such tenant is open to this person.
        UnknownStorm: The tenant has no such storm.
        DatabaseUnavailable: Nothing answers.
    """

    def __init__(self, tenant: str | UUID, storm: str | UUID) -> None:
        self.tenant = tenant
        with tenancy.session(tenant) as connection:
            self.storm_id = tenancy.storm_id(connection, storm)
            query = text("SELECT slug FROM storms WHERE storm_id = :id")
            self.storm = str(connection.execute(query, {"id": self.storm_id}).scalar_one())

    @property
    def rules(self) -> Rules:
        """The company's parameters, with this storm's own share and salt where it was drawn already."""
        with tenancy.session(self.tenant) as connection:
            return self._rules(connection)

    @property
    def kept_rules(self) -> Rules | None:
        """The company's parameters, whatever this storm was drawn with; None: none were kept, those as shipped hold."""
        with tenancy.session(self.tenant) as connection:
            return _kept(connection)

    def save_rules(self, rules: Rules) -> str:
        """Keep the company's parameters; earlier ones are in the audit log. For its admins.

        Returns:
            '' or, where this storm was drawn with another share or salt, a sentence that says so.
        """
        with tenancy.session(self.tenant) as connection:
            return self._save(connection, rules)

    def exchange_rules(self, rules: Rules | None, instead_of: Rules | None) -> str:
        """`save_rules`, where the company's parameters are still those: what somebody else kept since is left alone.

        Args:
            rules: What to keep; None: those as shipped.
            instead_of: What `kept_rules` said.

        Returns:
            As `save_rules`.

        Raises:
            Conflict: Others are kept by now.
            NotAllowed: This person is no admin of the company.
        """
        with tenancy.session(self.tenant) as connection:
            if _kept(connection, lock=True) != instead_of:
                raise Conflict(
                    "Somebody has kept other rules since.", "Nothing was changed: theirs stay the company's.",
                    "Look again, then keep the rules that you want.",
                )  # fmt: skip
            return self._save(connection, rules)

    def _save(self, connection: Connection, rules: Rules | None) -> str:
        values = {"rules": None if rules is None else json.dumps(rules.to_mapping())}
        connection.execute(text("UPDATE tenants SET policy_rules = CAST(:rules AS jsonb)"), values)
        own, rules = self._rules(connection), rules or Rules()
        if (own.holdout_share, own.salt) == (rules.holdout_share, rules.salt):
            return ""
        return (
            f"The share to hold out, {rules.holdout_share * 100:g} %, and its salt hold from the next storm on; "
            f"this one was drawn with {own.holdout_share * 100:g} %."
        )

    def dry_run(self, rules: Rules | None = None) -> DryRun:
        """What `apply` would change now, writing nothing.

        Args:
            rules: None: `rules`.

        Raises:
            ArmFixed: The rules have another share or salt than the storm was drawn with.
            BadInput: The company has no home.
        """
        with tenancy.session(self.tenant) as connection:
            return self._made(connection, rules).would

    def try_out(self, rules: Rules | None = None, points: int = 400) -> tuple[DryRun, pd.DataFrame]:
        """`dry_run` and `uplift_curve` of the same moment: the homes are read and decided on once.

        Raises:
            ArmFixed, BadInput: As for `dry_run`.
        """
        with tenancy.session(self.tenant) as connection:
            made = self._made(connection, rules)
        return made.would, curve_of(made.decided, made.drawn, points)

    def apply(self, rules: Rules | None = None) -> Applied:
        """Decide, in one transaction, alone with the storm: the run, the decisions that change, and their trail.

        An arm that a home was given in this storm stays: from treat or hold_out it may only go to skip, and that only
        while no crew, contact or outcome is known of. Who was skipped may come in, by the draw.

        Args:
            rules: None: `rules`. They are not kept as the company's; see `save_rules`.

        Raises:
            ArmFixed, BadInput: As for `dry_run`.
            Conflict: Somebody else is deciding or planning this storm now.
            HeldOut: A home that is to be held out was given a job or contact.
            NotAllowed: This person may only read.
        """
        with tenancy.session(self.tenant) as connection:
            store.be_alone(connection, self.storm_id)
            would, facts, _, drawn = self._made(connection, rules)
            homes = would.homes.rename(columns={"to_decision": "decision", "to_reason": "reason"})
            homes = homes.assign(
                is_new=homes["from_decision"] == changes.UNDECIDED,
                model_version=facts["model_version"].to_numpy()[would.homes.index],
            )
            run = {
                "rules": would.rules.to_mapping(), "ledger": would.ledger.to_dict("records"),
                "model_version": would.model_version, "eligible": would.eligible, "treated": would.treated,
                "held_out": would.held_out, "skipped": would.skipped,
                "made_by": connection.execute(text("SELECT sec.my_name()")).scalar_one() or "nobody",
            }  # fmt: skip
            run_id, number = store.store(connection, self.storm_id, drawn, run, homes)
            quality.run_again_in(connection, self.storm_id)  # most checks are about who is decided on
        return Applied(run_id, number, would)

    def uplift_curve(self, rules: Rules | None = None, points: int = 400) -> pd.DataFrame:
        """How expected signatures grow with the homes visited, and where the limits cut: see `policy.uplift_curve`."""
        with tenancy.session(self.tenant) as connection:
            drawn = self._drawn(connection, self._rules(connection) if rules is None else rules)
            return uplift_curve(read(connection, self.storm_id).homes, drawn, points)

    def decisions(self) -> pd.DataFrame:
        """The decisions in force, one row a home: property_id, decision, reason, model_version, decided_at, run_id
        (None: loaded without a run), expected_uplift, hail_in (modelled, inches), zip_code. Empty where none were made.
        """
        with tenancy.session(self.tenant) as connection:
            return tenancy.bulk_frame(connection, _DECISIONS, {"storm_id": self.storm_id})

    def ledger(self) -> pd.DataFrame:
        """Where every home is: decision, reason, homes; the rows add up to all that were decided."""
        with tenancy.session(self.tenant) as connection:
            query = """SELECT decision, reason, count(*) AS homes FROM policy_decisions_log
                        WHERE tenant_id = :tenant_id AND storm_id = :storm_id GROUP BY 1, 2"""
            counted = tenancy.frame(connection, query, {"storm_id": self.storm_id})
        return changes.ledger(counted.loc[counted.index.repeat(counted["homes"].astype(int))])

    def history(self) -> pd.DataFrame:
        """The storm's runs, the first one first: run_id, run_number, made_at, made_by, model_version, eligible,
        treated, held_out, skipped, changed, salt, holdout_share, rules (a mapping), ledger (rows of `ledger`)."""
        with tenancy.session(self.tenant) as connection:
            return tenancy.frame(connection, _RUNS, {"storm_id": self.storm_id})

    def trail(self, property_id: str | UUID) -> pd.DataFrame:
        """What one home was decided in this storm, the first first: decision, reason, model_version, decided_at, until
        (NaT: in force)."""
        try:
            home = str(UUID(str(property_id)))
        except ValueError:
            raise BadInput(f"'{property_id}' is no property_id.", "Expected one of decisions().") from None
        with tenancy.session(self.tenant) as connection:
            return tenancy.frame(connection, _TRAIL, {"storm_id": self.storm_id, "property_id": home})

    def _rules(self, connection: Connection) -> Rules:
        rules = _kept(connection) or Rules()
        draw = store.drawn(connection, self.storm_id)
        if draw is None:
            return rules
        return replace(rules, holdout_share=draw.holdout_share, salt=store.own_word(draw, self.storm))

    def _drawn(self, connection: Connection, rules: Rules) -> Rules:
        return store.with_draw(rules, self.storm, store.drawn(connection, self.storm_id))

    def _made(self, connection: Connection, rules: Rules | None) -> _Made:
        wanted = self._rules(connection) if rules is None else rules
        drawn = self._drawn(connection, wanted)
        facts = read(connection, self.storm_id)
        if facts.homes.empty:
            raise BadInput(
                "This company has no homes yet.", "The policy decides for every home.", "Import addresses first."
            )
        decided = decide(facts.homes, drawn)
        count = decided["decision"].value_counts()
        made = DryRun(
            rules=wanted,
            eligible=len(decided),
            treated=int(count.get("treat", 0)),
            held_out=int(count.get("hold_out", 0)),
            skipped=int(count.get("skip", 0)),
            counts=changes.crossed(facts.homes, decided),
            homes=changes.moved(facts.homes, decided),
            kept=changes.kept(decided),
            ledger=changes.ledger(decided),
            margin=margin(decided, drawn),
            is_under_way=facts.is_under_way,
            model_version=model_versions(facts.homes),
        )
        return _Made(made, facts.homes, decided, drawn)


def _kept(connection: Connection, *, lock: bool = False) -> Rules | None:
    kept = connection.execute(text(_KEPT_ALONE if lock else _KEPT)).scalar_one()
    return None if kept is None else Rules.from_mapping(kept)

"""What a decision would change: from what to what, which homes and why, and where all of them are. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from stormplay.policy.margins import Margin
from stormplay.policy.rules import Rules

UNDECIDED = "undecided"
DECISIONS: Mapping[str, str] = {
    "treat": "Treated: worth a visit",
    "hold_out": "Control group: not visited, so that we know what visits are worth",
    "skip": "Skipped",
}


@dataclass(frozen=True)
class DryRun:
    """What `apply` would do now; nothing of it is written.

    Attributes:
        rules: The parameters.
        eligible, treated, held_out, skipped: Homes; the first is the sum of the others.
        counts: from_decision ('undecided': none yet), to_decision, homes: every home in one row's count.
        homes: The homes that would change: property_id, from_decision, to_decision, from_reason, to_reason,
            expected_uplift. The same decision for another reason to skip is a change too. The index is the home's row
            among all.
        kept: Homes that would be skipped and keep their arm, since work has begun or an outcome is known: decision,
            objection (why they would be skipped), homes (how many).
        ledger: Where every home would be: see `ledger`.
        margin: What capacity and budget are used, and what the next crew-day is worth.
        is_under_way: Whether crews or nurture have begun, so that no home leaves its arm any more.
        model_version: Whose uplift was looked at: one version, or the most frequent ones; 'not scored' for none.
    """

    rules: Rules
    eligible: int
    treated: int
    held_out: int
    skipped: int
    counts: pd.DataFrame
    homes: pd.DataFrame
    kept: pd.DataFrame
    ledger: pd.DataFrame
    margin: Margin
    is_under_way: bool
    model_version: str = "not scored"

    @property
    def changed(self) -> int:
        """How many homes would change."""
        return len(self.homes)

    @property
    def sentence(self) -> str:
        """The result in a sentence or three."""
        kept = int(self.kept["homes"].sum())
        why = "work has begun" if self.is_under_way else "their outcome is known"
        stay = f" {kept:,} that would be skipped keep their arm, since {why}." if kept else ""
        return (
            f"Of {self.eligible:,} homes {self.treated:,} would be treated, {self.held_out:,} held out and "
            f"{self.skipped:,} skipped; {self.changed:,} change.{stay}"
        )


def ledger(decisions: pd.DataFrame) -> pd.DataFrame:
    """Where the homes are: decision, reason, homes; the rows add up to all of them.

    Args:
        decisions: One row a home: decision and reason.
    """
    rows: list[tuple[str, str, int]] = []
    for decision, sentence in DECISIONS.items():
        part = decisions[decisions["decision"] == decision]
        if decision == "skip":
            counts = part["reason"].value_counts()
            rows += [(decision, f"{sentence}: {reason}", int(n)) for reason, n in counts.items()]
        else:
            rows.append((decision, sentence, len(part)))
    return pd.DataFrame(rows, columns=["decision", "reason", "homes"])


def moved(facts: pd.DataFrame, decided: pd.DataFrame) -> pd.DataFrame:
    """The homes whose decision, or whose reason to be skipped, is another than before, as `DryRun.homes` shows them.

    Who stays in an arm is not touched: when it was decided, and why, is what the experiment counts from.
    """
    both = pd.DataFrame({
        "property_id": facts["property_id"],
        "from_decision": facts["decision_before"].fillna(UNDECIDED),
        "to_decision": decided["decision"].to_numpy(),
        "from_reason": facts["reason_before"].fillna(""),
        "to_reason": decided["reason"].to_numpy(),
        "expected_uplift": decided["expected_uplift"].to_numpy(),
    })  # fmt: skip
    other = both["from_decision"] != both["to_decision"]
    reason = (both["to_decision"] == "skip") & (both["from_reason"] != both["to_reason"])
    return both[other | reason]


def crossed(facts: pd.DataFrame, decided: pd.DataFrame) -> pd.DataFrame:
    """Every home by what it was and would be: from_decision, to_decision, homes."""
    before = facts["decision_before"].fillna(UNDECIDED).to_numpy()
    pairs = pd.DataFrame({"from_decision": before, "to_decision": decided["decision"].to_numpy()})
    return pairs.value_counts(sort=False).rename("homes").reset_index()


def kept(decided: pd.DataFrame) -> pd.DataFrame:
    """The homes that keep an arm against the rules: decision, objection, homes."""
    those = decided[decided["is_kept"]]
    return those[["decision", "objection"]].value_counts().rename("homes").reset_index()

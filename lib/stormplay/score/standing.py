"""Where a storm's score stands: its counts, its components in words, and what is not measurable yet. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

import pandas as pd

from stormplay.score.formula import HIGH_UPLIFT, LABELS, WEIGHTS, score_components

NOT_YET = "not measurable yet"


@dataclass(frozen=True)
class Counts:
    """What a storm's score is made of.

    Attributes:
        decided: Homes with a decision for the storm; treat and hold_out are of them.
        treat, hold_out: Homes decided so.
        high_uplift: Homes with a decision whose expected uplift is above 0.15.
        completed, total: Jobs completed, and all jobs.
        treat_known, treat_converted: Treated homes whose outcome is known, and who of them signed.
        control_known, control_converted: The same of the held-out homes.
        issues, checks: Of the newest run of the data-quality checks.
    """

    decided: int = 0
    treat: int = 0
    hold_out: int = 0
    high_uplift: int = 0
    completed: int = 0
    total: int = 0
    treat_known: int = 0
    treat_converted: int = 0
    control_known: int = 0
    control_converted: int = 0
    issues: int = 0
    checks: int = 0

    @property
    def treat_rate(self) -> float:
        """treat_converted / treat_known; 0 where nothing is known."""
        return self.treat_converted / self.treat_known if self.treat_known else 0.0

    @property
    def control_rate(self) -> float:
        """control_converted / control_known; 0 where nothing is known."""
        return self.control_converted / self.control_known if self.control_known else 0.0

    def components(self) -> dict[str, float]:
        """The four components, 0 to 1, and the score, 0 to 100. Without a treated outcome there is no lift."""
        control_rate = self.control_rate if self.treat_known else 0.0
        return score_components(
            self.treat, self.high_uplift, self.completed, self.total, self.treat_rate, control_rate, self.issues,
            self.checks,
        )  # fmt: skip

    def not_measurable(self) -> dict[str, str]:
        """Component -> why it is not measurable yet, of those that are not."""
        reasons = {
            "policy_coverage": self._no_coverage(),
            "route_completion": "" if self.total else "there is no job yet: generate routes first",
            "conversion_lift": self._no_lift(),
            "data_quality": "" if self.checks else "no data-quality check has been made yet",
        }
        return {name: reason for name, reason in reasons.items() if reason}

    def _no_coverage(self) -> str:
        if self.high_uplift:
            return ""
        if self.decided:
            return f"none of the {self.decided:,} decided homes has an expected uplift above {100 * HIGH_UPLIFT:.0f} %"
        return "no home has a decision yet: run the treatment policy first"

    def _no_lift(self) -> str:
        missing = [arm for arm, n in (("treated", self.treat_known), ("held-out", self.control_known)) if not n]
        if missing:
            return f"no outcome of a {' or a '.join(missing)} home is known yet"
        if not self.control_converted:
            return f"none of {self.control_known:,} held-out homes has signed, so there is no rate to compare with"
        return ""

    def details(self) -> dict[str, str]:
        """Component -> its numerator and denominator in words."""
        return {
            "policy_coverage": f"{self.treat:,} homes to be treated, {self.high_uplift:,} with uplift above "
            f"{100 * HIGH_UPLIFT:.0f} %",
            "route_completion": f"{self.completed:,} of {self.total:,} jobs completed",
            "conversion_lift": f"{_rate(self.treat_converted, self.treat_known)} treated homes signed against "
            f"{_rate(self.control_converted, self.control_known)} held-out ones",
            "data_quality": f"{self.issues:,} issues in {self.checks:,} checks",
        }


def _rate(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,} ({100 * part / whole:.1f} %)" if whole else "none known of the"


@dataclass(frozen=True)
class Component:
    """One of the four.

    Attributes:
        name, label: Its key, and its name on a page.
        value: 0 to 1.
        numerator, denominator: What it is a quotient of (of lift: rates; of quality: checks without an issue).
        weight: Its share of the score.
        points, points_missing: What it brings and could still bring, of 100 * weight.
        detail: The counts behind it, in words.
        reason: Why it is not measurable yet; '' where it is.
    """

    name: str
    label: str
    value: float
    numerator: float
    denominator: float
    weight: float
    points: float
    points_missing: float
    detail: str
    reason: str

    @property
    def is_measurable(self) -> bool:
        """Whether its denominator is not zero."""
        return not self.reason

    @property
    def percent(self) -> float:
        """0 to 100."""
        return 100 * self.value


@dataclass(frozen=True)
class Standing:
    """A storm's score at one moment.

    Attributes:
        score: 0 to 100.
        components: The four, in the order of the formula.
        counts: What they are made of.
        as_of: When it was last counted, which is when anything behind it last changed; None: never counted.
        changed_at: When the score last became different.
        cause: Why, in words; '' where it never did.
        changed_by: Who.
        since: What has happened since the data were checked, in words; '': nothing.
    """

    score: float
    components: tuple[Component, ...]
    counts: Counts
    as_of: datetime | None = None
    changed_at: datetime | None = None
    cause: str = ""
    changed_by: str = ""
    since: str = ""

    @property
    def measured(self) -> int:
        """How many of the four components are measurable."""
        return sum(one.is_measurable for one in self.components)

    @property
    def is_measurable(self) -> bool:
        """Whether any component is."""
        return self.measured > 0

    def component(self, name: str) -> Component:
        """One of the four, by its key."""
        return next(one for one in self.components if one.name == name)

    def frame(self) -> pd.DataFrame:
        """One row a component: its attributes, and `most`, the points it could bring."""
        rows = [asdict(one) | {"most": 100 * one.weight} for one in self.components]
        return pd.DataFrame(rows)


def standing(counts: Counts, *, as_of: datetime | None = None, changed_at: datetime | None = None, cause: str = "",
             changed_by: str = "", since: str = "") -> Standing:  # fmt: skip
    """The score of counts; `since` says what has happened since its data were checked."""
    values, reasons, details = counts.components(), counts.not_measurable(), counts.details()
    if since:
        details["data_quality"] += f", before {since}"
    fractions = _fractions(counts)
    components = tuple(
        Component(
            name=name, label=LABELS[name], value=values[name], numerator=fractions[name][0],
            denominator=fractions[name][1], weight=weight, points=100 * weight * values[name],
            points_missing=100 * weight * (1 - values[name]), detail=details[name], reason=reasons.get(name, ""),
        )
        for name, weight in WEIGHTS.items()
    )  # fmt: skip
    return Standing(values["score"], components, counts, as_of, changed_at, cause, changed_by, since)


def _fractions(counts: Counts) -> Mapping[str, tuple[float, float]]:
    return {
        "policy_coverage": (counts.treat, counts.high_uplift),
        "route_completion": (counts.completed, counts.total),
        "conversion_lift": (counts.treat_rate - counts.control_rate, counts.control_rate),
        "data_quality": (counts.checks - counts.issues, counts.checks),
    }

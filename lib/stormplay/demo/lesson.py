"""The tutorial's arithmetic: what an experiment found beside what the demo planted."""

from __future__ import annotations

import html
from dataclasses import dataclass
from uuid import UUID

import pandas as pd

from stormplay import tenancy
from stormplay.controls import query
from stormplay.controls.record import Recorded
from stormplay.demo.truth import true_effect
from stormplay.errors import BadInput
from stormplay.experiments.read_out import ReadOut

_HOMES = """
SELECT i.hail_in::float8 AS hail_in, p.roof_age_years::float8 AS roof_age_years
FROM policy_decisions_log d
JOIN properties p ON p.tenant_id = d.tenant_id AND p.property_id = d.property_id
JOIN property_impacts i ON i.tenant_id = d.tenant_id AND i.property_id = d.property_id AND i.storm_id = d.storm_id
WHERE d.storm_id = CAST(:storm AS uuid) AND d.decision IN ('treat', 'hold_out')
"""


class Said(str):
    """A sentence that a notebook shows as one, without quotation marks."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self)}</p>"


@dataclass(frozen=True)
class Comparison:
    """An estimate and the truth behind it.

    Attributes:
        planted: Mean of the true effect over the homes of both arms, a difference of rates; None: nothing is planted.
        found: The difference of the arms' rates; None: not measurable yet.
        low, high: The ends of its interval.
        is_of_demo: Whether the company is one of the demo's.
    """

    planted: float | None
    found: float | None
    low: float
    high: float
    is_of_demo: bool = True

    @property
    def is_covered(self) -> bool:
        """Whether the interval holds what was planted; False where there is nothing to compare."""
        return self.planted is not None and self.found is not None and self.low <= self.planted <= self.high

    @property
    def sentence(self) -> str:
        """What was found and what was planted, in words."""
        if self.planted is None:
            why = "nobody has decided whom to visit after this storm" if self.is_of_demo else "this is no demo company"
            return f"Nothing is planted here: {why}. Look at storm 2020-04-28 of lone-star, which the demo brings."
        if self.found is None:
            return f"Planted were {_points(self.planted)}; no outcome is known in one of the arms, so nothing is found."
        held = "The interval holds what was planted" if self.is_covered else "This time the interval misses it"
        return (
            f"Found were {_points(self.found)} (from {_points(self.low)} to {_points(self.high)}), "
            f"planted were {_points(self.planted)}. {held}. Synthetic outcomes."
        )

    def _repr_html_(self) -> str:
        return Said(self.sentence)._repr_html_()

    def recorded(self) -> Recorded:
        """The numbers as plain scalars, for tests; those that are not known are left out."""
        numbers = {"found": self.found, "planted": self.planted, "low": self.low, "high": self.high}
        known = {name: value for name, value in numbers.items() if value is not None and self.found is not None}
        return Recorded({**known, "is_covered": self.is_covered})


def chosen(tenant: str, storm: str) -> tuple[str, str]:
    """Company and storm: those of the notebook, on a served page those that its address names.

    Raises:
        BadInput: The address names something that cannot be one.
    """
    asked = query.asked({"tenant": tenant, "storm": storm, "interactive": True})
    if asked.complaints:
        raise BadInput(" ".join(asked.complaints), "Open the page without it.")
    return str(asked["tenant"]), str(asked["storm"])


def arms(read_out: ReadOut) -> pd.DataFrame:
    """The arms of a storm: one row each, with homes, known (whose outcome is known), signed, rate (signed / known)."""
    both = {"visited": read_out.treated, "held out": read_out.held}
    rows = [[name, arm.homes, arm.known, arm.converted, arm.rate] for name, arm in both.items()]
    return pd.DataFrame(rows, columns=["arm", "homes", "known", "signed", "rate"])


def compare(tenant: str | UUID, storm: str | UUID, read_out: ReadOut) -> Comparison:
    """What the experiment of a storm found beside what the demo planted there.

    Raises:
        UnknownTenant: No such tenant is open to this person.
        UnknownStorm: The tenant has no such storm.
    """
    with tenancy.session(tenant) as connection:
        chosen = tenancy.storm_id(connection, storm)
        homes = tenancy.frame(connection, _HOMES, {"storm": chosen}).dropna()
    is_planted = read_out.is_synthetic and len(homes) > 0
    planted = float(true_effect(homes["hail_in"], homes["roof_age_years"]).mean()) if is_planted else None
    difference = read_out.difference
    return Comparison(planted, difference.value, difference.low, difference.high, read_out.is_synthetic)


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"

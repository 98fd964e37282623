"""What the page of the score knows of one storm: read from callables, kept in plain frames and numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

import pandas as pd

from stormplay.controls.plan import row_of


class StormScore(Protocol):
    """What the page needs of a `stormplay.StormPlayScore`."""

    def current(self) -> Any: ...  # noqa: D102
    def history(self) -> pd.DataFrame: ...  # noqa: D102
    def compare(self, other_storm: Any = None) -> pd.DataFrame: ...  # noqa: D102
    def cheapest_raise(self) -> pd.DataFrame: ...  # noqa: D102
    def lift(self) -> Any: ...  # noqa: D102


@dataclass(frozen=True)
class Play:
    """What is known of one storm's score when the page draws it.

    Attributes:
        tenant, storm: Slugs or ids, as they were asked for.
        company, storm_name, storm_status: As people call them.
        standing, history, steps, lift: As `StormPlayScore` returns them: current, history, cheapest_raise, lift.
        days: As `compare` returns it, against `other`.
        other: Slug or id of the storm to compare with; '' for the one before.
        is_synthetic: Whether the company's homes, owners and outcomes are made up.
    """

    tenant: str
    storm: str
    company: str
    storm_name: str
    storm_status: str
    standing: Any
    history: pd.DataFrame
    steps: pd.DataFrame
    lift: Any
    days: pd.DataFrame
    other: str
    is_synthetic: bool

    @property
    def as_of(self) -> datetime | None:
        """When anything behind the score last changed."""
        moment: datetime | None = self.standing.as_of
        return moment

    @property
    def this(self) -> str:
        """What this storm is called in `days`."""
        return str(self.days.attrs.get("this", self.storm_name))

    @property
    def other_name(self) -> str:
        """The storm that it is compared with; '' where none has a door."""
        names = [name for name in dict.fromkeys(self.days["storm"].astype(str)) if name != self.this]
        return names[0] if names else ""

    def with_standing(self, score: StormScore) -> Play:
        """Read the number alone, and how it came to be."""
        return replace(self, standing=score.current(), history=score.history())

    def against(self, score: StormScore, other: str) -> Play:
        """Compared with another storm."""
        return replace(self, days=score.compare(other or None), other=other)


@dataclass(frozen=True)
class Sources:
    """Where the page's frames come from; the page itself knows no database.

    Attributes:
        score: Makes a `StormScore` from a tenant and a storm, such as `stormplay.StormPlayScore`.
        tenants: Gives the tenants open to this person: `tenant_id`, `slug`, `org_name`, `role`, `is_synthetic`.
        storms: Gives a tenant's storms: `storm_id`, `slug`, `name`, `status`, `event_date`.
    """

    score: Callable[[str, str], StormScore]
    tenants: Callable[[], pd.DataFrame]
    storms: Callable[[str], pd.DataFrame]

    def open(self, tenant: str, storm: str, other: str) -> tuple[StormScore, Play]:
        """Open a storm and read all of it.

        Raises:
            UnknownTenant: If no such tenant is open to this person.
            UnknownStorm: If the tenant has no such storm, or none of that name to compare with.
            BadInput: If a storm is to be compared with itself.
        """
        score = self.score(tenant, storm)
        company = row_of(self.tenants(), "tenant_id", tenant)
        found = row_of(self.storms(tenant), "storm_id", storm)
        return score, Play(
            tenant=tenant,
            storm=storm,
            company=str(company["org_name"]),
            storm_name=str(found["name"]),
            storm_status=str(found["status"]),
            standing=score.current(),
            history=score.history(),
            steps=score.cheapest_raise(),
            lift=score.lift(),
            days=score.compare(other or None),
            other=other,
            is_synthetic=bool(company.get("is_synthetic")),
        )


def totals(play: Play) -> dict[str, int | float | str | None]:
    """Return the numbers of the page, as plain scalars."""
    standing, lift = play.standing, play.lift
    return {
        "score": round(float(standing.score), 6),
        **{one.name: round(float(one.value), 6) for one in standing.components},
        "measured": int(standing.measured),
        **{name: int(n) for name, n in vars(standing.counts).items()},
        "lift_verdict": str(lift.verdict.word),
        "difference_low": round(float(lift.difference.low), 6),
        "difference_high": round(float(lift.difference.high), 6),
        "srm_p_value": round(float(lift.srm.p_value), 6),
        "changes": len(play.history),
        "next_step": str(play.steps["step"].iloc[0]) if len(play.steps) else None,
    }

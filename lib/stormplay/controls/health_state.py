"""What the page of a company's health knows when it is drawn: read from callables, kept in plain frames and numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

import pandas as pd

from stormplay.controls.plan import row_of
from stormplay.errors import UnknownStorm
from stormplay.parameters import NEWEST


class Wellness(Protocol):
    """What the page needs of a `stormplay.TenantHealth`."""

    def read(self) -> Any: ...  # noqa: D102
    def get_checks(self, storm: str) -> pd.DataFrame: ...  # noqa: D102
    def run_checks(self, storm: str) -> pd.DataFrame: ...  # noqa: D102
    def acknowledge(self, alert_id: str) -> None: ...  # noqa: D102
    def get_invoice(self, number: int, kind: str) -> tuple[str, str | bytes, str]: ...  # noqa: D102
    def export_csv(self) -> str: ...  # noqa: D102


class MakeWellness(Protocol):
    """Makes a `Wellness` of a company, such as `stormplay.TenantHealth`."""

    def __call__(self, tenant: str, *, max_age_h: float) -> Wellness: ...  # noqa: D102


class Companies(Protocol):
    """Puts the reader's companies beside each other, such as `stormplay.health.companies_of_mine`."""

    def __call__(self, *, max_age_h: float) -> pd.DataFrame: ...  # noqa: D102


@dataclass(frozen=True)
class View:
    """What is known of a company when the page draws it.

    Attributes:
        tenant: Slug or id, as it was asked for.
        health: As `TenantHealth.read` returns it.
        storm, storm_name: Slug and name of the storm whose checks are shown; '' where the company has none.
        checks: What its newest checks counted, as `TenantHealth.get_checks` returns it.
        companies: Those in which the reader is admin, the worst first; empty where they are fewer than two.
    """

    tenant: str
    health: Any
    storm: str
    storm_name: str
    checks: pd.DataFrame
    companies: pd.DataFrame

    @property
    def as_of(self) -> datetime | None:
        """When anything of the company last changed."""
        fresh = self.health.dimension("freshness")
        return None if fresh is None else fresh.as_of

    @property
    def may_check(self) -> bool:
        """Whether the reader's role lets them check the data; the database decides, this only shows it."""
        return bool(self.storm) and self.may_act

    @property
    def may_act(self) -> bool:
        """Whether the reader's role lets them do more than read, likewise."""
        return bool(self.health.role != "viewer")

    @property
    def check_run(self) -> dict[str, Any]:
        """The run that `checks` are of: made_at, made_by; empty where there is none."""
        storm = row_of(self.health.storms, "storm_id", self.storm)
        found = self.health.checked[self.health.checked["storm_id"] == storm.get("storm_id")]
        return {} if found.empty else {str(name): value for name, value in found.iloc[0].items()}


@dataclass(frozen=True)
class Sources:
    """Where the page's frames come from; the page itself knows no database.

    Attributes:
        health: Makes a `Wellness` of a company.
        companies: Puts the reader's companies beside each other; None: the page shows one.
        tenants: Gives the tenants open to this person: `tenant_id`, `slug`, `org_name`, `role`, `is_synthetic`.
        storms: Gives a tenant's storms: `storm_id`, `slug`, `name`, `status`, `event_date`, the newest first.
        max_age_h: Hours after which a report is no longer fresh.
    """

    health: MakeWellness
    companies: Companies | None
    tenants: Callable[[], pd.DataFrame]
    storms: Callable[[str], pd.DataFrame]
    max_age_h: float

    def open(self, tenant: str, storm: str | None) -> tuple[Wellness, View]:
        """Open a company and read all of it.

        Args:
            tenant: Slug or id.
            storm: Slug or id of the storm whose checks are shown; 'newest' or None: the newest one.

        Raises:
            UnknownTenant: No such tenant is open to this person.
            UnknownStorm: The tenant has no such storm.
            BadInput: A report may be no hours old.
        """
        source = self.health(tenant, max_age_h=self.max_age_h)
        health = source.read()
        slug, name = _storm(health.storms, storm)
        checks = source.get_checks(slug) if slug else pd.DataFrame(columns=["check", "issues"])
        return source, View(tenant, health, slug, name, checks, self._companies())

    def again(self, source: Wellness, view: View) -> View:
        """The same company read again; its neighbours stay as they were read."""
        checks = source.get_checks(view.storm) if view.storm else view.checks
        return replace(view, health=source.read(), checks=checks)

    def _companies(self) -> pd.DataFrame:
        mine = self.tenants()
        if self.companies is None or (mine["role"] == "admin").sum() < 2:
            return pd.DataFrame(columns=["tenant"])
        return self.companies(max_age_h=self.max_age_h)


def _storm(storms: pd.DataFrame, wanted: str | None) -> tuple[str, str]:
    if found := row_of(storms, "storm_id", wanted or NEWEST):
        return str(found["slug"]), str(found["name"])
    if wanted not in (None, NEWEST):
        have = ", ".join(storms["slug"].astype(str).head(5))
        raise UnknownStorm(f"This tenant has no storm '{wanted}'.",
                           f"It has {have}." if have else "It has no storm yet.")  # fmt: skip
    return ("", "") if storms.empty else (str(storms["slug"].iloc[0]), str(storms["name"].iloc[0]))


def totals(view: View) -> dict[str, int | float | str | None]:
    """Return the numbers of the page, as plain scalars."""
    health = view.health
    states = [one.state for one in health.dimensions]
    return {
        "verdict": str(health.verdict.state),
        "dimensions": len(states),
        **{name: states.count(state) for name, state in
           (("act", "act"), ("watch", "watch"), ("early", "too early to say"), ("well", "well"))},
        "first": health.verdict.first.name if health.verdict.first else None,
        **health.numbers(),
    }  # fmt: skip

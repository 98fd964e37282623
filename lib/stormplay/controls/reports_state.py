"""What the page of reports knows of one storm: how each report stands, read from callables and judged here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

import pandas as pd

from stormplay import clock
from stormplay.controls.plan import row_of
from stormplay.errors import BadInput
from stormplay.ordering import Order

Word = Literal["fresh", "failed since", "too old", "never made"]

STATUSES = ("running", "fresh", "failed", "timed out", "stale", "killed")
LONGEST_RUN = timedelta(hours=7)  # a report may take six; what still says 'running' then was ended from outside
DRAWN = 50  # runs that stand in a report of reports


class Desk(Protocol):
    """What the page needs of a `stormplay.ReportDesk`."""

    def get_notebooks(self) -> list[str]: ...  # noqa: D102
    def get_standing(self) -> pd.DataFrame: ...  # noqa: D102
    def get_runs(self, notebook: str = "", status: str = "", limit: int = 25, skip: int = 0,  # noqa: D102
                 order: Order = None) -> pd.DataFrame: ...  # fmt: skip
    def count_runs(self, notebook: str = "", status: str = "") -> int: ...  # noqa: D102
    def export_runs_csv(self, notebook: str = "", status: str = "") -> str: ...  # noqa: D102
    def get_files(self, run_id: str) -> Sequence[Any]: ...  # noqa: D102
    def request(self, notebook: str) -> str: ...  # noqa: D102
    def get_request(self, request_id: str) -> dict[str, Any]: ...  # noqa: D102
    def cancel(self, request_id: str) -> None: ...  # noqa: D102


@dataclass(frozen=True)
class Standing:
    """How one report stands.

    Attributes:
        notebook: Its notebook.
        good: Its newest good run; None: there is none.
        bad: Its newest run that was not good, if it came after the good one.
        running: The run that is under way; None: there is none.
        failed_since: Runs since the good one that were not good.
        age: Since the good run ended.
        word: What all of this amounts to.
    """

    notebook: str
    good: Mapping[str, Any] | None
    bad: Mapping[str, Any] | None
    running: Mapping[str, Any] | None
    failed_since: int
    age: timedelta | None
    word: Word


@dataclass(frozen=True)
class Reports:
    """What is known of one storm's reports when the page draws them.

    Attributes:
        tenant, storm: Slugs or ids, as they were asked for.
        company, storm_name, storm_status: As people call them.
        standings: One for each notebook, by name.
        max_age_h: Hours that a report may be old.
        runs: The newest runs.
        run_count: How many there are in all.
        is_synthetic: Whether homes, owners and outcomes are made up.
        may_run: Whether this person's role lets them run a report; the database decides, this only shows it.
    """

    tenant: str
    storm: str
    company: str
    storm_name: str
    storm_status: str
    standings: tuple[Standing, ...]
    max_age_h: float
    runs: pd.DataFrame
    run_count: int
    is_synthetic: bool
    may_run: bool

    @property
    def as_of(self) -> datetime | None:
        """When a run last ended, or began."""
        moments = [
            one[name]
            for row in self.standings
            for one, name in ((row.good, "ended_at"), (row.bad, "ended_at"), (row.running, "started_at"))
            if one is not None
        ]
        return max(moments, default=None)

    def of(self, *words: Word) -> list[Standing]:
        """Those that stand so."""
        return [one for one in self.standings if one.word in words]

    def standing(self, notebook: str) -> Standing | None:
        """How one report stands."""
        return next((one for one in self.standings if one.notebook == notebook), None)


@dataclass(frozen=True)
class Sources:
    """Where the page's frames come from; the page itself knows no database.

    Attributes:
        desk: Makes a `Desk` from a tenant and a storm, such as `stormplay.ReportDesk`.
        tenants: Gives the tenants open to this person: `tenant_id`, `slug`, `org_name`, `role`, `is_synthetic`.
        storms: Gives a tenant's storms: `storm_id`, `slug`, `name`, `status`, `event_date`.
        max_age_h: Hours that a report may be old.
    """

    desk: Callable[[str, str], Desk]
    tenants: Callable[[], pd.DataFrame]
    storms: Callable[[str], pd.DataFrame]
    max_age_h: float

    def open(self, tenant: str, storm: str) -> tuple[Desk, Reports]:
        """Open a storm and read how its reports stand.

        Raises:
            UnknownTenant: No such tenant is open to this person.
            UnknownStorm: The tenant has no such storm.
            BadInput: The most that a report may be old is nothing.
        """
        if not self.max_age_h > 0:
            raise BadInput(f"A report may be {self.max_age_h:g} hours old.", "Expected more than 0.")
        desk = self.desk(tenant, storm)
        company = row_of(self.tenants(), "tenant_id", tenant)
        found = row_of(self.storms(tenant), "storm_id", storm)
        return desk, Reports(
            tenant=tenant,
            storm=storm,
            company=str(company["org_name"]),
            storm_name=str(found["name"]),
            storm_status=str(found["status"]),
            standings=standings(desk.get_notebooks(), desk.get_standing(), self.max_age_h),
            max_age_h=self.max_age_h,
            runs=desk.get_runs(limit=DRAWN),
            run_count=desk.count_runs(),
            is_synthetic=bool(company.get("is_synthetic")),
            may_run=company.get("role") != "viewer",
        )


def standings(notebooks: Sequence[str], newest: pd.DataFrame, max_age_h: float) -> tuple[Standing, ...]:
    """How each report stands.

    Args:
        notebooks: Those that can be made; those of `newest` come with them.
        newest: As `ReportDesk.get_standing` returns it.
        max_age_h: Hours that a report may be old.
    """
    rows = {(str(row["notebook"]), str(row["kind"])): row for row in newest.to_dict("records")}
    names = sorted(set(notebooks) | {notebook for notebook, _ in rows})
    now = clock.now()
    return tuple(_standing(name, rows, timedelta(hours=max_age_h), now) for name in names)


def _standing(name: str, rows: Mapping[tuple[str, str], Any], most: timedelta, now: datetime) -> Standing:
    good, bad, running = (rows.get((name, kind)) for kind in ("good", "bad", "running"))
    failed = int(bad["failed_since"]) if bad else 0
    if running and now - running["started_at"] > LONGEST_RUN:
        running = None
    age = max(timedelta(0), now - good["ended_at"]) if good else None
    if age is None:
        word: Word = "never made"
    elif failed:
        word = "failed since"
    else:
        word = "too old" if age > most else "fresh"
    return Standing(name, good, bad if failed else None, running, failed, age, word)


def totals(reports: Reports) -> dict[str, int | float | None]:
    """Return the numbers of the page, as plain scalars."""
    ages = [one.age.total_seconds() / 3600 for one in reports.standings if one.age is not None]
    return {
        "reports": len(reports.standings),
        "fresh": len(reports.of("fresh")),
        "failed_since": len(reports.of("failed since")),
        "too_old": len(reports.of("too old")),
        "never_made": len(reports.of("never made")),
        "runs": reports.run_count,
        "oldest_h": round(max(ages), 2) if ages else None,
    }

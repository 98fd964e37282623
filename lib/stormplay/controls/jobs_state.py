"""The state of one storm's jobs: read from callables, told in plain frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

import pandas as pd

from stormplay.controls.plan import row_of
from stormplay.jobs.reading import Setting
from stormplay.jobs.workflow import Workflow

COUNTS = ("total", "ended", "completed", "knocked", "contacted", "inspected", "signed")


class Tracker(Protocol):
    """What the page needs of a `stormplay.JobTracker`."""

    workflow: Workflow

    def get_setting(self) -> Setting: ...  # noqa: D102
    def get_progress(self, by: str = "storm") -> pd.DataFrame: ...  # noqa: D102
    def get_stuck(self, limit: int = 100) -> pd.DataFrame: ...  # noqa: D102
    def find(self, address: str = "", **wanted: Any) -> pd.DataFrame: ...  # noqa: D102
    def count(self, address: str = "", **wanted: Any) -> int: ...  # noqa: D102
    def export_jobs_csv(self, address: str = "", **wanted: Any) -> str: ...  # noqa: D102
    def get_places(self, address: str = "", **wanted: Any) -> pd.DataFrame: ...  # noqa: D102
    def get_job(self, property_id: Any) -> dict[str, Any]: ...  # noqa: D102
    def get_trail(self, job_id: Any) -> pd.DataFrame: ...  # noqa: D102
    def get_photos(self, job_id: Any) -> list[dict[str, Any]]: ...  # noqa: D102
    def get_photo(self, photo_id: Any) -> tuple[bytes, str]: ...  # noqa: D102
    def get_missing_shots(self, job_id: Any) -> list[str]: ...  # noqa: D102
    def add_photo(self, job_id: Any, data: bytes, **options: Any) -> str: ...  # noqa: D102
    def remove_photo(self, photo_id: Any, *, back: bool = False) -> None: ...  # noqa: D102
    def update_job(self, job_id: Any, **changes: Any) -> dict[str, Any]: ...  # noqa: D102
    def undo(self, job_id: Any, *, expected_version: int | None = None) -> dict[str, Any]: ...  # noqa: D102
    def get_pack(self, route_id: Any = None, crew: str | None = None, day: date | None = None) -> Any: ...  # noqa: D102
    def import_csv(self, data: bytes | str) -> Any: ...  # noqa: D102


@dataclass(frozen=True)
class State:
    """What is known of a storm's jobs when the page draws them.

    Attributes:
        company, storm_name, storm_status: As people call them.
        setting: Day, clock and depot.
        workflow: The company's status machine.
        storm, crews, routes: Progress, as `JobTracker.get_progress` returns it by each.
        stuck: As `JobTracker.get_stuck` returns it.
        reports: The real hail reports of the day.
        contours: GeoJSON of the modelled hail, or None where there are no reports.
        is_synthetic: Whether homes, owners and outcomes are made up.
        may_write: Whether this person's role lets them change jobs; the database decides, this only shows it.
    """

    company: str
    storm_name: str
    storm_status: str
    setting: Setting
    workflow: Workflow
    storm: pd.DataFrame
    crews: pd.DataFrame
    routes: pd.DataFrame
    stuck: pd.DataFrame
    reports: pd.DataFrame
    contours: dict[str, Any] | None
    is_synthetic: bool
    may_write: bool

    @property
    def counts(self) -> dict[str, int]:
        """Jobs of the storm: total, ended, completed, and how many ever came so far."""
        return {name: int(self.storm[name].iloc[0]) if len(self.storm) else 0 for name in COUNTS}

    @property
    def as_of(self) -> datetime | None:
        """When a job last changed."""
        return None if self.storm.empty else self.storm["as_of"].iloc[0]

    @property
    def kinds(self) -> list[tuple[str, str, str]]:
        """Name, label and colour of each status."""
        return [(status.name, status.label, status.colour) for status in self.workflow.statuses.values()]

    @property
    def named(self) -> list[tuple[str, str]]:
        """Routes and crews by key and name, as they are offered for choice."""
        both = pd.concat([self.routes, self.crews])
        return list(zip(both["key"].astype(str), both["name"].astype(str), strict=True))

    def again(self, tracker: Tracker) -> State:
        """Read what may have changed."""
        return State(**{**vars(self), **_moving(tracker)})


@dataclass(frozen=True)
class Sources:
    """Where a page's frames come from; the page itself knows no database.

    Attributes:
        tracker: Makes a `Tracker` from a tenant and a storm, such as `stormplay.JobTracker`.
        tenants, storms, reports, swath: As for the page of Phase 3.
    """

    tracker: Callable[[str, str], Tracker]
    tenants: Callable[[], pd.DataFrame]
    storms: Callable[[str], pd.DataFrame]
    reports: Callable[[date], pd.DataFrame]
    swath: Callable[[pd.DataFrame], Any]

    def open(self, tenant: str, storm: str) -> tuple[Tracker, State]:
        """Open a storm and read what the page shows of it.

        Raises:
            UnknownTenant: No such tenant is open to this person.
            UnknownStorm: The tenant has no such storm.
        """
        tracker = self.tracker(tenant, storm)
        company = row_of(self.tenants(), "tenant_id", tenant)
        found: Mapping[str, Any] = row_of(self.storms(tenant), "storm_id", storm)
        reports = self.reports(found["event_date"])
        state = State(
            company=str(company["org_name"]),
            storm_name=str(found["name"]),
            storm_status=str(found["status"]),
            setting=tracker.get_setting(),
            workflow=tracker.workflow,
            reports=reports,
            contours=self.swath(reports).contours() if len(reports) else None,
            is_synthetic=bool(company.get("is_synthetic")),
            may_write=company.get("role") != "viewer",
            **_moving(tracker),
        )
        return tracker, state


def _moving(tracker: Tracker) -> dict[str, pd.DataFrame]:
    return {
        "storm": tracker.get_progress("storm"),
        "crews": tracker.get_progress("crew"),
        "routes": tracker.get_progress("route"),
        "stuck": tracker.get_stuck(),
    }


def share(part: float, whole: float) -> str:
    """A part of a whole in per cent; '–' where there is no whole."""
    return f"{100 * part / whole:.0f} %" if whole else "–"


def page_of(total: int, size: int, number: int) -> tuple[int, int]:
    """The page that there is, and how many: a filter may have left fewer pages than the reader was at."""
    pages = max(1, -(-total // size))
    return min(max(1, number), pages), pages


def labelled(statuses: Sequence[str], workflow: Workflow) -> list[str]:
    """Statuses as people read them."""
    return [workflow.label(name) for name in statuses]

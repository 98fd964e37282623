"""Phase 4: what is read of the jobs of a storm."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import pandas as pd

from stormplay import tenancy
from stormplay.errors import BadInput, UnknownJob, UnknownRoute
from stormplay.jobs import album, lists, outings, reading
from stormplay.jobs.picture import missing_shots
from stormplay.jobs.workflow import Workflow
from stormplay.ordering import Order
from stormplay.packs import Pack

MOST_PER_PAGE = 1_000


class JobReader:
    """The part of `JobTracker` that reads.

    Args:
        tenant: The tenant's slug or id; a selection, never an authority.
        storm: The storm's slug or id.
    """

    def __init__(self, tenant: str | UUID, storm: str | UUID) -> None:
        self.tenant = tenant
        with tenancy.session(tenant) as connection:
            self.storm_id = tenancy.storm_id(connection, storm)
            self.workflow: Workflow = reading.workflow(connection)

    def get_job(self, property_id: str | UUID) -> dict[str, Any]:
        """The job at a property, with what is known of the property.

        Returns:
            job_id, storm_id, route_id, property_id, status, notes (the newest), photos (list), claim_intel (dict),
            completed_at, status_since, updated_at, row_version, furthest, route_name, crew_name, address, city,
            zip_code, owner_name, phone, latitude, longitude, roof_age_years, roof_material, is_synthetic,
            expected_uplift, next_best_action, hail_in (modelled, inches), sii (0-100), do_not_knock.

        Raises:
            UnknownJob: This storm has no job there.
        """
        with tenancy.session(self.tenant) as connection:
            found = reading.job(connection, self.storm_id, property_id=as_id(property_id, "property"))
        if found is None:
            raise UnknownJob(f"There is no job at property '{property_id}' for this storm.",
                             "Expected a property on one of its routes.")  # fmt: skip
        return found

    def find(self, address: str = "", *, route_id: str | UUID | None = None, crew: str | None = None,
             statuses: Sequence[str] | None = None, limit: int = 100, skip: int = 0,
             order: Order = None) -> pd.DataFrame:  # fmt: skip
        """Jobs by how the address begins, by property, route, crew, status; a page of them.

        Args:
            address: How the address begins, in any case and spacing, or a whole property id.
            route_id: On this route; None: on any or none.
            crew: Of this crew's routes; '' for those without a crew; None: of all.
            statuses: In one of these; None: in any.
            limit: Rows, 1 to 1,000.
            skip: How many to pass over.
            order: By 'address', 'zip', 'route', 'crew', 'status', 'days' or 'uplift', and whether that ascends; None:
                by route and address.

        Returns:
            job_id, property_id, route_id, route_name, crew_name, address, zip_code, latitude, longitude, status,
            status_since, row_version, expected_uplift.

        Raises:
            BadInput: A status or an order that there is not, or a page of more than 1,000.
        """
        if not 1 <= limit <= MOST_PER_PAGE or skip < 0:
            raise BadInput(
                f"A page of {limit} from {skip} cannot be read.", f"Expected 1 to {MOST_PER_PAGE} from 0 on."
            )
        with tenancy.session(self.tenant) as connection:
            wanted = self._wanted(address, route_id, crew, statuses)
            return lists.page(connection, self.storm_id, wanted, limit=limit, skip=skip, order=order)

    def export_jobs_csv(self, address: str = "", *, route_id: str | UUID | None = None, crew: str | None = None,
                        statuses: Sequence[str] | None = None, order: Order = None) -> str:  # fmt: skip
        """What all pages of `find` list together, as CSV that is safe in a spreadsheet; at most the first 50,000."""
        with tenancy.session(self.tenant) as connection:
            wanted = self._wanted(address, route_id, crew, statuses)
            return lists.as_csv(connection, self.workflow, self.storm_id, wanted, order)

    def count(self, address: str = "", *, route_id: str | UUID | None = None, crew: str | None = None,
              statuses: Sequence[str] | None = None) -> int:  # fmt: skip
        """How many jobs all pages of `find` list together."""
        with tenancy.session(self.tenant) as connection:
            return lists.count(connection, self.storm_id, self._wanted(address, route_id, crew, statuses))

    def get_places(self, address: str = "", *, route_id: str | UUID | None = None, crew: str | None = None,
                   statuses: Sequence[str] | None = None) -> pd.DataFrame:  # fmt: skip
        """All jobs that `find` lists, for a map.

        Returns:
            job_id, property_id, latitude, longitude (degrees, or missing), status, address.
        """
        with tenancy.session(self.tenant) as connection:
            return lists.places(connection, self.storm_id, self._wanted(address, route_id, crew, statuses))

    def get_stuck(self, limit: int = 100) -> pd.DataFrame:
        """Jobs that have been in their status for longer than it should last, the longest overdue first.

        A closed storm has none: nobody is expected there any more.

        Returns:
            job_id, property_id, address, route_name, crew_name, status, status_since, days (in the status),
            allowed_days, overdue_days, why (a sentence); `.attrs['total']` is how many there are in all.
        """
        with tenancy.session(self.tenant) as connection:
            return lists.stuck(connection, self.workflow, self.storm_id, limit)

    def get_pack(self, route_id: str | UUID | None = None, crew: str | None = None, day: date | None = None) -> Pack:
        """What leaves the building for a route, or for all routes of a crew on a day.

        Args:
            route_id: The route, or
            crew: the crew; its finished routes are left out.
            day: The day it is for; None: today by the company's clock.

        Raises:
            BadInput: Neither was given, or both.
            UnknownRoute: There is no such route, or the crew has none that is not finished.
        """
        if (route_id is None) == (crew is None):
            raise BadInput("A pack is for one route or for one crew.", "Expected route_id or crew.")
        with tenancy.session(self.tenant) as connection:
            route = None if route_id is None else as_id(route_id, "route")
            return outings.pack(connection, self.storm_id, route_id=route, crew=crew, day=day)

    def get_setting(self) -> reading.Setting:
        """The storm's day, the company's clock and depot."""
        with tenancy.session(self.tenant) as connection:
            return reading.setting(connection, self.storm_id)

    def _wanted(self, address: str, route_id: str | UUID | None, crew: str | None,
                statuses: Sequence[str] | None) -> lists.Wanted:  # fmt: skip
        for status in statuses or ():
            self.workflow.check(status, status)
        return lists.Wanted(address, None if route_id is None else as_id(route_id, "route"), crew,
                            None if statuses is None else tuple(statuses))  # fmt: skip

    def get_trail(self, job_id: str | UUID) -> pd.DataFrame:
        """What happened to a job, newest first: at, who, what ('status' or 'note'), text."""
        with tenancy.session(self.tenant) as connection:
            return reading.trail(connection, as_id(job_id, "job"))

    def get_progress(self, by: str = "storm") -> pd.DataFrame:
        """How far jobs are, per 'route', per 'crew' or for the 'storm'; see `reading.progress`."""
        if by not in ("route", "crew", "storm"):
            raise BadInput(f"Progress by '{by}' is not known.", "Expected route, crew or storm.")
        with tenancy.session(self.tenant) as connection:
            return reading.progress(connection, self.workflow, self.storm_id, by)

    def get_route_progress(self, route_id: str | UUID) -> dict[str, Any]:
        """How far one route is: total, ended, completed, knocked, contacted, inspected, signed, completion_pct (0-100).

        Raises:
            UnknownRoute: The storm has no route of that id with jobs on it.
        """
        every = self.get_progress("route")
        found = every[every["key"] == as_id(route_id, "route")]
        if found.empty:
            raise UnknownRoute(f"This storm has no route '{route_id}'.", "Expected a route_id of get_routes().")
        row = found.iloc[0]
        counts = ("total", "ended", "completed", "knocked", "contacted", "inspected", "signed")
        return {"route_id": str(row["key"]), "route_name": row["name"], **{name: int(row[name]) for name in counts},
                "completion_pct": float(row["completion_pct"])}  # fmt: skip

    def get_photos(self, job_id: str | UUID) -> list[dict[str, Any]]:
        """The pictures of a job, oldest first, each with a small one; see `album.listed`."""
        with tenancy.session(self.tenant) as connection:
            return album.listed(connection, as_id(job_id, "job"))

    def get_photo(self, photo_id: str | UUID) -> tuple[bytes, str]:
        """A picture's bytes and media type.

        Raises:
            BadInput: There is no such picture.
            PictureLost: Its bytes are gone or damaged.
        """
        with tenancy.session(self.tenant) as connection:
            return album.read(connection, as_id(photo_id, "picture"))

    def get_missing_shots(self, job_id: str | UUID) -> list[str]:
        """The kinds of picture that an inspection still lacks, as people read them."""
        with tenancy.session(self.tenant) as connection:
            return missing_shots(album.shots(connection, as_id(job_id, "job")))


def as_id(value: str | UUID, what: str) -> str:
    """An id as text.

    Raises:
        BadInput: It is none.
    """
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise BadInput(f"'{str(value)[:60]}' is not the id of a {what}.", "Expected a UUID.") from None

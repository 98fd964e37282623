"""Phase 4: the jobs of a storm, one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import pandas as pd

from stormplay import tenancy
from stormplay.errors import BadInput, UnknownJob, UnknownRoute
from stormplay.jobs import album, field, reading, writing
from stormplay.jobs.picture import missing_shots, prepared
from stormplay.jobs.workflow import Workflow

MOST_PER_PAGE = 1_000


class JobTracker:
    """Finds, shows and changes the jobs of one storm.

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
            found = reading.job(connection, self.storm_id, property_id=_id(property_id, "property"))
        if found is None:
            raise UnknownJob(f"There is no job at property '{property_id}' for this storm.",
                             "Expected a property on one of its routes.")  # fmt: skip
        return found

    def find(self, address: str = "", *, route_id: str | UUID | None = None, statuses: Sequence[str] | None = None,
             limit: int = 100, skip: int = 0) -> pd.DataFrame:  # fmt: skip
        """Jobs by how the address begins, by route, by status; a page of them.

        Returns:
            job_id, property_id, route_id, route_name, crew_name, address, zip_code, latitude, longitude, status,
            status_since, row_version, expected_uplift; by route and address.

        Raises:
            BadInput: A status that there is not, or a page of more than 1,000.
        """
        if not 1 <= limit <= MOST_PER_PAGE or skip < 0:
            raise BadInput(
                f"A page of {limit} from {skip} cannot be read.", f"Expected 1 to {MOST_PER_PAGE} from 0 on."
            )
        for status in statuses or ():
            self.workflow.check(status, status)
        wanted = None if route_id is None else _id(route_id, "route")
        with tenancy.session(self.tenant) as connection:
            return reading.page(connection, self.storm_id, route_id=wanted, address=address, limit=limit, skip=skip,
                                statuses=None if statuses is None else list(statuses))  # fmt: skip

    def update_job(self, job_id: str | UUID, status: str | None = None, notes: str | None = None,
                   photos: Sequence[str] | None = None, claim_intel: Mapping[str, Any] | None = None, *,
                   expected_version: int | None = None) -> dict[str, Any]:  # fmt: skip
        """Change a job: all that is given, or nothing.

        Args:
            job_id: Which.
            status: The status that follows.
            notes: A note to add; earlier ones stay, with author and time.
            photos: Addresses (https) that take the place of the addresses before; uploaded pictures stay.
            claim_intel: Fields of the damage record; others stay, None takes one away (`jobs.claim.ClaimIntel`).
            expected_version: `row_version` as the caller saw it; None: whatever it is now.

        Returns:
            The job as it is now, like `get_job`.

        Raises:
            UnknownJob: This storm has no such job.
            IllegalTransition: The status may not follow; those that may are named.
            BadInput: Something else that was given cannot be used.
            Conflict: Somebody else changed the job since it was seen; it says what they did.
        """
        wanted = _id(job_id, "job")
        with tenancy.session(self.tenant) as connection:
            before = reading.job(connection, self.storm_id, job_id=wanted, lock=True)
            if before is None:
                raise UnknownJob(f"This storm has no job '{job_id}'.", "Expected a job_id of find() or get_job().")
            writing.check_version(connection, before, expected_version)
            writing.change(connection, self.workflow, before, status=status, notes=notes, photos=photos,
                           claim_intel=claim_intel)  # fmt: skip
            after = reading.job(connection, self.storm_id, job_id=wanted)
        return after or {}

    def add_photo(self, job_id: str | UUID, data: bytes, *, file_name: str = "picture", shot: str = "other",
                  keep_location: bool = False) -> str:  # fmt: skip
        """Keep a picture of a job, turned upright and without the place where it was taken.

        Args:
            job_id: Which job.
            data: The file's bytes: a JPEG, PNG or WebP of at most 25 MB.
            file_name: What it is called.
            shot: What it shows, one of `jobs.picture.SHOTS`.
            keep_location: Whether to leave the place in it, on purpose.

        Returns:
            Its photo_id. The same picture again changes nothing but its shot.

        Raises:
            UnknownJob: This storm has no such job.
            BadInput: It is no picture, too large or damaged, or there is no such shot.
        """
        fit = prepared(data, file_name, keep_location=keep_location)
        wanted = _id(job_id, "job")
        with tenancy.session(self.tenant) as connection:
            before = reading.job(connection, self.storm_id, job_id=wanted, lock=True)
            if before is None:
                raise UnknownJob(f"This storm has no job '{job_id}'.", "Expected a job_id of find() or get_job().")
            photo_id = album.add(connection, wanted, fit, file_name=file_name, shot=shot)
            link = f"photo:{photo_id}"
            if link not in before["photos"]:
                writing.change(connection, self.workflow, before, status=None, notes=None, claim_intel=None,
                               photos=[*before["photos"], link])  # fmt: skip
        return photo_id

    def get_photos(self, job_id: str | UUID) -> list[dict[str, Any]]:
        """The pictures of a job, oldest first, each with a small one; see `album.listed`."""
        with tenancy.session(self.tenant) as connection:
            return album.listed(connection, _id(job_id, "job"))

    def get_photo(self, photo_id: str | UUID) -> tuple[bytes, str]:
        """A picture's bytes and media type.

        Raises:
            BadInput: There is no such picture.
            PictureLost: Its bytes are gone or damaged.
        """
        with tenancy.session(self.tenant) as connection:
            return album.read(connection, _id(photo_id, "picture"))

    def get_missing_shots(self, job_id: str | UUID) -> list[str]:
        """The kinds of picture that an inspection still lacks, as people read them."""
        with tenancy.session(self.tenant) as connection:
            return missing_shots(album.shots(connection, _id(job_id, "job")))

    def import_csv(self, data: bytes | str) -> field.Applied:
        """Apply the CSV of a route pack that a crew filled in: all of it or nothing, each word once.

        Returns:
            What became of it: rows, changed, faults (where there is any, nothing was applied), outweighed, again.

        Raises:
            BadInput: It is no such file at all.
        """
        given = data.encode() if isinstance(data, str) else data
        with tenancy.session(self.tenant) as connection:
            return field.apply(connection, self.workflow, self.storm_id, given)

    def get_trail(self, job_id: str | UUID) -> pd.DataFrame:
        """What happened to a job, newest first: at, who, what ('status' or 'note'), text."""
        with tenancy.session(self.tenant) as connection:
            return reading.trail(connection, _id(job_id, "job"))

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
        found = every[every["key"] == _id(route_id, "route")]
        if found.empty:
            raise UnknownRoute(f"This storm has no route '{route_id}'.", "Expected a route_id of get_routes().")
        row = found.iloc[0]
        counts = ("total", "ended", "completed", "knocked", "contacted", "inspected", "signed")
        return {"route_id": str(row["key"]), "route_name": row["name"], **{name: int(row[name]) for name in counts},
                "completion_pct": float(row["completion_pct"])}  # fmt: skip


def _id(value: str | UUID, what: str) -> str:
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise BadInput(f"'{str(value)[:60]}' is not the id of a {what}.", "Expected a UUID.") from None

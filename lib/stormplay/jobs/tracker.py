"""Phase 4: the jobs of a storm, one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Connection

from stormplay import tenancy
from stormplay.errors import UnknownJob
from stormplay.jobs import album, field, reading, undoing, writing
from stormplay.jobs.picture import prepared
from stormplay.jobs.reader import JobReader, as_id
from stormplay.jobs.workflow import Workflow


class JobTracker(JobReader):
    """Finds, shows and changes the jobs of one storm; what is read is in `JobReader`.

    Args:
        tenant: The tenant's slug or id; a selection, never an authority.
        storm: The storm's slug or id.

    Raises:
        UnknownTenant: No such tenant is open to this person.
        UnknownStorm: The tenant has no such storm.
        DatabaseUnavailable: Nothing answers.
    """

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
        wanted = as_id(job_id, "job")
        with tenancy.session(self.tenant) as connection:
            before = self._locked(connection, wanted)
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
        wanted = as_id(job_id, "job")
        with tenancy.session(self.tenant) as connection:
            before = self._locked(connection, wanted)
            photo_id = album.add(connection, wanted, fit, file_name=file_name, shot=shot)
            link = f"photo:{photo_id}"
            if link not in before["photos"]:
                writing.change(connection, self.workflow, before, status=None, notes=None, claim_intel=None,
                               photos=[*before["photos"], link])  # fmt: skip
        return photo_id

    def undo(self, job_id: str | UUID, *, expected_version: int | None = None) -> dict[str, Any]:
        """Take back the newest change of status, if this person made it within the last 15 minutes.

        The step stays in the trail, marked as taken back; a suppression that it made is lifted.

        Returns:
            The job as it is now, like `get_job`.

        Raises:
            UnknownJob: This storm has no such job.
            BadInput: There is nothing of this person's to take back.
            Conflict: Somebody else changed the job since it was seen.
        """
        wanted = as_id(job_id, "job")
        with tenancy.session(self.tenant) as connection:
            before = self._locked(connection, wanted)
            writing.check_version(connection, before, expected_version)
            undoing.undo(connection, self.workflow, before)
            return reading.job(connection, self.storm_id, job_id=wanted) or {}

    def remove_photo(self, photo_id: str | UUID, *, back: bool = False) -> None:
        """Take a picture out of its job, or put it back; its bytes stay."""
        with tenancy.session(self.tenant) as connection:
            album.remove(connection, as_id(photo_id, "picture"), back=back)

    def save_workflow(self, given: Sequence[Mapping[str, Any]] | None) -> Workflow:
        """Give the company a status machine of its own; None: the one that is shipped. For its admins.

        Jobs stay as they are: one in a status that there is no more may be moved to any.

        Args:
            given: As `Workflow.to_json` returns it.

        Raises:
            BadInput: Something of it cannot be used; it says what.
            NotAllowed: This person is no admin of the company.
        """
        wanted = Workflow.from_json(given) if given is not None else None
        with tenancy.session(self.tenant) as connection:
            writing.store_workflow(connection, wanted)
            self.workflow = reading.workflow(connection)
        return self.workflow

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

    def _locked(self, connection: Connection, job_id: str) -> dict[str, Any]:
        before = reading.job(connection, self.storm_id, job_id=job_id, lock=True)
        if before is None:
            raise UnknownJob(f"This storm has no job '{job_id}'.", "Expected a job_id of find() or get_job().")
        return before

"""What the page of Phase 4 reads again when somebody else has changed something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from stormplay.controls.following import EVERYTHING
from stormplay.controls.jobs_list import Listed, filters_of
from stormplay.controls.jobs_state import State, Tracker

# What somebody else may change of what this page shows.
TOLD = frozenset({EVERYTHING, "storms", "jobs", "routes"})


@dataclass(frozen=True)
class Seen:
    """A storm's jobs as they are now, read in one go beside the page.

    Attributes:
        state: Progress and what is stuck.
        listed: The page of the list that the reader is at.
        places: The jobs that the filters ask for, whatever their status, as `JobTracker.get_places` returns them.
        is_whole: Whether these are all that the map shows, so that one that is missing there is new.
        job: The job on the card; None where none is picked.
        who: Who changed it last.
    """

    state: State
    listed: Listed
    places: pd.DataFrame
    is_whole: bool
    job: dict[str, Any] | None
    who: str

    def has_places_of(self, drawn: pd.DataFrame) -> bool:
        """Whether the map need not be drawn anew.

        Under a filter by status, dots come and go with each change: those that are there stay and change their colour.
        """
        then, now = (set(jobs["job_id"].astype(str)) if len(jobs) else set() for jobs in (drawn, self.places))
        return then == now if self.is_whole else then <= now


def look(tracker: Tracker, state: State, wanted: dict[str, Any], number: int, job: dict[str, Any] | None) -> Seen:
    """Read all of it; touches no widget.

    Args:
        tracker: The storm's.
        state: What the page holds.
        wanted: The filters and the order, as `JobTracker.find` takes them.
        number: Which page of the list is shown.
        job: The job on the card.
    """
    places = tracker.get_places(**{**filters_of(wanted), "statuses": None}).dropna(subset=["latitude", "longitude"])
    now, who = (None, "") if job is None else (tracker.get_job(job["property_id"]), "somebody")
    if job is not None and now is not None and now["row_version"] != job["row_version"]:
        trail = tracker.get_trail(job["job_id"])
        who = str(trail["who"].iloc[0]) if len(trail) else who
    return Seen(
        state=state.again(tracker),
        listed=Listed.read(tracker, wanted, number),
        places=places,
        is_whole=not wanted["statuses"],
        job=now,
        who=who,
    )

"""The evening of a real storm and the crews' days after it, as a play of messages. Pure: no database, no Kafka.

The hail reports are real and come at their real distances in time; a report makes the swath grow, and each home whose
modelled impact changes gets an event. Everything else is synthetic. The last word on each home is what the model says
of all reports together, so however often it is played, the map is the same at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stormplay.experiments.assignment import hash_share
from stormplay.storms import Swath, impact_index
from stormplay.storms.reports import STORM_EVENTS_ZONE

Floats = NDArray[np.float64]

CLOCK = STORM_EVENTS_ZONE  # what NOAA's reports are dated by
SMALLEST_STEP = 1.0  # of SII, below which a home gets no word before the last report
WORK_MINUTES = 20.0  # into which the crews' day is pressed, after the last report
VISITS = 100  # jobs of one day, at most: of a storm's plan some are left for the next play
DOLLARS_A_FOOT = (4.2, 7.0)  # of a roof, as the demo draws it


@dataclass(frozen=True)
class Act:
    """What happens at one moment.

    Attributes:
        minute: Minutes after the first report.
        said: The moment in a sentence.
        happened_at: When it was, that evening; None for what is synthetic.
        messages: What is sent, each without `event_id` and `occurred_at`.
    """

    minute: float
    said: str
    happened_at: datetime | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)


def modelled(reports: pd.DataFrame, homes: pd.DataFrame) -> tuple[Floats, Floats]:
    """Hail in inches and SII of each home when all reports are known, rounded as the demo rounds them.

    Args:
        reports: As `storms.read_reports` gives them.
        homes: Columns latitude, longitude.
    """
    return _impact(Swath.from_reports(reports), homes)


def beginning(homes: pd.DataFrame) -> Act:
    """Before the first report: nothing has been hit."""
    messages = [_impacted(one, 0.0, 0.0) for one in homes["property_id"]]
    return Act(0.0, f"Before the storm: {len(messages):,} homes at 0", messages=messages)


def ending(reports: pd.DataFrame, homes: pd.DataFrame) -> list[dict[str, Any]]:
    """The last word on every home: what the model says of all reports."""
    hail_in, sii = modelled(reports, homes)
    return [
        _impacted(one, float(index), float(size))
        for one, index, size in zip(homes["property_id"], sii, hail_in, strict=True)
    ]


def evening(reports: pd.DataFrame, homes: pd.DataFrame) -> Iterator[Act]:
    """The storm, report by report.

    Args:
        reports: As `storms.read_reports` gives them, of one evening.
        homes: Columns property_id, latitude, longitude; all at 0 when it begins.

    Yields:
        One act for each moment at which something was reported; the last one brings every home to `modelled`.
    """
    whole = Swath.from_reports(reports)
    first, last = reports["reported_at"].min(), reports["reported_at"].max()
    told, told_in = np.zeros(len(homes)), np.zeros(len(homes))
    for moment in sorted(set(reports["reported_at"])):
        new = reports[reports["reported_at"] == moment]
        so_far = (reports["reported_at"] <= moment).to_numpy()
        # The motion of the whole storm from the start: guessed from two reports it would turn about.
        known = Swath(whole.latitude[so_far], whole.longitude[so_far], whole.report_in[so_far], whole.motion)
        hail_in, sii = _impact(whole if moment == last else known, homes)
        differs = (sii != told) | (hail_in != told_in) if moment == last else np.abs(sii - told) >= SMALLEST_STEP
        changed = np.flatnonzero(differs)
        told[changed], told_in[changed] = sii[changed], hail_in[changed]
        ids = homes["property_id"].to_numpy()
        messages = [_impacted(ids[i], float(sii[i]), float(hail_in[i])) for i in changed]
        reported = zip(new["hail_in"], new["location"], strict=True)
        sizes = ", ".join(f"{size:g} in at {place.title()}" for size, place in reported)
        yield Act((moment - first).total_seconds() / 60, f"Hail of {sizes}", moment.to_pydatetime(), messages)


def workday(jobs: pd.DataFrame, homes: pd.DataFrame, begin_minute: float) -> Iterator[Act]:
    """The crews' day, pressed into `WORK_MINUTES`: jobs are completed, and some owners sign, as the truth has it.

    Args:
        jobs: Columns job_id, property_id: jobs that may be completed now, in the order of the routes.
        homes: Columns property_id, chance (to sign, 0 to 1), roof_area_sqft.
        begin_minute: When it begins.
    """
    day = jobs.head(VISITS)
    known = homes.set_index("property_id")
    for number, (job_id, property_id) in enumerate(zip(day["job_id"], day["property_id"], strict=True)):
        minute = begin_minute + WORK_MINUTES * (number + 1) / len(day)
        messages: list[dict[str, Any]] = [{"type": "job_completed", "job_id": job_id}]
        said = "A crew has completed a job"
        if property_id in known.index:
            home = known.loc[property_id]
            # By hash: whoever signs in one play signs in all of them, for the same amount.
            draw, price = (float(hash_share(f"replay/{what}", [property_id])[0]) for what in ("signs", "price"))
            if draw < home["chance"]:
                low, high = DOLLARS_A_FOOT
                dollars = float(np.round(home["roof_area_sqft"] * (low + price * (high - low)), -2))
                messages.append({"type": "conversion", "property_id": property_id, "value": dollars})
                said = f"A crew has completed a job, and the owner signs for ${dollars:,.0f}"
        yield Act(minute, said, messages=messages)


def _impact(swath: Swath, homes: pd.DataFrame) -> tuple[Floats, Floats]:
    hail_in = swath.hail_in(homes["latitude"].to_numpy(), homes["longitude"].to_numpy()).round(3)
    return hail_in, impact_index(hail_in).round(1)


def _impacted(property_id: str, sii: float, hail_in: float) -> dict[str, Any]:
    return {"type": "property_impacted", "property_id": property_id, "sii_score": sii, "hail_in": hail_in}

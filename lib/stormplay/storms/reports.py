"""Hail reports of the NOAA Storm Events Database, as shipped with the package (see data/SOURCES.md)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from importlib.resources import files

import pandas as pd

from stormplay.errors import BadInput

# Storm Events keeps local standard time the whole year: 19:06 on 28 April is 01:06 UTC on the 29th.
STORM_EVENTS_ZONE = timezone(timedelta(hours=-6), "CST-6")


def read_reports(day: date | None = None) -> pd.DataFrame:
    """Read the hail reports shipped with the package.

    Args:
        day: Keep the reports whose local date (CST, no daylight saving) is this one, as NOAA dates them; all days
            where None. A day without reports gives an empty frame.

    Returns:
        One row a report in order of time: event_id (int), location (str), reported_at (UTC), hail_in (inches),
        latitude, longitude (degrees), source (str), narrative (str, empty where NOAA has none).

    Raises:
        BadInput: `day` is not a date.
    """
    _check_day(day)
    reports, local = _all_reports()
    wanted = reports if day is None else reports[local.dt.date == day]
    return wanted.sort_values(["reported_at", "event_id"], ignore_index=True)


def days_reported() -> list[date]:
    """The local dates of the reports that are shipped, oldest first."""
    return sorted(set(_all_reports()[1].dt.date))


@cache
def _all_reports() -> tuple[pd.DataFrame, pd.Series[pd.Timestamp]]:
    """All reports, as `read_reports` gives them but in no order, and when each was in local standard time."""
    raw = _read_data("noaa_storm_events_tarrant_hail.csv", {"BEGIN_TIME": str})
    local = _local_time(raw)
    reports = pd.DataFrame(
        {
            "event_id": raw["EVENT_ID"].astype("int64"),
            "location": raw["BEGIN_LOCATION"].str.strip(),
            "reported_at": local.dt.tz_convert(UTC),
            "hail_in": raw["MAGNITUDE"].astype(float),
            "latitude": raw["BEGIN_LAT"].astype(float),
            "longitude": raw["BEGIN_LON"].astype(float),
            "source": raw["SOURCE"].str.strip(),
            "narrative": raw["EVENT_NARRATIVE"].fillna("").str.strip(),
        }
    )
    return reports, local


def read_zip_centroids() -> pd.DataFrame:
    """Read the ZIP codes around Dallas-Fort Worth: zip_code (str), latitude, longitude (degrees)."""
    return _read_data("zip_centroids_north_texas.csv", {"zip_code": str})


def spc_day(instant: datetime) -> date:
    """Tell the convective day of the Storm Prediction Center, which runs from 1200 to 1200 UTC.

    A storm before dawn belongs to the day before: 02:40 CST on 28 April is the SPC day of the 27th.

    Args:
        instant: A moment with a time zone.

    Raises:
        BadInput: `instant` has no time zone.
    """
    if instant.tzinfo is None:
        raise BadInput(
            f"The time {instant} has no time zone.", "An SPC day is counted in UTC.", "Give a time with its zone."
        )
    return (instant.astimezone(UTC) - timedelta(hours=12)).date()


def _read_data(name: str, dtype: dict[str, type]) -> pd.DataFrame:
    with files("stormplay").joinpath("data", name).open(encoding="utf-8") as lines:
        return pd.read_csv(lines, dtype=dtype)


def _local_time(raw: pd.DataFrame) -> pd.Series[pd.Timestamp]:
    stamp = raw["BEGIN_DATE"] + " " + raw["BEGIN_TIME"].str.zfill(4)  # 315 is 03:15
    return pd.to_datetime(stamp, format="%m/%d/%Y %H%M").dt.tz_localize(STORM_EVENTS_ZONE)


def _check_day(day: object) -> None:
    # A datetime is a date to Python, yet equals none.
    if day is not None and (isinstance(day, datetime) or not isinstance(day, date)):
        raise BadInput(f"{day!r} is not a day.", "A day is a datetime.date or None.")

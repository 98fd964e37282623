"""What a pack is made of: the stops of one crew's day, in plain values. Every file of a pack is written from this."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Stop:
    """One stop.

    Attributes:
        stop_id: The property's id; the same in every file.
        job_id: The job's id; '' where there is none yet.
        number: Place in visiting order, from 1.
        route_name: The route it is on.
        address: Street, city and ZIP in one line.
        latitude, longitude: Degrees; None where the place is not known.
        status: The job's status.
        do_not_knock: Whether the owner said no since the plan was made.
    """

    stop_id: str
    job_id: str
    number: int
    route_name: str
    address: str
    latitude: float | None
    longitude: float | None
    status: str
    do_not_knock: bool

    def __post_init__(self) -> None:
        _tidy(self, "route_name", "address", "status")

    @property
    def title(self) -> str:
        """As it is shown on a device."""
        return f"{self.number}. {self.address}" + (" - DO NOT KNOCK" if self.do_not_knock else "")


@dataclass(frozen=True)
class Pack:
    """The stops that leave the building together.

    Attributes:
        company: Whose they are.
        title: What the pack is called, such as 'Route 07' or 'Crew Alvarez'.
        crew: Who drives, '' for nobody yet.
        day: The day it is for.
        as_of: When the data were read; the only clock in a pack, with its zone.
        stops: In visiting order.
        depot: Latitude and longitude where the crew starts, or None.
        is_synthetic: Whether homes and owners are made up; every page says so.
    """

    company: str
    title: str
    crew: str
    day: date
    as_of: datetime
    stops: tuple[Stop, ...]
    depot: tuple[float, float] | None = None
    is_synthetic: bool = False

    def __post_init__(self) -> None:
        _tidy(self, "company", "title", "crew")

    @property
    def placed(self) -> list[Stop]:
        """The stops whose place is known and whose owners have not said no: those to drive to."""
        return [stop for stop in self.stops if stop.latitude is not None and not stop.do_not_knock]

    @property
    def file_stem(self) -> str:
        """A file's name for it, safe on every system."""
        return re.sub(r"[^A-Za-z0-9]+", "-", f"{self.title}-{self.day}").strip("-").lower()[:80] or "pack"


def stops_of(rows: pd.DataFrame) -> tuple[Stop, ...]:
    """Stops from a frame in visiting order, numbered anew from 1.

    Args:
        rows: property_id, job_id, route_name, address, city, zip_code, latitude, longitude, status, do_not_knock.
    """
    return tuple(_stop(number, row) for number, row in enumerate(rows.to_dict("records"), start=1))


def _stop(number: int, row: Mapping[Any, Any]) -> Stop:
    place = [None if pd.isna(row[name]) else float(row[name]) for name in ("latitude", "longitude")]
    return Stop(
        stop_id=str(row["property_id"]),
        job_id=_text(row["job_id"]),
        number=number,
        route_name=_text(row["route_name"]),
        address=one_line([row["address"], row["city"], row["zip_code"]]),
        latitude=place[0],
        longitude=place[1],
        status=_text(row["status"]) or "scheduled",
        do_not_knock=bool(row["do_not_knock"]),
    )


def _tidy(made: Stop | Pack, *names: str) -> None:
    """No control sign reaches a file: XML cannot hold one, and a line of iCalendar would end at it."""
    for name in names:
        object.__setattr__(made, name, one_line([getattr(made, name)]))


def one_line(parts: Iterable[object]) -> str:
    """Parts of an address in one line, without control signs and without what is missing."""
    said = ", ".join(filter(None, map(_text, parts)))
    return " ".join("".join(sign if sign.isprintable() else " " for sign in said).split())


def _text(value: object) -> str:
    return "" if value is None or value != value else str(value)  # noqa: PLR0124 - NaN is not itself

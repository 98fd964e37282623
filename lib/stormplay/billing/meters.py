"""What is counted: the meters, their units, and how much of one a price is for."""

from __future__ import annotations

from dataclasses import dataclass

from stormplay.errors import BadInput


@dataclass(frozen=True)
class Meter:
    """A meter.

    Attributes:
        name: As in the database.
        label: As people read it.
        unit: What one of what is shown is.
        shown: Raw quantity that is shown as one: storage is counted in bytes a day and shown in gigabyte-days.
        is_gauge: Measured once a day; a part of a month is billed at the mean of its measurements, times its days.
        is_monthly: Counted once a month, so neither it nor what is included of it is divided by days.
    """

    name: str
    label: str
    unit: str
    shown: int = 1
    is_gauge: bool = False
    is_monthly: bool = False


METERS: dict[str, Meter] = {
    one.name: one
    for one in (
        Meter("reports", "Reports", "reports"),
        Meter("routed_stops", "Routed stops", "homes"),
        Meter("scored_properties", "Scored homes", "scorings of a home"),
        Meter("active_users", "Active users", "people", is_monthly=True),
        Meter("stream_events", "Stream events", "events"),
        Meter("storage_bytes", "Storage", "GB-days", shown=10**9, is_gauge=True),
    )
}


def meter(name: str) -> Meter:
    """The meter of a name.

    Raises:
        BadInput: There is none.
    """
    if name not in METERS:
        raise BadInput(f"There is no meter '{name}'.", f"Expected one of {', '.join(METERS)}.")
    return METERS[name]


def shown(of: Meter, quantity: int) -> str:
    """A raw quantity as people read it, without its unit: '1,204', or '12.5' gigabyte-days."""
    return f"{quantity:,}" if of.shown == 1 else f"{quantity / of.shown:,.3f}".rstrip("0").rstrip(".")

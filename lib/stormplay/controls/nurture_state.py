"""What the Phase 5 page knows of one storm's nurture: read from callables, kept in plain frames and numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Protocol

import pandas as pd

from stormplay.controls.plan import row_of
from stormplay.ordering import Order


class Loop(Protocol):
    """What the page needs of a `stormplay.NurtureLoop`."""

    company: str
    time_zone: str

    def candidates(self, threshold: float, page: int, page_size: int, search: str | None, *,  # noqa: D102
                   order: Order = None) -> pd.DataFrame: ...  # fmt: skip
    def count(self, threshold: float, search: str | None) -> int: ...  # noqa: D102
    def standing(self, threshold: float, sequence_type: str, **since: Any) -> Any: ...  # noqa: D102
    def week(self, days: float = 7, **since: Any) -> pd.DataFrame: ...  # noqa: D102
    def history(self, property_id: str) -> pd.DataFrame: ...  # noqa: D102
    def sequences(self) -> Mapping[str, Any]: ...  # noqa: D102
    def lint(self, message: str, channel: str) -> list[Any]: ...  # noqa: D102
    def preview(self, *more: Any, **options: Any) -> pd.DataFrame: ...  # noqa: D102
    def schedule(self, *more: Any, **options: Any) -> pd.DataFrame: ...  # noqa: D102
    def reschedule(self, property_ids: Any = None, start: Any = None) -> pd.DataFrame: ...  # noqa: D102
    def pause(self, property_ids: Any = None) -> int: ...  # noqa: D102
    def resume(self, property_ids: Any = None) -> int: ...  # noqa: D102
    def stop(self, property_ids: Any = None) -> int: ...  # noqa: D102
    def due(self) -> pd.DataFrame: ...  # noqa: D102
    def export_csv(self, threshold: float) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class Choice:
    """What a reader has chosen beside company and storm.

    Attributes:
        threshold: Uplift above which a home is a candidate, a probability difference.
        sequence_type: Name of a sequence.
        search: Part of an address, a ZIP or a property_id; '': all.
        start: Day on which a new schedule begins, on the company's clock; None: now.
    """

    threshold: float = 0.15
    sequence_type: str = "follow_up"
    search: str = ""
    start: date | None = None

    @property
    def schedules(self) -> tuple[float, str, date | None]:
        """What of it a preview and a schedule depend on."""
        return self.threshold, self.sequence_type, self.start


@dataclass(frozen=True)
class Nurture:
    """What is known of one storm when the page draws it.

    Attributes:
        company, storm_name, storm_status: As people call them.
        standing: As `NurtureLoop.standing` returns it: state, treated, converted, ledger, now, outbox, as_of.
        week: As `NurtureLoop.week` returns it.
        sequences: Sequences by name, each with title, steps and messages.
        choice: What the numbers are for.
        is_synthetic: Whether the company's homes, owners and outcomes are made up.
        may_write: Whether this person's role lets them schedule; the database decides, this only shows it.
    """

    company: str
    storm_name: str
    storm_status: str
    standing: Any
    week: pd.DataFrame
    sequences: Mapping[str, Any]
    choice: Choice
    is_synthetic: bool = False
    may_write: bool = True

    @property
    def sequence(self) -> Any:
        """The chosen sequence."""
        return self.sequences[self.choice.sequence_type]

    @property
    def candidates(self) -> int:
        """Treated homes that did not sign and are above the threshold."""
        return int(self.standing.ledger["properties"].sum())

    @property
    def unsigned(self) -> int:
        """Treated homes that did not sign: the denominator."""
        return int(self.standing.treated - self.standing.converted)

    @property
    def contactable_now(self) -> int:
        """Candidates against whose next contact nothing speaks at this moment."""
        return _sum(self.standing.now, self.standing.now["reason"] == "")

    def homes(self, outcome: str) -> int:
        """Count the candidates of one outcome of the ledger."""
        return _sum(self.standing.ledger, self.standing.ledger["outcome"] == outcome)

    def again(self, loop: Loop, choice: Choice, changed: Sequence[str] = ()) -> Nurture:
        """Read what may have changed, or what another choice asks for.

        Args:
            loop: The storm's loop.
            choice: What is wanted now.
            changed: Ids of the homes whose steps alone were changed; none: anything may have been.
        """
        sequences = loop.sequences()
        since = {"before": self.standing, "changed": changed} if changed else {}
        standing = loop.standing(choice.threshold, choice.sequence_type, **since)
        is_kept = changed and standing.read_at and standing.read_at == self.standing.read_at  # else all was read again
        week = loop.week(before=self.week, changed=changed) if is_kept else loop.week()
        return replace(self, standing=standing, week=week, sequences=sequences, choice=choice)


def _sum(frame: pd.DataFrame, which: pd.Series[bool]) -> int:
    return int(frame.loc[which, "properties"].sum())


@dataclass(frozen=True)
class Sources:
    """Where a page's frames come from; the page itself knows no database.

    Attributes:
        loop: Makes a `Loop` from a tenant and a storm, such as `stormplay.NurtureLoop`.
        tenants: Gives the tenants open to this person: `tenant_id`, `slug`, `org_name`, `role`, `is_synthetic`.
        storms: Gives a tenant's storms: `storm_id`, `slug`, `name`, `status`, `event_date`.
    """

    loop: Callable[[str, str], Loop]
    tenants: Callable[[], pd.DataFrame]
    storms: Callable[[str], pd.DataFrame]

    def open(self, tenant: str, storm: str, choice: Choice) -> tuple[Loop, Nurture]:
        """Open a storm and read all of it.

        Raises:
            UnknownTenant: If no such tenant is open to this person.
            UnknownStorm: If the tenant has no such storm.
            BadInput: If there is no such sequence, or the threshold is no number.
        """
        loop = self.loop(tenant, storm)
        company = row_of(self.tenants(), "tenant_id", tenant)
        found = row_of(self.storms(tenant), "storm_id", storm)
        nurture = Nurture(
            company=str(company["org_name"]),
            storm_name=str(found["name"]),
            storm_status=str(found["status"]),
            standing=loop.standing(choice.threshold, choice.sequence_type),
            week=loop.week(),
            sequences=loop.sequences(),
            choice=choice,
            is_synthetic=bool(company.get("is_synthetic")),
            may_write=company.get("role") != "viewer",
        )
        return loop, nurture


def age_of(nurture: Nurture) -> datetime | None:
    """When the newest of its data was written."""
    found: datetime | None = nurture.standing.as_of
    return found


def totals(nurture: Nurture) -> dict[str, int | float | str]:
    """Return the numbers of the answer, as plain scalars."""
    return {
        "state": nurture.standing.state,
        "threshold": nurture.choice.threshold,
        "treated": int(nurture.standing.treated),
        "converted": int(nurture.standing.converted),
        "candidates": nurture.candidates,
        "contactable_now": nurture.contactable_now,
        **{outcome.replace(" ", "_"): nurture.homes(outcome)
           for outcome in ("scheduled", "paused", "done", "ready", "left alone")},
        "steps_this_week": len(nurture.week),
        **{f"outbox_{place.replace(' ', '_')}": n for place, n in nurture.standing.outbox.items()},
    }  # fmt: skip

"""What the page of a storm that comes in knows of it: read from callables, judged here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd

from stormplay import clock
from stormplay.controls.plan import row_of
from stormplay.controls.score_chip import Score
from stormplay.ordering import Order
from stormplay.storms import BANDS, impact_band

Reading = Literal["not begun", "keeps up", "behind", "nobody reads"]

SILENT_AFTER_S = 60.0  # a consumer tells every few seconds where it stands
BEHIND_FROM = 100  # events: fewer are on their way
NEWEST = 20  # events that stand in the list
DRAWN = 25  # letters that stand in a report


class Desk(Protocol):
    """What the page needs of a `stormplay.StreamDesk`."""

    def get_state(self, minutes: int = 30) -> Any: ...  # noqa: D102
    def get_homes(self) -> pd.DataFrame: ...  # noqa: D102
    def get_changes(self) -> pd.DataFrame: ...  # noqa: D102
    def get_newest(self, limit: int = 20) -> pd.DataFrame: ...  # noqa: D102
    def get_letters(self, status: str = "open", limit: int = 25, skip: int = 0,  # noqa: D102
                    order: Order = None) -> pd.DataFrame: ...  # fmt: skip
    def count_letters(self, status: str = "open") -> int: ...  # noqa: D102
    def export_letters_csv(self, status: str = "") -> str: ...  # noqa: D102
    def replay(self, letter_ids: Sequence[str]) -> int: ...  # noqa: D102
    def take_back(self, letter_ids: Sequence[str]) -> int: ...  # noqa: D102
    def discard(self, letter_ids: Sequence[str]) -> int: ...  # noqa: D102


@dataclass(frozen=True)
class Storm:
    """What is known of a storm at one moment.

    Attributes:
        tenant, storm: Slugs or ids, as they were asked for.
        company, name, status: As people call them.
        stream: As `StreamDesk.get_state` returns it.
        newest: The events that were taken last.
        homes: Homes in each band of hail, those that the storm has not reached first.
        standing: The Storm Play Score; None where there is none.
        is_synthetic: Whether homes, owners and outcomes are made up.
        may_settle: Whether this person's role lets them replay and discard; the database decides, this only shows it.
    """

    tenant: str
    storm: str
    company: str
    name: str
    status: str
    stream: Any
    newest: pd.DataFrame
    homes: tuple[int, ...]
    standing: Any
    is_synthetic: bool
    may_settle: bool

    @property
    def taken(self) -> int:
        """Events that were taken."""
        return int(sum(self.stream.by_type.values()))

    @property
    def a_minute(self) -> int:
        """Events of the last minute."""
        return int(sum(self.stream.last_minute.values()))

    @property
    def hit(self) -> int:
        """Homes that the modelled storm has reached."""
        return sum(self.homes[1:])

    @property
    def behind(self) -> int:
        """Events that are there and not read yet."""
        return int(self.stream.positions["behind"].sum())

    @property
    def told_at(self) -> datetime | None:
        """When a consumer last told where it stands."""
        told = self.stream.positions["told_at"]
        return None if told.empty else pd.Timestamp(told.max()).to_pydatetime()

    @property
    def reading(self) -> Reading:
        """Whether we keep up."""
        if self.told_at is None:
            return "keeps up" if self.taken and self.is_recent else "nobody reads" if self.taken else "not begun"
        if (self.stream.at - self.told_at).total_seconds() > SILENT_AFTER_S:
            return "nobody reads"
        return "behind" if self.behind >= BEHIND_FROM else "keeps up"

    @property
    def is_recent(self) -> bool:
        """Whether something was applied just now, whoever reads."""
        last = self.stream.last_applied_at
        return last is not None and (self.stream.at - last).total_seconds() <= SILENT_AFTER_S

    def with_homes(self, homes: tuple[int, ...]) -> Storm:
        """The same with other counts of homes."""
        return replace(self, homes=homes)

    @property
    def as_of(self) -> datetime | None:
        """When an event was last applied."""
        return self.stream.last_applied_at  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Sources:
    """Where the page's frames come from; the page itself knows no database.

    Attributes:
        desk: Makes a `Desk` from a tenant and a storm, such as `stormplay.StreamDesk`.
        tenants: Gives the tenants open to this person: `tenant_id`, `slug`, `org_name`, `role`, `is_synthetic`.
        storms: Gives a tenant's storms: `storm_id`, `slug`, `name`, `status`, `event_date`.
        score: Makes the score of a tenant's storm, such as `stormplay.StormPlayScore`; None: there is none.
        minutes: How many of the last minutes are told one by one.
    """

    desk: Callable[[str, str], Desk]
    tenants: Callable[[], pd.DataFrame]
    storms: Callable[[str], pd.DataFrame]
    score: Score | None
    minutes: int

    def open(self, tenant: str, storm: str) -> tuple[Desk, pd.DataFrame, Storm]:
        """Open a storm: its desk, every home, and what is known now.

        Raises:
            UnknownTenant: No such tenant is open to this person.
            UnknownStorm: The tenant has no such storm.
        """
        desk = self.desk(tenant, storm)
        company = row_of(self.tenants(), "tenant_id", tenant)
        found = row_of(self.storms(tenant), "storm_id", storm)
        homes = desk.get_homes()
        return desk, homes, Storm(
            tenant=tenant,
            storm=storm,
            company=str(company["org_name"]),
            name=str(found["name"]),
            status=str(found["status"]),
            stream=desk.get_state(self.minutes),
            newest=desk.get_newest(NEWEST),
            homes=counted(homes["sii_score"]),
            standing=self._standing(tenant, storm),
            is_synthetic=bool(company.get("is_synthetic")),
            may_settle=company.get("role") != "viewer",
        )  # fmt: skip

    def again(self, desk: Desk, known: Storm) -> Storm:
        """What is known now; the homes are those of before."""
        stream = desk.get_state(self.minutes)
        moved = stream.last_applied_at != known.stream.last_applied_at
        return replace(
            known,
            stream=stream,
            newest=desk.get_newest(NEWEST) if moved else known.newest,
            standing=self._standing(known.tenant, known.storm),
            status=str(row_of(self.storms(known.tenant), "storm_id", known.storm)["status"]),
        )

    def _standing(self, tenant: str, storm: str) -> Any:
        return None if self.score is None else self.score(tenant, storm).current()


def counted(sii_score: Any) -> tuple[int, ...]:
    """Homes in each band of hail, those that the storm has not reached first: without an index, or with one of 0."""
    scores = np.asarray(sii_score, dtype=float)
    reached = impact_band(np.where(scores > 0, scores, np.nan))
    found = np.bincount(reached.ravel() + 1, minlength=1 + len(BANDS))
    return tuple(int(count) for count in found)


def totals(storm: Storm) -> dict[str, int | float | None]:
    """Return the numbers of the page, as plain scalars."""
    last = storm.as_of
    return {
        "events": storm.taken,
        "events_last_minute": storm.a_minute,
        "superseded": int(storm.stream.superseded),
        "behind": storm.behind,
        "dead_letters": int(storm.stream.open_letters),
        "homes": sum(storm.homes),
        "homes_hit": storm.hit,
        "homes_severe": sum(storm.homes[3:]),
        "score": None if storm.standing is None else round(float(storm.standing.score), 2),
        "last_applied_h": None if last is None else round((clock.now() - last).total_seconds() / 3600, 3),
    }

"""What the page knows of a storm's credit and of a household's journeys: plain frames and numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, Protocol

import pandas as pd

from stormplay.attribution.comparing import METHOD_WORDS, Amount
from stormplay.errors import BadInput

Shared = Literal["signatures", "dollars"]
AMOUNTS: Mapping[str, Amount] = {"signatures": "conversions", "dollars": "value"}

COLUMNS = ["storm", "storm_name", "event_date", "property_id", "address", "channel", "timestamp", "is_counted",
           "actual_converted", "observed_at", "value"]  # fmt: skip


class Attribution(Protocol):
    """What the page needs of a `stormplay.AttributionEngine`."""

    def storm_credits(self, storm: Any, *, half_life_days: float | None = None) -> Any: ...  # noqa: D102
    def journeys_of(self, property_ids: Iterable[Any]) -> pd.DataFrame: ...  # noqa: D102
    def compare_methods(  # noqa: D102
        self, journey_path: Sequence[str], *, days: Sequence[float] | None = None, half_life_days: float | None = None
    ) -> Any: ...


Engines = Callable[[str], Attribution]
"""Makes the engine of a tenant, such as `stormplay.AttributionEngine`."""


@dataclass(frozen=True)
class Journey:
    """What happened at one home after one storm.

    Attributes:
        key: Of the journey, for charts.
        storm, place: As people call them.
        hail_on: The storm's date.
        touches: channel, timestamp, is_counted, in order of time.
        outcome: 'signed', 'not signed' or 'pending'.
        outcome_at: When that was known; NaT where pending.
        value: Dollars of what was signed; None: not on record.
        shares: {method: {channel: credit}} of its one signature; empty where it has none to share.
    """

    key: str
    storm: str
    place: str
    hail_on: Any
    touches: pd.DataFrame
    outcome: str
    outcome_at: Any
    value: float | None
    shares: Mapping[str, Mapping[str, float]]

    @property
    def path(self) -> list[str]:
        """The channels of the touches that count, in order of time."""
        return [str(channel) for channel in self.touches.loc[self.touches["is_counted"].astype(bool), "channel"]]

    @property
    def late(self) -> int:
        """Touches after the signature."""
        return len(self.touches) - len(self.path)


@dataclass(frozen=True)
class Credit:
    """What is known when the page draws it.

    Attributes:
        tenant, storm: Slugs or ids, as they were asked for.
        by: What is shared out: 'signatures' or 'dollars'.
        half_life_days: Of time decay; None: one step.
        found: As `AttributionEngine.storm_credits` gives it.
        property_ids: Of the chosen household; empty: none is chosen.
        journeys: Of that household, the newest storm first.
    """

    tenant: str
    storm: str
    by: Shared
    half_life_days: float | None
    found: Any
    property_ids: tuple[str, ...] = ()
    journeys: tuple[Journey, ...] = ()

    @property
    def amount(self) -> Amount:
        """`by`, as the library calls it."""
        return AMOUNTS[self.by]

    @property
    def homes(self) -> int:
        """Touched homes with a known outcome."""
        return len(self.found.journeys)

    @property
    def signed(self) -> int:
        """Signatures that are credited."""
        return int(self.found.incremental.credited)

    @property
    def channels(self) -> int:
        """Channels that journeys went through."""
        return int(self.found.credits["channel"].nunique()) if len(self.found.credits) else 0

    @property
    def total(self) -> float:
        """All there is to credit, in signatures or dollars."""
        return float(self.table.iloc[:, 0].sum()) if self.table.shape[1] else 0.0

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a channel, one column a method."""
        frame: pd.DataFrame = self.found.side_by_side(self.amount)
        return frame

    def for_household(self, engine: Attribution, property_ids: Iterable[Any]) -> Credit:
        """About another household; none where there are no ids."""
        ids = tuple(dict.fromkeys(str(one) for one in property_ids))
        rows = engine.journeys_of(ids) if ids else pd.DataFrame(columns=COLUMNS)
        return replace(self, property_ids=ids, journeys=_journeys(engine, rows, self.half_life_days))


def read(engine: Attribution, tenant: str, storm: str, by: str = "signatures", half_life_days: float = 0.0) -> Credit:
    """Read a storm's credit.

    Args:
        engine: Of the tenant.
        tenant, storm: Slugs or ids.
        by: 'signatures' or 'dollars'.
        half_life_days: Of time decay, in days; 0: one step.

    Raises:
        UnknownStorm: The tenant has no such storm.
        BadInput: There is no such amount, or the half-life is no number of 0 or more.
    """
    found = engine.storm_credits(storm, half_life_days=half_life(half_life_days))
    return Credit(tenant, storm, shared(by), half_life(half_life_days), found)


def shared(by: str) -> Shared:
    """'signatures' or 'dollars'.

    Raises:
        BadInput: It is neither.
    """
    if by == "signatures" or by == "dollars":  # noqa: PLR1714 - so that mypy knows
        return by  # type: ignore[return-value]
    raise BadInput(f"Credit cannot be told by '{by}'.", "Expected 'signatures' or 'dollars'.")


def half_life(days: float) -> float | None:
    """As the engine takes it: None for 0, by steps.

    Raises:
        BadInput: It is negative or no number.
    """
    number = float(days)
    if not math.isfinite(number) or number < 0:
        raise BadInput(f"The half-life is {days} days.", "Expected a number of days, or 0 for one step.")
    return number or None


def _journeys(engine: Attribution, rows: pd.DataFrame, half_life_days: float | None) -> tuple[Journey, ...]:
    return tuple(
        _journey(engine, str(slug), str(home), own, half_life_days)
        for (slug, home), own in rows.groupby(["storm", "property_id"], sort=False)
    )


def _journey(engine: Attribution, slug: str, home: str, own: pd.DataFrame, half_life_days: float | None) -> Journey:
    first = own.iloc[0]
    touches = own.loc[own["channel"].notna(), ["channel", "timestamp", "is_counted"]].reset_index(drop=True)
    is_known = pd.notna(first["actual_converted"])
    outcome = ("signed" if first["actual_converted"] else "not signed") if is_known else "pending"
    made = Journey(f"{slug} {home}", str(first["storm_name"]), str(first["address"]), first["event_date"], touches,
                   outcome, first["observed_at"] if is_known else pd.NaT,
                   None if pd.isna(first["value"]) else float(first["value"]), {})  # fmt: skip
    if outcome != "signed" or not made.path:
        return made
    counted = touches[touches["is_counted"].astype(bool)]
    moments = pd.to_datetime(counted["timestamp"], utc=True)
    days = [moment.timestamp() / 86_400 for moment in moments]
    return replace(made, shares=engine.compare_methods(made.path, days=days, half_life_days=half_life_days))


def totals(found: Any) -> dict[str, int | float | str | None]:
    """The numbers of a storm's credit as plain scalars, for `Recorded`.

    Args:
        found: As `AttributionEngine.storm_credits` gives it.
    """
    homes = dict(zip(found.ledger["outcome"], found.ledger["homes"], strict=True))
    far, cause = found.disagreements(), found.incremental
    first = far.iloc[0] if len(far) else None
    top = found.side_by_side().index
    return {
        "credited_homes": len(found.journeys),
        "credited_signatures": int(cause.credited),
        "credited_of_treated": int(cause.credited_treated),
        "credited_dollars": round(float(found.journeys["value"].sum()), 2),
        "channels": len(top),
        "most_credited": str(top[0]) if len(top) and cause.credited else None,
        "disagreed_channel": str(first["channel"]) if first is not None and cause.credited else None,
        "disagreed_spread": round(float(first["spread"]), 6) if first is not None else None,
        "caused": None if cause.value is None else round(float(cause.value), 6),
        "caused_low": _finite(cause.low),
        "caused_high": _finite(cause.high),
        "late_touches": int(found.late_touches),
        "without_value": int(found.without_value),
        **{f"homes_{outcome.replace(' ', '_')}": int(number) for outcome, number in homes.items()},
    }


def _finite(number: float) -> float | None:
    return round(float(number), 6) if math.isfinite(number) else None


def method_words(method: object) -> str:
    """A method as people call it."""
    return METHOD_WORDS.get(str(method), str(method))

"""`AttributionEngine`: the credit of one journey, and of all journeys of a storm from the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

import pandas as pd

from stormplay import tenancy
from stormplay.attribution import reading
from stormplay.attribution.crediting import credits
from stormplay.attribution.storm import StormCredits, incremental, ledger
from stormplay.errors import BadInput
from stormplay.experiments import Experiment


class AttributionEngine:
    """Which channel gets how much credit, by several methods side by side.

    Args:
        tenant: The tenant's slug or id; a selection, never an authority.

    Raises:
        UnknownTenant: No such tenant is open to this person.
        DatabaseUnavailable: Nothing answers.
    """

    def __init__(self, tenant: str | UUID) -> None:
        self.tenant = tenant
        with tenancy.session(tenant):
            pass  # a tenant that is not open is refused here, not at the first question

    def compare_methods(
        self,
        journey_path: Sequence[str],
        *,
        days: Sequence[float] | None = None,
        half_life_days: float | None = None,
    ) -> dict[str, dict[str, float]]:
        """The credit of one journey that converted, by every method.

        Args:
            journey_path: Its channels in order of time, one entry a touch.
            days: The moment of each touch in days, from any one moment; for `half_life_days`.
            half_life_days: Time decay: a touch so many days earlier has half the credit; None: one step earlier.

        Returns:
            {method: {channel: credit}}; the credits of a method sum to 1. Markov knows this one journey alone.

        Raises:
            BadInput: The path is empty or no list of names.
        """
        if isinstance(journey_path, str):
            raise BadInput(f"The path is the text '{journey_path}'.", "Expected a list of channel names.")
        one = {"path": [list(journey_path)], "conversions": [1], "nulls": [0], "value": [0]}
        if days is not None:
            one["days"] = [list(days)]
        found = credits(pd.DataFrame(one), half_life_days=half_life_days)
        return {
            str(method): dict(zip(rows["channel"], rows["conversions"].tolist(), strict=True))
            for method, rows in found.groupby("method", sort=False)
        }

    def journeys(self, storm: str | UUID) -> pd.DataFrame:
        """The storm's journeys, one a home that was touched and whose outcome is known, as `credits` takes them.

        Touches after a signature do not count. A home whose outcome is pending is neither a conversion nor a null.

        Args:
            storm: The storm's slug or id.

        Returns:
            By property_id: path, conversions, nulls, value (dollars), days (of each touch, since 1970).

        Raises:
            UnknownStorm: The tenant has no such storm.
        """
        with tenancy.session(self.tenant) as connection:
            return reading.journeys(reading.homes(connection, tenancy.storm_id(connection, storm)))

    def touches(self, storm: str | UUID, property_id: str | UUID) -> pd.DataFrame:
        """One home's touches in order of time: channel, timestamp (UTC), is_counted (not after its signature).

        The channels of those that count are the path for `compare_methods`.

        Raises:
            UnknownStorm: The tenant has no such storm.
            BadInput: That is no property id.
        """
        with tenancy.session(self.tenant) as connection:
            return reading.touches(connection, tenancy.storm_id(connection, storm), property_id)

    def journeys_of(self, property_ids: Iterable[str | UUID]) -> pd.DataFrame:
        """What happened at some homes, a household's, over all storms: the newest storm first, then in order of time.

        Args:
            property_ids: Of this tenant; others are not found.

        Returns:
            One row a touch, and one for a home and storm with an outcome and no touch (its channel is None): storm
            (slug), storm_name, event_date, property_id, address, channel, timestamp (UTC), is_counted (not after the
            signature), actual_converted (None: pending), observed_at (when that was known), value (dollars).

        Raises:
            BadInput: One is no property id, or they are one text.
        """
        if isinstance(property_ids, str):
            raise BadInput(f"The homes are the text '{property_ids}'.", "Expected a list of property ids.")
        with tenancy.session(self.tenant) as connection:
            return reading.household(connection, property_ids)

    def storm_credits(
        self,
        storm: str | UUID,
        methods: Iterable[str] | str | None = None,
        *,
        half_life_days: float | None = None,
        confidence: float = 0.95,
    ) -> StormCredits:
        """All journeys of a storm credited, by conversions and by value, beside what the experiment says.

        Args:
            storm: The storm's slug or id.
            methods: Some of `METHODS`; None: all.
            half_life_days: Of time decay, in days; None: one step.
            confidence: Of the experiment's interval.

        Raises:
            UnknownStorm: The tenant has no such storm.
            BadInput: A method, half-life or confidence cannot be used.
        """
        with tenancy.session(self.tenant) as connection:
            storm_id = tenancy.storm_id(connection, storm)
            homes, about = reading.homes(connection, storm_id), reading.about(connection, storm_id)
        journeys = reading.journeys(homes)
        signed = homes[homes["path"].notna() & homes["actual_converted"].eq(True)]
        read_out = Experiment(self.tenant, storm_id).read_out(confidence)
        return StormCredits(
            storm=str(about["slug"]),
            org_name=str(about["org_name"]),
            is_synthetic=bool(about["is_synthetic"]),
            as_of=None if pd.isna(about["as_of"]) else pd.Timestamp(about["as_of"]).to_pydatetime(),
            journeys=journeys,
            credits=credits(journeys, methods, half_life_days=half_life_days),
            ledger=ledger(homes),
            late_touches=int(homes["late_touches"].sum()),
            without_value=int(signed["value_cents"].isna().sum()),
            incremental=incremental(read_out, len(signed), int(signed["decision"].eq("treat").sum())),
        )

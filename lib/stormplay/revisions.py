"""What a new plan changed against the one that it replaced: which stops moved, came and went. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

STAYED, MOVED, NEW = "stayed", "moved", "new"


@dataclass(frozen=True)
class Revision:
    """A plan against the one before.

    Attributes:
        routes: One row a route that was made new: route_id, route_name, crew_name, stops; stayed, moved, new (numbers
            of stops); came_from (the routes of before in words).
        stops: One row a stop of theirs: route_id, property_id, before (name of its route then, or None), change
            ('stayed': with most of its route of before; 'moved': from another route; 'new': on no route before).
        left: property_ids that were on a replaced route and are on no route now.
        replaced_count: Routes that were replaced.
        distance_m, distance_before_m: Great-circle metres of both plans; None before where that is not known.
    """

    routes: pd.DataFrame
    stops: pd.DataFrame
    left: list[str]
    replaced_count: int
    distance_m: float
    distance_before_m: float | None

    def count(self, change: str) -> int:
        """Stops of one kind of change."""
        return int((self.stops["change"] == change).sum())


def compare(
    replaced: Sequence[Mapping[str, Any]],
    routes: pd.DataFrame,
    stops: pd.DataFrame,
    *,
    distance_m: float,
    distance_before_m: float | None = None,
) -> Revision:
    """Compare the plan in force with what it replaced.

    A route of before goes on in the new route that holds most of its stops; each new route follows at most one.

    Args:
        replaced: The routes of before: route_name, stops (property_ids).
        routes: The routes that were made new: route_id, route_name, crew_name.
        stops: All stops of today: route_id, property_id, of other routes too.
        distance_m, distance_before_m: Of both plans.
    """
    then = {str(home): str(route["route_name"]) for route in replaced for home in route["stops"]}
    today = stops.assign(route_id=stops["route_id"].astype(str), property_id=stops["property_id"].astype(str))
    now = today[today["route_id"].isin(routes["route_id"].astype(str))][["route_id", "property_id"]]
    now = now.assign(before=now["property_id"].map(then).astype(object)).reset_index(drop=True)
    follows = _followed(now)
    is_new = now["before"].isna()
    goes_on = now["before"] == now["route_id"].map(follows)
    now = now.assign(change=goes_on.map({True: STAYED, False: MOVED}).mask(is_new, NEW))
    left = sorted(set(then) - set(today["property_id"]))
    return Revision(_told(routes, now), now, left, len(replaced), distance_m, distance_before_m)


def _followed(now: pd.DataFrame) -> dict[str, str]:
    """New route_id -> the name of the route of before that goes on in it; the largest shares choose first."""
    shares = now.dropna(subset=["before"]).value_counts(["before", "route_id"]).reset_index()
    shares = shares.sort_values(["count", "before", "route_id"], ascending=[False, True, True])
    follows: dict[str, str] = {}
    for before, route_id in shares[["before", "route_id"]].itertuples(index=False, name=None):
        if route_id not in follows and before not in follows.values():
            follows[route_id] = before
    return follows


def _told(routes: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    kept = routes.assign(route_id=routes["route_id"].astype(str))
    counts = pd.crosstab(now["route_id"], now["change"]).reindex(columns=[STAYED, MOVED, NEW], fill_value=0)
    found = kept[["route_id", "route_name", "crew_name"]].merge(counts, left_on="route_id", right_index=True)
    words = {str(route_id): _words(group) for route_id, group in now.groupby("route_id")}
    return found.assign(stops=found[[STAYED, MOVED, NEW]].sum(axis="columns"), came_from=found["route_id"].map(words))


def _words(group: pd.DataFrame) -> str:
    """'41 of Route 03, 6 of Route 07, 3 new'."""
    shares = group["before"].value_counts()
    parts = [f"{number:,} of {name}" for name, number in shares.items()]
    fresh = int(group["before"].isna().sum())
    return ", ".join([*parts, *([f"{fresh:,} new"] if fresh else [])])

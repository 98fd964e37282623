"""What a plan changed against the one before, and how its routes lie in each other. A plan in, HTML out."""

from __future__ import annotations

import pandas as pd

from stormplay.controls import markup
from stormplay.controls.plan import Plan
from stormplay.routing import homes_abroad
from stormplay.units import METRES_PER_MILE

SAME = 0.0005  # of the distance: nobody drives differently for it


def changes(plan: Plan) -> str:
    """The section."""
    if plan.routes.empty:
        return markup.empty("There is no plan yet, so nothing has changed.")
    return _against_before(plan) + markup.sentence(territories(plan))


def _against_before(plan: Plan) -> str:
    one = plan.revision
    if one is None:
        return markup.empty("This is the first plan of this storm. After the next one you see here which stops moved.")
    made = len(one.routes)
    if not one.count("moved") and not one.count("new") and not one.left:
        said = f"The {markup.count(made, 'route')} hold the same stops together as before."
    else:
        said = (
            f"{markup.count(made, 'route')} took the place of {one.replaced_count:,}. Of {len(one.stops):,} stops "
            f"{one.count('stayed'):,} stay with most of their route, {one.count('moved'):,} came from another route, "
            f"{one.count('new'):,} are new; {len(one.left):,} of before are on no route now."
        )
    return markup.sentence(f"{said} {_distance(plan)}".strip()) + _table(one.routes)


def _distance(plan: Plan) -> str:
    before, now = plan.revision.distance_before_m, plan.revision.distance_m
    if not before or not now:
        return ""
    change = now / before - 1
    miles = f"{now / METRES_PER_MILE:,.0f} miles"
    if abs(change) < SAME:
        return f"The way is as long as before: {miles}."
    longer = "longer" if change > 0 else "shorter"
    return f"The way is {abs(change):.1%} {longer}: {miles} instead of {before / METRES_PER_MILE:,.0f}."


def _table(routes: pd.DataFrame) -> str:
    named = routes.assign(crew_name=routes["crew_name"].astype(object).where(routes["crew_name"].notna(), "no crew"))
    rows = [
        [row.route_name, row.crew_name, f"{row.stops:,}", f"{row.stayed:,}", f"{row.moved:,}", f"{row.new:,}",
         row.came_from]
        for row in named.itertuples()
    ]  # fmt: skip
    headers = ["Route", "Crew", "Stops", "Stayed", "Moved here", "New", "Where its stops were before"]
    table = markup.table(headers, rows, numeric=(2, 3, 4, 5))
    return markup.details(f"The {markup.count(len(routes), 'route')}, and where their stops were before", table)


def territories(plan: Plan) -> str:
    """How many homes lie where another crew works too, in a sentence."""
    placed = plan.stops.dropna(subset=["latitude", "longitude"])
    abroad = homes_abroad(placed[["latitude", "longitude"]], placed["route_id"].factorize()[0])
    crossing = int((abroad > 0).sum())
    if len(plan.routes) == 1:
        return "One route has all the ground to itself."
    how = "The map's legend can show the territories: the ground between a route's outermost stops."
    if not crossing:
        return f"No home lies in the territory of another route. {how}"
    share = f"{crossing:,} of {len(placed):,} homes ({crossing / len(placed):.1%})"
    return f"{share} lie in the territory of another route too, where two crews may meet. {how}"

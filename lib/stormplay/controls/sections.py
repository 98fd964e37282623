"""How each section of the Phase 3 page says what is planned. A plan in, HTML out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from stormplay import maps
from stormplay.controls import markup
from stormplay.controls.plan import Plan, totals
from stormplay.controls.ways import led
from stormplay.visits import VISITS

NOTHING_DECIDED = "Nothing is decided for this storm yet: run the treatment policy first, then come back for routes."
ESTIMATE = "estimate"  # the travel_source of a route whose driving no road engine has told
READ_ONLY = "You may look at this plan. Your role here is viewer: making routes and handing them out is for operators."
PICK_FIRST = "Choose a route in the table or on the map."
NO_STORM = "This company has no storm yet."
WORKDAY_MINUTES = 8 * 60
MOST_REASONS = 2  # in a sentence

COLUMNS: list[dict[str, Any]] = [
    {"label": "Route", "kind": "text", "narrow": True},
    {"label": "ZIP", "kind": "text", "narrow": False},
    {"label": "Stops", "kind": "number", "narrow": True},
    {"label": "Done", "kind": "number", "narrow": False},
    {"label": "Driving", "kind": "number", "narrow": True},
    {"label": "Uplift", "kind": "number", "narrow": False},
    {"label": "Crew", "kind": "text", "narrow": True},
    {"label": "Status", "kind": "badge", "narrow": False},
]


def no_routes(plan: Plan) -> str:
    """What to do where there is no route yet."""
    return "No routes yet. " + ("Press 'Generate routes'." if plan.may_plan else "An operator can make them.")


def answer(plan: Plan) -> str:
    """Say what the plan is, in sentences and cards, with the age of its data."""
    head = f"<h3>{markup.text(plan.storm_name)} {markup.badge(plan.storm_status)}</h3>"
    stamp = markup.note(f"{plan.company} · {markup.age(plan.as_of)} {_origin(plan)}")
    if plan.eligible == 0:
        return head + markup.empty(NOTHING_DECIDED) + stamp
    if plan.routes.empty:
        ready = markup.count(plan.homes("ready"), "home")
        waiting = f"Of {plan.eligible:,} homes with a decision, {ready} can be put on a route. "
        return head + markup.empty(waiting + no_routes(plan)) + stamp
    notice = markup.note(plan.travel_notice) if plan.travel_notice else ""
    told = markup.sentence(_left_out(plan)) if _left_out(plan) else ""
    cards = _cards(plan) + _capacity(plan) + told + markup.note(made_with(plan))
    return head + markup.sentence(_sentences(plan)) + cards + notice + stamp


def _origin(plan: Plan) -> str:
    reports = f"Hail reports: {len(plan.reports)} (NOAA, real)."
    return f"{reports} Homes, owners and outcomes are synthetic." if plan.is_synthetic else reports


def _sentences(plan: Plan) -> str:
    n = totals(plan)
    waiting = n["routes"] - n["with_crew"]
    crews = "Every route has a crew." if not waiting else f"{markup.count(waiting, 'route')} still without a crew."
    return (
        f"{markup.count(n['routes'], 'route')} to {markup.count(n['stops'], 'home')}: {n['drive_hours']:,.0f} hours of "
        f"driving in all. {n['not_routed']:,} of {n['eligible']:,} eligible homes are not on a route, each for a "
        f"reason given below. {crews}"
    )


def made_with(plan: Plan) -> str:
    """What the newest plan was made with, in a sentence; ''."""
    asked = plan.made_with
    visit = VISITS.get(asked.get("visit_type", ""))
    if visit is None:
        return ""
    hours = (asked.get("shift_minutes") or 0) / 60
    parts = [
        f"{visit.label.lower()}, {visit.minutes:.0f} minutes a stop",
        f"at most {markup.count(asked['max_per_route'], 'stop')} a route",
        f"no day longer than {hours:g} hours" if hours else "no limit to the day",
        f"even days (at most {asked['balance']:.0%} above the mean)" if asked.get("balance") else "",
        "crews on their own ground" if asked.get("territory_m") else "",
    ]
    return f"The newest plan was made for: {'; '.join(filter(None, parts))}."


def _left_out(plan: Plan) -> str:
    """How many stops the newest plan put on no route, and why, in a sentence; ''."""
    reasons: Mapping[str, int] = plan.made_with.get("left_out") or {}
    if not reasons:
        return ""
    ordered = sorted(reasons.items(), key=lambda reason: -reason[1])
    said = "; ".join(f"{n:,} because {why}" for why, n in ordered[:MOST_REASONS])
    more = " (and others)" if len(ordered) > MOST_REASONS else ""
    return f"The newest plan put {markup.count(sum(reasons.values()), 'home')} on no route: {said}{more}."


def _cards(plan: Plan) -> str:
    n = totals(plan)
    return markup.kpis(
        [
            ("Routes", f"{n['routes']:,}", f"{n['with_crew']:,} with a crew"),
            ("Stops", f"{n['stops']:,}", f"{n['completed_stops']:,} done"),
            ("Not routed", f"{n['not_routed']:,}", f"of {n['eligible']:,} eligible"),
            (
                "Driving",
                f"{n['drive_hours']:,.0f} h",
                f"{n['drive_hours'] / n['routes']:.1f} h a route, {travel(plan.routes)}",
            ),
        ]
    )


def travel(routes: pd.DataFrame) -> str:
    """Where driving times come from, in a few words."""
    return _source_words(set(routes["travel_source"].astype(str)) if "travel_source" in routes else {ESTIMATE})


def _source_words(sources: set[str]) -> str:
    engines = sorted(sources - {ESTIMATE})
    if not engines:
        return "estimated"
    return f"by {' and '.join(engines)}{', in part estimated' if ESTIMATE in sources else ', without traffic'}"


def _capacity(plan: Plan) -> str:
    """Warn where a route is more than a day's work; a route's visits take longer than its driving."""
    if "work_minutes" not in plan.routes:
        return ""
    minutes = float(plan.routes["work_minutes"].median())
    hours = f"With its visits a route takes about {minutes / 60:.1f} hours of work"
    if minutes <= WORKDAY_MINUTES:
        return markup.note(f"{hours}, with driving {travel(plan.routes)} and visits estimated.")
    return markup.error(
        f"{hours}, more than a day. Generate with fewer stops per route, set the longest day under 'More choices', "
        "or plan several days for each."
    )


def table_rows(plan: Plan) -> tuple[list[str], list[list[Any]]]:
    """Return ids and cells of the route table, in the order of `COLUMNS`; cells of numbers carry their sort key."""
    routes = plan.routes
    cells = [
        _texts(routes["route_name"]),
        _texts(routes["zip_code"]),
        _numbers(routes["property_count"], "{:,.0f}"),
        _numbers(routes["completed_count"], "{:,.0f}"),
        _numbers(routes["drive_minutes"] / 60, "{:.1f} h"),
        _numbers(routes["avg_uplift"] * 100, "{:.1f} %"),
        _texts(routes["crew_name"]),
        _texts(routes["status"]),
    ]
    return _texts(routes["route_id"]), [list(row) for row in zip(*cells, strict=True)]


def _texts(column: pd.Series[Any]) -> list[Any]:
    return [None if missing else str(value) for value, missing in zip(column, column.isna(), strict=True)]


def _numbers(column: pd.Series[Any], form: str) -> list[list[Any]]:
    values = column.astype(float)
    return [
        ["–", -1.0] if missing else [form.format(value), value]
        for value, missing in zip(values.tolist(), values.isna(), strict=True)
    ]


def routes_table(plan: Plan) -> str:
    """Return the route table as it stands in a report."""
    if plan.routes.empty:
        return markup.empty(no_routes(plan) if plan.eligible else NOTHING_DECIDED)
    rows = [[cell[0] if isinstance(cell, list) else cell for cell in row] for row in table_rows(plan)[1]]
    return markup.table(
        [c["label"] for c in COLUMNS], rows, numeric=[i for i, c in enumerate(COLUMNS) if c["kind"] == "number"]
    )


def crews_table(plan: Plan) -> str:
    """Say which crew has which routes, and how many wait for one."""
    if plan.routes.empty:
        return markup.empty(no_routes(plan) if plan.eligible else NOTHING_DECIDED)
    rows = [
        [crew, ", ".join(group["route_name"]), f"{group['property_count'].sum():,}"]
        for crew, group in plan.routes.fillna({"crew_name": "No crew yet"}).groupby("crew_name")
    ]
    return markup.table(["Crew", "Routes", "Stops"], rows, numeric=(2,))


def drawn(plan: Plan, timezone: str) -> Any:
    """Draw the plan's map, a Folium one."""
    return maps.route_map(
        plan.routes, plan.stops, depot=plan.depot, contours=plan.contours, reports=plan.reports, timezone=timezone
    )


def ledger_table(plan: Plan) -> str:
    """Say where every eligible home is; the rows add up to all of them."""
    if plan.eligible == 0:
        return markup.empty(NOTHING_DECIDED)
    homes = plan.ledger["properties"].astype(int).tolist()
    rows = [
        [reason, f"{n:,}", f"{n / plan.eligible:.1%}"] for reason, n in zip(plan.ledger["reason"], homes, strict=True)
    ]
    rows.append(["Eligible: every home with a decision", f"{plan.eligible:,}", "100.0%"])
    return markup.table(["Where the homes are", "Homes", "Share"], rows, numeric=(1, 2), foot=True)


def stop_list(plan: Plan, route_id: str) -> str:
    """List a route's stops in visiting order."""
    stops = plan.stops[plan.stops["route_id"].astype(str) == route_id].sort_values("sequence_order")
    said_no = stops["do_not_knock"].astype(bool) if "do_not_knock" in stops else pd.Series(False, index=stops.index)
    cells = [
        _texts(stops["sequence_order"]),
        _texts(stops["address"]),
        _texts(stops["zip_code"]),
        [text for text, _ in _numbers(stops["hail_in"], "{:.2f} in")],
        _texts(stops["job_status"].mask(said_no, "do not knock")),
    ]
    headers = ["Stop", "Address", "ZIP", "Modelled hail", "Status"]
    content = markup.table(headers, zip(*cells, strict=True), numeric=(0, 3))
    return markup.details(f"The {markup.count(len(stops), 'stop')} in order", content)


def route_head(route: Mapping[str, Any], crew: str) -> str:
    """Name a route and say what it asks of a crew."""
    source = str(route.get("travel_source", ESTIMATE))
    hours = f"{route['drive_minutes'] / 60:.1f} h driving ({_source_words({source})})"
    facts = [markup.count(route["property_count"], "stop"), hours, crew or "no crew yet"]
    title = f"<strong>{markup.text(route['route_name'])}</strong> {markup.badge(route['status'])}"
    return f'<div class="sp-card">{title}<br>{markup.text(" · ".join(facts))}</div>'


def pack(address: str) -> str:
    """Where a route's pack is made; '' where no page does that."""
    made = led("its pack, on the page Jobs", f"{address}#what-a-crew-takes-along")
    return f'<p class="sp-note">To print, for a phone or as a calendar: {made}.</p>' if address else ""

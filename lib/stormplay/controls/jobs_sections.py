"""How each section of the Phase 4 page says where jobs stand. A state in, HTML out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from stormplay.controls import markup
from stormplay.controls.jobs_state import State, share
from stormplay.jobs.workflow import Workflow

NO_JOBS = "There are no jobs yet. Generate routes on the Phase 3 page: each stop of a route becomes a job."
NO_MATCH = "No job matches. Type less of the address, or choose 'All statuses' and 'All routes'."
NO_STORM = "This company has no storm yet."
PICK_FIRST = "Choose a job in the list or on the map."
READ_ONLY = "You may look at these jobs. Your role here is viewer: changing them is for operators."
NOT_STUCK = "No job has been in its status for longer than it should be."
CLOSED = "This storm is closed: nobody is expected to move its jobs any more."
STUCK_SHOWN = 15

COLUMNS: list[dict[str, Any]] = [
    {"label": "Address", "by": "address", "kind": "text", "narrow": True},
    {"label": "ZIP", "by": "zip", "kind": "text", "narrow": False},
    {"label": "Route", "by": "route", "kind": "text", "narrow": False},
    {"label": "Crew", "by": "crew", "kind": "text", "narrow": False},
    {"label": "Status", "by": "status", "kind": "badge", "narrow": True},
    {"label": "For", "by": "days", "kind": "number", "narrow": False},
    {"label": "Uplift", "by": "uplift", "kind": "number", "narrow": False},
]


def answer(state: State) -> str:
    """Say where the jobs stand, in a sentence and cards, with the age of the data."""
    head = f"<h3>{markup.text(state.storm_name)} {markup.badge(state.storm_status)}</h3>"
    origin = "Homes, owners and outcomes are synthetic." if state.is_synthetic else ""
    stamp = markup.note(f"{state.company} · {markup.age(state.as_of)} {origin}")
    n = state.counts
    if not n["total"]:
        return head + markup.empty(NO_JOBS) + stamp
    stuck = int(state.stuck.attrs.get("total", len(state.stuck)))
    waiting = f"{markup.count(stuck, 'job')} stuck: see below." if stuck else "No job is stuck."
    if state.storm_status == "closed":
        waiting = "The storm is closed."
    said = f"{n['ended']:,} of {markup.count(n['total'], 'job')} have come to an end. {waiting}"
    cards = markup.kpis([
        ("Doors knocked", f"{n['knocked']:,}", f"{share(n['knocked'], n['total'])} of {n['total']:,} jobs"),
        ("Contacts", f"{n['contacted']:,}", f"{share(n['contacted'], n['knocked'])} of {n['knocked']:,} knocked"),
        ("Inspections", f"{n['inspected']:,}",
         f"{share(n['inspected'], n['contacted'])} of {n['contacted']:,} contacts"),
        ("Signed", f"{n['signed']:,}", f"{share(n['signed'], n['inspected'])} of {n['inspected']:,} inspections"),
    ])  # fmt: skip
    return head + markup.sentence(said) + bar("All jobs", n["ended"], n["total"]) + cards + stamp


def bar(label: str, ended: int, total: int) -> str:
    """A bar of how many jobs have come to an end."""
    pct = 100 * ended / total if total else 0.0
    told = f"{ended:,} of {total:,} ended ({pct:.{1 if 0 < pct < 10 else 0}f} %)"
    return (f'<div class="sp-progress" role="img" aria-label="{markup.text(label)}: {told}">'
            f'<span class="sp-progress-track"><span style="width:{pct:.1f}%"></span></span>'
            f'<span class="sp-note">{told}</span></div>')  # fmt: skip


def progress(state: State, by: str) -> str:
    """How far each crew or route is, every rate with its denominator in the heading."""
    found = state.crews if by == "crew" else state.routes[state.routes["key"].notna()]
    if found.empty:
        return markup.empty(NO_JOBS)
    heads = ["Crew" if by == "crew" else "Route", "Ended", "Knocked of jobs", "Contacts of knocked",
             "Inspected of contacts", "Signed of inspected"]  # fmt: skip
    lines = "".join(_line(row, by) for row in found.to_dict("records"))
    head = "".join(f'<th scope="col"{"" if i < 2 else " class=sp-num"}>{word}</th>' for i, word in enumerate(heads))
    return ('<div class="sp-scroll"><table class="sp-table sp-progress-table"><thead><tr>'
            f"{head}</tr></thead><tbody>{lines}</tbody></table></div>")  # fmt: skip


def _line(row: Mapping[Any, Any], by: str) -> str:
    name = markup.text(row["name"] or "no route")
    if by == "route":
        crew = row["crew_name"] if isinstance(row["crew_name"], str) else "no crew yet"
        name += f'<br><span class="sp-note">{markup.text(crew)}</span>'
    pairs = [("knocked", "total"), ("contacted", "knocked"), ("inspected", "contacted"), ("signed", "inspected")]
    cells = "".join(f'<td class="sp-num">{int(row[a]):,} of {int(row[b]):,}<br><span class="sp-note">'
                    f"{share(row[a], row[b])}</span></td>" for a, b in pairs)  # fmt: skip
    return f"<tr><td>{name}</td><td>{bar(str(row['name']), int(row['ended']), int(row['total']))}</td>{cells}</tr>"


def stuck(state: State) -> str:
    """The jobs that nobody has moved for too long, and why each counts as stuck."""
    if not state.counts["total"]:
        return markup.empty(NO_JOBS)
    if state.stuck.empty:
        return markup.empty(CLOSED if state.storm_status == "closed" else NOT_STUCK)
    total = int(state.stuck.attrs.get("total", len(state.stuck)))
    shown = state.stuck.head(STUCK_SHOWN)
    rows = [[row["address"], row["route_name"], f"{row['overdue_days']:,.0f}", row["why"]]
            for row in shown.where(shown.notna(), None).to_dict("records")]  # fmt: skip
    more = markup.note(f"The {len(shown)} longest overdue of {total:,}.") if total > len(shown) else ""
    return markup.table(["Address", "Route", "Days over", "Why"], rows, numeric=(2,)) + more


def table_rows(found: pd.DataFrame, workflow: Workflow, now: datetime) -> tuple[list[str], list[list[Any]]]:
    """Ids and cells of the job list, in the order of `COLUMNS`."""
    rows = []
    for row in found.where(found.notna(), None).to_dict("records"):
        status = workflow.statuses.get(str(row["status"]))
        days = max(0.0, (now - row["status_since"]).total_seconds() / 86_400)
        uplift = row["expected_uplift"]
        rows.append([
            row["address"], row["zip_code"], row["route_name"], row["crew_name"],
            [workflow.label(str(row["status"])), str(row["status"]), status.colour if status else "#64748b"],
            [f"{days:,.0f} d", round(days, 2)],  # finer, and each look would be another table
            ["–", -1.0] if uplift is None else [f"{uplift * 100:.1f} %", float(uplift)],
        ])  # fmt: skip
    return found["job_id"].astype(str).tolist(), rows


def job_head(job: Mapping[str, Any], workflow: Workflow) -> str:
    """Name a job, and say what is known of the home."""
    status = workflow.statuses.get(str(job["status"]))
    dot = f'<i class="sp-dot" style="background:{status.colour if status else "#64748b"}"></i>'
    place = ", ".join(str(part) for part in (job["address"], job["city"], job["zip_code"]) if part)
    badge = f'<span class="sp-badge">{dot}{markup.text(workflow.label(str(job["status"])))}</span>'
    roof = [f"{job['roof_age_years']:.0f} years old" if job["roof_age_years"] is not None else "", job["roof_material"]]
    uplift = job["expected_uplift"]
    facts = [
        ("Route", " · ".join(filter(None, [job["route_name"] or "no route", job["crew_name"] or "no crew yet"]))),
        ("Owner", " · ".join(filter(None, [job["owner_name"] or "not known", job["phone"]]))),
        ("Roof", ", ".join(filter(None, roof)) or "not known"),
        ("Uplift", "not scored" if uplift is None else f"{uplift * 100:.1f} % expected"),
    ]  # fmt: skip
    lines = "".join(f"<dt>{name}</dt><dd>{markup.text(value)}</dd>" for name, value in facts)
    warn = markup.error("Do not knock: the owner said no. Nobody goes there, and nobody writes or calls.")
    return (f'<div class="sp-card sp-job"><h3>{markup.text(place)} {badge}</h3><dl class="sp-facts">{lines}</dl></div>'
            + (warn if job["do_not_knock"] else ""))  # fmt: skip


def trail(found: pd.DataFrame, workflow: Workflow, time_zone: str) -> str:
    """What happened, newest first, with who and when."""
    if found.empty:
        return markup.empty("Nothing has happened yet.")
    rows = [[f"{row['at'].astimezone(ZoneInfo(time_zone)):%d %b %Y, %H:%M}", row["who"], _said(row, workflow)]
            for row in found.to_dict("records")]  # fmt: skip
    return markup.details(f"What happened ({len(rows)})", markup.table(["When", "Who", "What"], rows))


def _said(row: Mapping[Any, Any], workflow: Workflow) -> str:
    if row["what"] == "note":
        return f"“{row['text']}”"
    label = workflow.label(str(row["text"]))
    return f"{label} (taken back)" if row["what"] == "taken back" else label

"""What people do all day on the pages of Phases 4 and 5, each with the rows that should come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
from seasons import JOBS_STORM, NURTURE_STORM, STEPS_A_HOME, SUBJECT, THRESHOLD, Sizes
from sqlalchemy import text

from stormplay import JobTracker, NurtureLoop, controls, database, list_storms, maps, storms, tenancy

PAGE = 50


@dataclass(frozen=True)
class Call:
    """Something to be timed.

    Attributes:
        name: What the table calls it.
        kind: 'list', 'search', 'map', 'press' or 'opening'.
        run: Does it and returns how many rows came, or what can be counted by len().
        rows: How many there should be, counted another way; None: nothing to count.
    """

    name: str
    kind: str
    run: Callable[[], Any]
    rows: int | None = None


def asked(query: str, **values: object) -> int:
    """A number by plain SQL as administrator, who is under no lock; :t is the tenant, :a and :b its two storms."""
    words = f"""WITH t AS (SELECT tenant_id FROM tenants WHERE slug = '{SUBJECT}'),
        a AS (SELECT storm_id FROM storms JOIN t USING (tenant_id) WHERE slug = '{JOBS_STORM}'),
        b AS (SELECT storm_id FROM storms JOIN t USING (tenant_id) WHERE slug = '{NURTURE_STORM}') """
    with database.transaction(database.admin_url()) as connection:
        return int(connection.execute(text(words + query), values).scalar_one())


# ---- Phase 4


def job_calls(sizes: Sizes) -> list[Call]:
    """Lists, searches, the map and presses of the tracker."""
    tracker = JobTracker(SUBJECT, JOBS_STORM)
    first = tracker.find(limit=1).iloc[0]
    route, home, job = str(first["route_id"]), str(first["property_id"]), str(first["job_id"])
    of_jobs = "SELECT count(*) FROM jobs JOIN a USING (storm_id) JOIN properties USING (tenant_id, property_id) WHERE "
    kinds = [(one.name, one.label, one.colour) for one in tracker.workflow.statuses.values()]
    few, many = str(first["address"])[:8], "1"
    late = tracker.get_stuck(1).attrs["total"]
    stale = {one.name: one.stale_after_days for one in tracker.workflow.statuses.values()
             if one.stale_after_days is not None and not one.ends}  # fmt: skip
    stuck = sum(asked(of_jobs + "status = :s AND status_since < now() - make_interval(days => :d)", s=name, d=days)
                for name, days in stale.items())  # fmt: skip
    if late != stuck:
        raise RuntimeError(f"get_stuck counts {late} jobs, plain SQL {stuck}")

    def page(number: int) -> pd.DataFrame:
        return tracker.find(limit=PAGE, skip=PAGE * (number - 1))

    def total(by: str) -> int:
        return int(tracker.get_progress(by)["total"].sum())

    def draw() -> int:
        places = tracker.get_places()
        return len(places) if len(maps.map_document(maps.job_map(places, kinds))) > len(places) else 0

    def of_page(number: int) -> int:
        return min(PAGE, max(0, sizes.jobs - PAGE * (number - 1)))

    last = -(-sizes.jobs // PAGE)
    signed, begun = asked(of_jobs + "status = 'signed'"), asked(of_jobs + "address ILIKE :a", a=f"{many}%")
    notes = iter(range(1_000_000))
    return [
        Call("jobs: page 1", "list", lambda: page(1), of_page(1)),
        Call("jobs: page 100", "list", lambda: page(100), of_page(100)),
        Call("jobs: last page", "list", lambda: page(last), of_page(last)),
        Call("jobs: of a status", "list", lambda: tracker.find(statuses=["signed"], limit=PAGE), min(PAGE, signed)),
        Call("jobs: of a route", "list", lambda: tracker.find(route_id=route),
             min(100, asked(of_jobs + "route_id = :r", r=route))),
        Call("jobs: of a crew", "list", lambda: tracker.find(crew="Crew 2", limit=PAGE), min(PAGE, asked(
            "SELECT count(*) FROM jobs JOIN a USING (storm_id) JOIN routes USING (tenant_id, route_id) "
            "WHERE crew_name = 'Crew 2'"))),
        Call("jobs: count", "list", tracker.count, sizes.jobs),
        Call("jobs: count of a status", "list", lambda: tracker.count(statuses=["signed"]), signed),
        Call(f"jobs: search '{few}'", "search", lambda: tracker.find(few, limit=PAGE),
             min(PAGE, asked(of_jobs + "address ILIKE :a", a=f"{few}%"))),
        Call(f"jobs: search '{many}'", "search", lambda: tracker.find(many, limit=PAGE), min(PAGE, begun)),
        Call(f"jobs: count '{many}'", "search", lambda: tracker.count(many), begun),
        Call("jobs: search a property id", "search", lambda: tracker.find(home), 1),
        Call("jobs: get_places", "map", tracker.get_places, sizes.jobs),
        Call("jobs: the map, whole", "map", draw, sizes.jobs),
        Call("jobs: progress of the storm", "list", lambda: total("storm"), sizes.jobs),
        Call("jobs: progress by crew", "list", lambda: total("crew"), sizes.jobs),
        Call("jobs: progress by route", "list", lambda: total("route"), sizes.jobs),
        Call("jobs: stuck", "list", tracker.get_stuck, min(100, stuck)),
        Call("jobs: get_job", "list", lambda: tracker.get_job(home)["job_id"] == job, 1),
        Call("jobs: update_job", "press",
             lambda: tracker.update_job(job, notes=f"note {next(notes)}")["job_id"] == job, 1),
    ]  # fmt: skip


def open_jobs() -> Any:
    """The live page of Phase 4, as its notebook opens it."""
    return controls.phase4(SUBJECT, JOBS_STORM, tracker=JobTracker, tenants=tenancy.my_tenants, storms=list_storms,
                           reports=storms.read_reports, swath=storms.Swath.from_reports)  # fmt: skip


def job_page(sizes: Sizes) -> list[Call]:
    """The live page and presses on it."""
    board = open_jobs()
    signed = asked("SELECT count(*) FROM jobs JOIN a USING (storm_id) WHERE status = 'signed'")

    def shown() -> int:
        return len(board._places) if board.state is not None and not board.message.text else -1

    def filtered() -> int:
        board.list.status.value = "" if board.list.status.value else "signed"
        return shown() if board.list.status.value else shown() - sizes.jobs + signed

    def turned() -> int:
        board.list._after.click()
        return shown()

    def again() -> int:
        board.again.click()
        return shown()

    def picked() -> int:
        found = pd.Series(board.list.table.ids)
        board.list.table.selected = found.iloc[0] if board.selected != found.iloc[0] else found.iloc[-1]
        return int(board.selected == board.list.table.selected)

    def changed() -> int:
        found = pd.Series(board.list.table.ids).iloc[0]
        board._changed({"job_id": found, "status": "signed"})
        return shown()

    return [
        Call("page of jobs: opening", "opening", lambda: open_jobs().state.counts["total"], sizes.jobs),
        Call("page of jobs: next page", "press", turned, sizes.jobs),
        Call("page of jobs: pick a job", "press", picked, 1),
        Call("page of jobs: after a save", "press", changed, sizes.jobs),
        Call("page of jobs: look again", "press", again, sizes.jobs),
        Call("page of jobs: choose a status", "press", filtered, signed),
    ]


# ---- Phase 5


def nurture_calls(sizes: Sizes) -> list[Call]:
    """Lists, searches and presses of the loop."""
    loop = NurtureLoop(SUBJECT, NURTURE_STORM)
    listed = f"""SELECT count(*) FROM policy_decisions_log d JOIN b USING (storm_id)
        JOIN lead_uplift l USING (tenant_id, property_id) JOIN properties p USING (tenant_id, property_id)
        LEFT JOIN policy_outcomes o ON o.tenant_id = d.tenant_id AND o.storm_id = d.storm_id
         AND o.property_id = d.property_id
       WHERE d.decision = 'treat' AND l.expected_uplift > {THRESHOLD} AND o.actual_converted IS NOT TRUE """
    every, some = asked(listed), asked(listed + "AND p.address ILIKE '%bluebonnet c%'")
    steps = "SELECT count(*) FROM nurture_sequences n JOIN b USING (storm_id) WHERE true "
    week = asked(steps + "AND status = 'scheduled' AND scheduled_at < now() + interval '7 days'")
    ids = loop.candidates(THRESHOLD, 1, 100)["property_id"].tolist()
    later = loop.get_steps(since=datetime.now(UTC) + timedelta(days=2))  # what is overdue is placed anew by resume()
    begun = later.loc[later["step_number"] == 1, "property_id"].iloc[0]

    def page(number: int, size: int = 100) -> pd.DataFrame:
        return loop.candidates(THRESHOLD, number, size)

    def of_page(number: int, size: int = 100) -> int:
        return min(size, max(0, every - size * (number - 1)))

    def paused() -> int:
        held = loop.pause(begun)
        return held if loop.resume(begun) == held else -1

    return [
        Call("nurture: page 1", "list", lambda: page(1), of_page(1)),
        Call("nurture: page 50", "list", lambda: page(50), of_page(50)),
        Call("nurture: last page", "list", lambda: page(-(-every // 100)), of_page(-(-every // 100))),
        Call("nurture: page 1 of 1,000", "list", lambda: page(1, 1_000), of_page(1, 1_000)),
        Call("nurture: count", "list", lambda: loop.count(THRESHOLD), every),
        Call("nurture: search 'bluebonnet c'", "search",
             lambda: loop.candidates(THRESHOLD, 1, 100, "bluebonnet c"), min(100, some)),
        Call("nurture: count 'bluebonnet c'", "search", lambda: loop.count(THRESHOLD, "bluebonnet c"), some),
        Call("nurture: search a property id", "search", lambda: loop.candidates(THRESHOLD, 1, 100, ids[0]), 1),
        Call("nurture: get_steps", "list", loop.get_steps, min(1_000, asked(steps))),
        Call("nurture: history of a home", "list", lambda: loop.history(begun), STEPS_A_HOME),
        Call("nurture: standing", "press", lambda: loop.standing(THRESHOLD).candidates, every),
        Call("nurture: week", "press", loop.week, week),
        Call("nurture: preview of 100 homes", "press", lambda: loop.preview(ids), len(ids)),
        Call("nurture: pause and resume a home", "press", paused, STEPS_A_HOME),
    ]  # fmt: skip


def open_nurture() -> Any:
    """The live page of Phase 5, as its notebook opens it."""
    return controls.phase5(SUBJECT, NURTURE_STORM, threshold=THRESHOLD, loop=NurtureLoop, tenants=tenancy.my_tenants,
                           storms=list_storms)  # fmt: skip


def nurture_page(sizes: Sizes) -> list[Call]:
    """The live page and presses on it."""
    desk = open_nurture()
    assert desk.nurture is not None, desk.message.text
    every = desk.nurture.candidates
    homes = desk.homes_part
    has_steps = "SELECT count(*) FROM nurture_sequences JOIN b USING (storm_id) WHERE property_id = CAST(:id AS uuid)"
    with_steps = next(one for one in homes.table.ids if asked(has_steps, id=one))

    def turned() -> int:
        homes.pager.page = 1
        homes.pager.next.click()
        return len(homes.table.ids)

    def searched() -> int:
        desk.search.value = "" if desk.search.value else "bluebonnet c"
        return int(len(homes.table.ids) > 0)

    def held() -> int:
        homes.select(with_steps)
        (homes.resume if homes.pause.disabled else homes.pause).click()
        return int("contact" in homes.message.text)

    def rechosen() -> int:
        percent = 100 * THRESHOLD
        desk.threshold.value = percent if desk.threshold.value > percent else percent + 0.5  # no home is between
        return int(desk.nurture.candidates)

    return [
        Call("page of nurture: opening", "opening", lambda: open_nurture().nurture.candidates, every),
        Call("page of nurture: pause a home", "press", held, 1),
        Call("page of nurture: next page", "press", turned, min(100, max(0, every - 100))),
        Call("page of nurture: search", "press", searched, 1),
        Call("page of nurture: another threshold", "press", rechosen, every),
    ]

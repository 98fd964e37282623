"""Phases 4 and 5 at full size: how long lists, searches, maps and presses take, as a notebook sees it.

    python benchmarks/operations.py --home /tmp/bench-operations
    python benchmarks/operations.py --jobs 10000 --candidates 20000 --only map

An embedded Postgres of its own is filled (`seasons.py`) with one tenant that has a storm of 100,000 jobs and a storm
of 200,000 nurture candidates, beside ten other tenants. Each row is a call of the library as the local person, with
the tenant's lock, pandas and drawing, or a press on a live page in this process (`workday.py`). Every call's rows are
compared with what plain SQL counts as administrator, so that nothing is quick because it is wrong.

Exits with 1 where a list, a search or a map takes a second or more in the median. Beside it two peers in the same run:
stock Folium's circle markers, and the page of a list as one reads everything that it tells and then takes a page.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import ending
import folium
import pandas as pd
from rich.console import Console
from rich.table import Table
from seasons import JOBS_STORM, SUBJECT, Sizes, load
from tenancy import use_home
from workday import PAGE, Call, job_calls, job_page, nurture_calls, nurture_page

from stormplay import JobTracker, maps, tenancy

BOUND_MS, OPENING_MS = 1_000.0, 3_000.0
BINDING = ("list", "search", "map")  # what the exit code is about; the others have a goal
DOTS = 5_000
_out = Console(width=140)


@dataclass(frozen=True)
class Taken:
    """What a call took, in milliseconds."""

    call: Call
    rows: int
    ms: list[float]

    @property
    def bound(self) -> float:
        """Below what its median should be."""
        return OPENING_MS if self.call.kind == "opening" else BOUND_MS

    @property
    def is_kept(self) -> bool:
        """Whether it is."""
        return statistics.median(self.ms) < self.bound


def measure(calls: list[Call], runs: int) -> list[Taken]:
    """Time each call so many times after once that does not count.

    Raises:
        RuntimeError: A call gave another number of rows than there are.
    """
    found = []
    gc.collect()
    gc.freeze()  # what is loaded by now stays, and need not be looked through before each call
    for call in calls:
        _out.print(f"[dim]{call.name:60}[/dim]", end="\r")
        ms = []
        gc.collect()
        for _ in range(runs + 1):
            began = time.perf_counter()
            came = call.run()
            ms.append((time.perf_counter() - began) * 1e3)
            rows = len(came) if hasattr(came, "__len__") else int(came)
            if call.rows is not None and rows != call.rows:
                raise RuntimeError(f"{call.name}: {rows} rows instead of {call.rows}")
        found.append(Taken(call, rows, ms[1:]))
    return found


def show(taken: list[Taken], sizes: Sizes) -> bool:
    """Print the table. Returns whether lists, searches and maps keep their bound."""
    table = Table("what", "kind", "rows", "median, ms", "worst, ms", "bound, ms", "",
                  title=f"{sizes.jobs:,} jobs, {sizes.candidates:,} nurture candidates")  # fmt: skip
    for one in taken:
        is_bound = one.call.kind in BINDING
        said = ("kept" if one.is_kept else "BROKEN") if is_bound else ("met" if one.is_kept else "goal missed")
        table.add_row(one.call.name, one.call.kind, f"{one.rows:,}", f"{statistics.median(one.ms):,.1f}",
                      f"{max(one.ms):,.1f}", f"{one.bound:,.0f}", said)  # fmt: skip
    _out.print(table)
    bound = [one for one in taken if one.call.kind in BINDING]
    if not bound:
        return True
    slowest = max(bound, key=lambda one: statistics.median(one.ms))
    is_kept = all(one.is_kept for one in bound)
    _out.print(f"slowest list, search or map: {slowest.call.name}, {statistics.median(slowest.ms):,.0f} ms, "
               f"bound {BOUND_MS:,.0f}: {ending.word(is_kept)}")  # fmt: skip
    return is_kept


# ---- peers

# What one writes first: join everything, sort it, take a page.
_NAIVE = """
SELECT j.job_id, j.property_id, j.route_id, r.route_name, r.crew_name, p.address, p.zip_code, p.latitude, p.longitude,
       j.status, j.status_since, j.row_version, lu.expected_uplift
  FROM jobs j JOIN properties p ON p.property_id = j.property_id
  LEFT JOIN routes r ON r.route_id = j.route_id LEFT JOIN lead_uplift lu ON lu.property_id = j.property_id
 WHERE j.storm_id = :storm_id ORDER BY r.route_name NULLS LAST, p.address_key, j.job_id LIMIT :n OFFSET :skip
"""


def peers(runs: int) -> list[tuple[str, Call, Call]]:
    """What, ours, the peer's."""
    tracker = JobTracker(SUBJECT, JOBS_STORM)
    places = tracker.get_places().head(DOTS)
    kinds = [(one.name, one.label, one.colour) for one in tracker.workflow.statuses.values()]
    colours = {name: colour for name, _, colour in kinds}
    skip = max(0, min(99 * PAGE, tracker.count() - PAGE))

    def ours() -> int:
        return int(len(maps.map_document(maps.job_map(places, kinds))) > 0)

    def stock() -> int:
        drawn = folium.Map(location=[32.85, -97.2], prefer_canvas=True)
        for row in places.to_dict("records"):
            folium.CircleMarker([row["latitude"], row["longitude"]], radius=4, color=colours[row["status"]],
                                popup=row["address"]).add_to(drawn)  # fmt: skip
        return int(len(drawn.get_root().render()) > 0)

    def naive() -> pd.DataFrame:
        with tenancy.session(SUBJECT) as connection:
            return tenancy.frame(connection, _NAIVE, {"storm_id": tracker.storm_id, "n": PAGE, "skip": skip})

    return [
        (f"map of {len(places):,} dots, against stock Folium's circle markers",
         Call("ours", "map", ours), Call("stock Folium", "map", stock)),
        (f"page of {PAGE} from {skip:,}, against one join with OFFSET",
         Call("ours", "list", lambda: tracker.find(limit=PAGE, skip=skip)), Call("naive", "list", naive)),
    ]  # fmt: skip


def compare(runs: int) -> None:
    """Print ours beside the peers', each in turn."""
    for what, ours, other in peers(runs):
        pairs = [[one.ms[0] for one in measure([ours, other], 1)] for _ in range(runs)]
        mine, theirs = (statistics.median(pair[k] for pair in pairs) for k in (0, 1))
        ratio = statistics.median(pair[0] / pair[1] for pair in pairs)
        _out.print(f"{what}: {mine:,.0f} ms to {theirs:,.0f} ms, ratio {ratio:.2f}")


# ---- the command


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = ending.parser(__doc__)
    parser.add_argument("--home", type=Path, help="folder of the database, filled once and used again (default: new)")
    parser.add_argument("--jobs", type=int, default=100_000, help="jobs of one storm (default 100,000)")
    parser.add_argument("--candidates", type=int, default=200_000, help="candidates of another (default 200,000)")
    parser.add_argument("--runs", type=int, default=5, help="runs of each call that count (default 5)")
    parser.add_argument("--only", default="", help="only calls whose name contains this; no peers")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> bool:
    """Load, measure, print. Returns whether the bounds are kept."""
    sizes = Sizes(options.jobs, options.candidates)
    load(sizes)
    tenancy.my_tenants()  # mints this process's login, which is no part of a call
    taken: list[Taken] = []
    for made in (job_calls, nurture_calls, job_page, nurture_page):
        calls = [call for call in made(sizes) if options.only in call.name]
        taken += measure(calls, max(1, options.runs))
    is_kept = show(taken, sizes)
    if not options.only:
        compare(max(1, options.runs))
    return is_kept


def main(arguments: list[str] | None = None) -> int:
    """Run and print; 0 when the bounds are kept, 1 when one is broken."""
    options = parse(arguments)
    use_home(options.home)
    return ending.exit_code(lambda: run(options), options)


if __name__ == "__main__":
    sys.exit(main())

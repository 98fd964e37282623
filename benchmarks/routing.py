"""How far `solve` gets beyond bisection alone, in the same run on the same machine.

    python benchmarks/routing.py swath500.csv swath2000.csv.gz --seconds 10
    python benchmarks/routing.py --generate 4000 --seed 1 --seconds 15

Distances are great-circle metres. In-field distance leaves out the legs from and to the depot, which no planner of
routes can shorten much.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil  # type: ignore[import-untyped]
from rich.console import Console
from rich.table import Table

from stormplay.errors import BadInput, StormplayError
from stormplay.routing import Plan, Progress, route_distance_m, solve
from stormplay.routing.plan import FloatArray

_DEPOT = (32.627, -97.318)
_TOWNS = 40
_TOWN_DEGREES = 0.02


@dataclass(frozen=True)
class Instance:
    """A depot, shape (2,), and stops, shape (n, 2), in degrees."""

    name: str
    depot: FloatArray
    stops: FloatArray


@dataclass(frozen=True)
class Result:
    """One method's plan and what it cost; memory is the highest seen of this process and its workers together."""

    method: str
    plan: Plan
    in_field_m: float
    seconds: float
    peak_mb: float


class Memory:
    """Resident memory of this process and its children, sampled whenever `solve` reports progress."""

    def __init__(self) -> None:
        self._process, self.peak_mb = psutil.Process(), 0.0
        self.sample()

    def sample(self, _: Progress | None = None) -> None:
        """Keep the highest sum seen."""
        sizes = [self._process.memory_info().rss]
        for child in self._process.children(recursive=True):
            try:
                sizes.append(child.memory_info().rss)
            except psutil.NoSuchProcess:
                continue
        self.peak_mb = max(self.peak_mb, sum(sizes) / 1e6)


def read(path: Path) -> Instance:
    """An instance from a CSV with latitude and longitude first, whose first row is the depot; .gz is unpacked.

    Raises:
        BadInput: The file cannot be read or holds no such rows.
    """
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
        rows = [row for row in csv.reader(io.StringIO(text)) if row]
        places = np.array([[float(value) for value in row[:2]] for row in rows[1:]]).reshape(-1, 2)
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{path} cannot be read: {error}.", "Expected a CSV: latitude, longitude, then anything."
        ) from None
    if len(places) == 0:
        raise BadInput(f"{path} has no rows.", "Expected the depot in the first row, stops behind it.")
    return Instance(path.name, places[0], places[1:])


def generate(stops: int, seed: int) -> Instance:
    """A synthetic swath: towns strewn along a line to the north-east, homes around each, the depot at its edge."""
    rng = np.random.default_rng(seed)
    along, aside = rng.uniform(0, 0.6, _TOWNS), rng.normal(0, 0.06, _TOWNS)
    centres = np.column_stack([32.70 + 0.5 * along + aside, -97.30 + along - 0.5 * aside])
    share = rng.dirichlet(np.full(_TOWNS, 2.0))
    homes = centres[rng.choice(_TOWNS, stops, p=share)] + rng.normal(0, _TOWN_DEGREES, (stops, 2))
    return Instance(f"generated {stops:,} (seed {seed})", np.array(_DEPOT), homes.round(6))


def measure(instance: Instance, options: argparse.Namespace) -> Iterator[Result]:
    """Bisection alone, then the whole solver."""
    depot = None if options.no_depot else instance.depot
    for method, seconds in (("bisection", 0.0), ("solve", options.seconds)):
        memory, began = Memory(), time.perf_counter()
        plan = solve(
            instance.stops, depot=depot, max_per_route=options.max_per_route, time_limit_s=seconds,
            seed=options.seed, progress=memory.sample,
        )  # fmt: skip
        taken = time.perf_counter() - began
        memory.sample()
        yield Result(method, plan, sum(route_distance_m(instance.stops[r]) for r in plan.routes), taken, memory.peak_mb)


def table(instance: Instance, results: list[Result]) -> Table:
    """The results as a table; the ratios compare with its first row."""
    shown = Table(title=f"{instance.name}: {len(instance.stops):,} stops", title_justify="left")
    for heading in ("method", "routes", "distance_m", "ratio", "in_field_m", "ratio", "seconds", "peak MB", "ended"):
        shown.add_column(heading, justify="left" if heading in ("method", "ended") else "right", no_wrap=True)
    first = results[0]
    for result in results:
        shown.add_row(
            result.method,
            f"{len(result.plan.routes)}",
            f"{result.plan.distance_m:,.0f}",
            _ratio(result.plan.distance_m, first.plan.distance_m),
            f"{result.in_field_m:,.0f}",
            _ratio(result.in_field_m, first.in_field_m),
            f"{result.seconds:.2f}",
            f"{result.peak_mb:.0f}",
            result.plan.ended,
        )
    return shown


def _ratio(value: float, base: float) -> str:
    return f"{value / base:.4f}" if base > 0 else "-"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Bisection alone against the whole solver, on the same instances.")
    parser.add_argument("instances", nargs="*", type=Path, help="CSV files (.gz too): latitude, longitude; depot first")
    parser.add_argument("--generate", type=int, metavar="N", help="add a synthetic swath of N stops")
    parser.add_argument("--seed", type=int, default=0, help="of the generated swath and of the solver (default 0)")
    parser.add_argument("--seconds", type=float, default=10.0, help="time limit of the solver (default 10)")
    parser.add_argument("--max-per-route", type=int, default=50, help="stops on a route, at most (default 50)")
    parser.add_argument("--no-depot", action="store_true", help="open routes: only legs between stops count")
    options = parser.parse_args(arguments)
    if not options.instances and options.generate is None:
        parser.error("give at least one CSV file or --generate N")
    if options.generate is not None and options.generate < 1:
        parser.error("--generate takes a number of stops, 1 or more")
    if options.seed < 0:
        parser.error("--seed takes a whole number, 0 or more")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run and print; 0 when all instances were solved, 2 for bad input."""
    options = parse(arguments)
    # A table cut at the terminal's edge would hide figures.
    console = Console(width=max(120, Console().width))
    try:
        instances = [read(path) for path in options.instances]
        if options.generate is not None:
            instances.append(generate(options.generate, options.seed))
        for instance in instances:
            console.print(table(instance, list(measure(instance, options))))
    except StormplayError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`routing.solve` beside OR-Tools, PyVRP and VROOM (those that are installed): same stops, wall time and cores.

    python benchmarks/routing.py swath500.csv X-n502-k39.vrp --seconds 60 --seeds 3
    python benchmarks/routing.py --generate 2000 --draws 5 --seconds 60
    python benchmarks/routing.py --scaling

Distances are great-circle metres, or the file's own unit. In-field distance leaves out the legs from and to the
depot, which no planner of routes can shorten much. Figures are medians over the seeds; a ratio is ours over the
peer's, so below 1 is shorter. Time is that from coordinates to routes; each engine has a process of its own.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from engines import Answer, Task, installed, run
from rich.console import Console
from rich.table import Table
from swaths import Instance, generate, read

from stormplay.errors import StormplayError
from stormplay.routing import readiness, solve
from stormplay.routing.metric import euclidean_rounded, haversine_m
from stormplay.routing.plan import FloatArray

MOST_OVERSHOOT = 0.02
_SIZES = (500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
_TRIALS_A_STOP = 100


@dataclass(frozen=True)
class Result:
    """What an engine reached on an instance: medians over the seeds; NaN where it found nothing."""

    engine: str
    routes: float
    distance_m: float
    in_field_m: float
    seconds: float
    peak_mb: float


def measure(instance: Instance, options: argparse.Namespace) -> Iterator[Result]:
    """Bisection alone, then each engine."""
    yield _result("bisection", instance, [run(Task("ours", instance, 0.0, options.cores, 0))])
    for engine in options.engines:
        seeds = range(options.seed, options.seed + options.seeds)
        answers = [run(Task(engine, instance, options.seconds, options.cores, seed)) for seed in seeds]
        yield _result(engine, instance, answers)


def _result(engine: str, instance: Instance, answers: list[Answer]) -> Result:
    lengths = [check(instance, answer.routes) if answer.routes else (np.nan, np.nan) for answer in answers]
    return Result(
        engine, _median([len(answer.routes) if answer.routes else np.nan for answer in answers]),
        _median([whole for whole, _ in lengths]), _median([inner for _, inner in lengths]),
        _median([answer.seconds for answer in answers]), _median([answer.peak_mb for answer in answers]),
    )  # fmt: skip


def _median(values: list[float]) -> float:
    return float("nan") if np.isnan(values).any() else statistics.median(values)


def check(instance: Instance, routes: list[list[int]]) -> tuple[float, float]:
    """Length of a plan and the part of it between stops, counted here; it has to serve all and keep the capacity."""
    served = sorted(row for route in routes for row in route)
    heaviest = max(int(instance.demand[route].sum()) for route in routes)
    if served != list(range(len(instance.stops))) or heaviest > instance.capacity:
        return np.nan, np.nan
    formula = euclidean_rounded if instance.is_planar else haversine_m
    inner = sum(_along(formula, instance.stops[route]) for route in routes)
    if instance.depot is None:
        return inner, inner
    first, last = (instance.stops[[route[end] for route in routes]] for end in (0, -1))
    depot = np.broadcast_to(instance.depot, first.shape)
    return inner + float((formula(depot, first) + formula(last, depot)).sum()), inner


def _along(formula: object, stops: FloatArray) -> float:
    return float(formula(stops[:-1], stops[1:]).sum()) if len(stops) > 1 else 0.0  # type: ignore[operator]


def table(instance: Instance, results: list[Result], options: argparse.Namespace) -> Table:
    """The results; ratios are ours over each."""
    ours = next((result for result in results if result.engine == "ours"), results[0])
    title = f"{instance.name}: {len(instance.stops):,} stops, {options.seconds:g} s, {options.cores} cores"
    shown = Table(title=title, title_justify="left")
    for heading in ("engine", "routes", "distance", "ours/it", "in field", "ours/it", "gap to best", "seconds", "over",
                    "peak MB"):  # fmt: skip
        shown.add_column(heading, justify="left" if heading == "engine" else "right", no_wrap=True)
    for it in results:
        gap = f"{it.distance_m / instance.best - 1:.2%}" if instance.best else "-"
        over = "-" if it.engine == "bisection" else f"{max(0.0, it.seconds / options.seconds - 1):.1%}"
        shown.add_row(
            it.engine, f"{it.routes:g}", f"{it.distance_m:,.0f}", f"{ours.distance_m / it.distance_m:.4f}",
            f"{it.in_field_m:,.0f}", f"{ours.in_field_m / it.in_field_m:.4f}", gap, f"{it.seconds:.2f}", over,
            f"{it.peak_mb:.0f}",
        )  # fmt: skip
    return shown


def verdicts(results: list[Result], options: argparse.Namespace) -> Iterator[str]:
    """The bounds that hold for any instance."""
    ours = next((result for result in results if result.engine == "ours"), None)
    if ours is None:
        return
    over = ours.seconds / options.seconds - 1
    yield f"ours ends {max(0.0, over):.1%} late (at most {MOST_OVERSHOOT:.0%}): {_kept(over <= MOST_OVERSHOOT)}"
    peers = [it for it in results if it.engine not in ("ours", "bisection") and not np.isnan(it.distance_m)]
    if peers:
        best = min(peers, key=lambda it: it.distance_m)
        ratio = ours.distance_m / best.distance_m
        yield f"ours over the best peer, {best.engine}: {ratio:.4f} (below 1): {_kept(ratio < 1)}"


def _kept(is_kept: bool) -> str:
    return "kept" if is_kept else "BROKEN"


def scaling(options: argparse.Namespace) -> Table:
    """Time a stop for the same work a stop, from 500 to 50,000 stops."""
    readiness.wait(300)
    title = f"Scaling: bisection, then {_TRIALS_A_STOP} trials a stop, {options.cores} cores"
    shown = Table(title=title, title_justify="left")
    for heading in ("stops", "first plan s", "whole s", "ms a stop", "growth since 1,000", "below bisection"):
        shown.add_column(heading, justify="right", no_wrap=True)
    each_ms: dict[int, float] = {}
    for size in _SIZES:
        instance = generate(size, options.seed, options.max_per_route)
        depot = None if options.no_depot else instance.depot
        began = time.perf_counter()
        solve(instance.stops, depot=depot, max_per_route=options.max_per_route, time_limit_s=0)
        first = time.perf_counter() - began
        plan = solve(instance.stops, depot=depot, max_per_route=options.max_per_route, workers=options.cores,
                     seed=options.seed, iterations=_TRIALS_A_STOP * size)  # fmt: skip
        whole = time.perf_counter() - began - first
        each_ms[size] = 1e3 * whole / size
        growth = f"{each_ms[size] / each_ms[1_000]:.2f}" if 1_000 in each_ms else "-"
        shown.add_row(f"{size:,}", f"{first:.2f}", f"{whole:.2f}", f"{each_ms[size]:.3f}", growth,
                      f"{1 - plan.distance_m / plan.start_distance_m:.2%}")  # fmt: skip
    return shown


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    known = installed()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parser = argparse.ArgumentParser(description="Our routes beside those of other engines, on the same instances.")
    parser.add_argument("instances", nargs="*", type=Path, help="CSV (.gz too): latitude, longitude, depot first; .vrp")
    parser.add_argument("--generate", type=int, metavar="N", help="add synthetic swaths of N stops")
    parser.add_argument("--draws", type=int, default=1, help="how many of them (default 1)")
    parser.add_argument("--scaling", action="store_true", help="time a stop from 500 to 50,000 stops, ours alone")
    parser.add_argument("--seed", type=int, default=0, help="first seed, of swaths and engines (default 0)")
    parser.add_argument("--seeds", type=int, default=1, help="seeds of each engine, for medians (default 1)")
    parser.add_argument("--seconds", type=float, default=10.0, help="wall time of each engine (default 10)")
    parser.add_argument("--cores", type=int, default=cores, help=f"cores of each engine (default {cores})")
    parser.add_argument("--engines", nargs="+", default=known, choices=known, help=f"default {' '.join(known)}")
    parser.add_argument("--max-per-route", type=int, default=50, help="stops on a route, at most (default 50)")
    parser.add_argument("--no-depot", action="store_true", help="open routes: only legs between stops count")
    options = parser.parse_args(arguments)
    if not options.instances and options.generate is None and not options.scaling:
        parser.error("give at least one file, --generate N or --scaling")
    if min(options.draws, options.seeds, options.cores, options.max_per_route, options.generate or 1) < 1:
        parser.error("--generate, --draws, --seeds, --cores and --max-per-route take whole numbers, 1 or more")
    if options.seed < 0 or options.seconds <= 0:
        parser.error("--seed takes a whole number, 0 or more; --seconds a number above 0")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run and print; 0 when all was run, 2 for bad input."""
    options = parse(arguments)
    # A table cut at the terminal's edge would hide figures.
    console = Console(width=max(130, Console().width))
    try:
        instances = [read(path, options.max_per_route) for path in options.instances]
    except StormplayError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    if options.generate is not None:
        draws = range(options.seed, options.seed + options.draws)
        instances += [generate(options.generate, seed, options.max_per_route) for seed in draws]
    for instance in instances:
        asked = replace(instance, depot=None) if options.no_depot else instance
        results = list(measure(asked, options))
        console.print(table(asked, results, options))
        for line in verdicts(results, options):
            console.print(line, highlight=False)
    if options.scaling:
        console.print(scaling(options))
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > 1.3 * max(cores, options.cores):
        console.print(f"The machine was busy with other work (load {load:.1f} on {cores} cores): times say little.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

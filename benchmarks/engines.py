"""Engines that plan routes, each in a process of its own, for `routing.py`: ours and the peers that are installed.

An engine gets an instance, seconds of wall time that begin with the coordinates, and a seed, and answers with routes
of row numbers. Peers run at their defaults. They want whole numbers, so their metres are rounded.

    python benchmarks/engines.py     reads a pickled Task from its input and writes a pickled Answer
"""

# ruff: noqa: PLC0415 - each engine is imported in its own process alone, and may not be installed
from __future__ import annotations

import importlib.util
import os
import pickle
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from swaths import Instance, most_on_a_route

from stormplay.routing import readiness, solve
from stormplay.routing.metric import euclidean_rounded, haversine_m

_MODULES = {"ours": "stormplay", "OR-Tools": "ortools.constraint_solver.pywrapcp", "PyVRP": "pyvrp", "VROOM": "vroom"}
_PATIENCE = 4.0  # times the limit and a minute; then it is ended
Routes = list[list[int]]
Engine = Callable[[Instance, float, int, int], Routes]


@dataclass(frozen=True)
class Task:
    """What an engine is asked; `seconds` of 0 is bisection alone, for ours."""

    engine: str
    instance: Instance
    seconds: float
    cores: int
    seed: int


@dataclass(frozen=True)
class Answer:
    """Its routes, or None where it found none; the wall time from coordinates to routes; memory of its process."""

    routes: Routes | None
    seconds: float
    peak_mb: float


def installed() -> list[str]:
    """Engines that can be run here, ours first."""
    return [engine for engine, module in _MODULES.items() if importlib.util.find_spec(module.split(".")[0])]


def run(task: Task) -> Answer:
    """Let an engine work in a process of its own on so many cores."""
    try:
        done = subprocess.run(
            [sys.executable, __file__], input=pickle.dumps(task), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            timeout=60 + _PATIENCE * task.seconds, check=True,
        )  # fmt: skip
    except subprocess.TimeoutExpired as late:
        return Answer(None, late.timeout, float("nan"))
    except subprocess.CalledProcessError:
        return Answer(None, float("nan"), float("nan"))
    answer: Answer = pickle.loads(done.stdout)  # its own child's
    return answer


def ours(instance: Instance, seconds: float, cores: int, seed: int) -> Routes:
    """`stormplay.routing.solve`."""
    plan = solve(
        instance.stops, depot=instance.depot, max_per_route=most_on_a_route(instance), demand=instance.demand,
        capacity=instance.capacity, metric="euclidean_rounded" if instance.is_planar else "haversine",
        time_limit_s=seconds, workers=cores, seed=seed,
    )  # fmt: skip
    return [route.tolist() for route in plan.routes]


def ortools(instance: Instance, seconds: float, cores: int, seed: int) -> Routes:
    """OR-Tools: savings (above 1,000 stops the cheapest arc, which is better there), then guided local search."""
    del cores, seed  # it has neither
    from ortools.constraint_solver import pywrapcp
    from ortools.constraint_solver import routing_enums_pb2 as enums

    end_s = time.perf_counter() + seconds
    matrix, n, routes = _matrix(instance), len(instance.stops), _vehicles(instance)
    manager = pywrapcp.RoutingIndexManager(n + 1, routes, 0)
    model = pywrapcp.RoutingModel(manager)
    model.SetArcCostEvaluatorOfAllVehicles(model.RegisterTransitMatrix(matrix.tolist()))
    load = model.RegisterUnaryTransitVector([0, *instance.demand.tolist()])
    model.AddDimension(load, 0, instance.capacity, True, "load")
    search = pywrapcp.DefaultRoutingSearchParameters()
    first = enums.FirstSolutionStrategy
    search.first_solution_strategy = first.SAVINGS if n <= 1000 else first.PATH_CHEAPEST_ARC
    search.local_search_metaheuristic = enums.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    search.time_limit.FromMicroseconds(max(1, int(1e6 * (end_s - time.perf_counter()))))
    found = model.SolveWithParameters(search)
    if found is None:
        raise RuntimeError("no solution")
    plan = []
    for vehicle in range(routes):
        route, index = [], found.Value(model.NextVar(model.Start(vehicle)))
        while not model.IsEnd(index):
            route.append(manager.IndexToNode(index) - 1)
            index = found.Value(model.NextVar(index))
        plan.append(route)
    return plan


def pyvrp(instance: Instance, seconds: float, cores: int, seed: int) -> Routes:
    """PyVRP, which works on one core."""
    del cores
    from pyvrp import Client, Depot, Location, ProblemData, VehicleType, solve
    from pyvrp.stop import MaxRuntime

    end_s = time.perf_counter() + seconds
    matrix = _matrix(instance)
    places = np.rint(1e6 * (instance.stops - instance.stops.min(axis=0))).astype(int)  # they say what is near, no more
    data = ProblemData(
        [Location(0, 0), *(Location(int(x), int(y)) for x, y in places)],
        [Client(at, delivery=[int(units)]) for at, units in enumerate(instance.demand, start=1)],
        [Depot(0)],
        [VehicleType(num_available=_vehicles(instance), capacity=[instance.capacity])],
        [matrix],
        [np.zeros_like(matrix)],
    )
    result = solve(data, MaxRuntime(max(0.0, end_s - time.perf_counter())), seed=seed, display=False,
                   collect_stats=False)  # fmt: skip
    if not result.is_feasible():
        raise RuntimeError("no solution")
    return [[step.idx for step in route if step.is_client()] for route in result.best.routes()]


def vroom(instance: Instance, seconds: float, cores: int, seed: int) -> Routes:
    """VROOM at its deepest exploration."""
    del seed  # it has none
    import vroom as engine

    end_s = time.perf_counter() + seconds
    question = engine.Input()
    question.set_durations_matrix("car", _matrix(instance).astype(np.uint32))
    for number in range(_vehicles(instance)):
        question.add_vehicle(engine.Vehicle(number, start=0, end=0, capacity=[instance.capacity]))
    for at, units in enumerate(instance.demand.tolist(), start=1):
        question.add_job(engine.Job(at, at, delivery=[units]))
    left = timedelta(seconds=max(0.001, end_s - time.perf_counter()))
    steps = question.solve(exploration_level=5, nb_threads=cores, timeout=left).routes
    jobs = steps[steps["type"] == "job"]
    return [[int(job) - 1 for job in route["id"]] for _, route in jobs.groupby("vehicle_id", sort=False)]


def _matrix(instance: Instance) -> np.ndarray:
    """(n + 1, n + 1) whole numbers, the depot first; without a depot all legs to and from it cost nothing."""
    n = len(instance.stops)
    places = instance.stops if instance.depot is None else np.vstack([instance.depot, instance.stops])
    formula = euclidean_rounded if instance.is_planar else haversine_m
    matrix, shift = np.zeros((n + 1, n + 1), np.int64), n + 1 - len(places)
    for row, place in enumerate(places):
        matrix[row + shift, shift:] = np.rint(formula(place[None, :], places))
    return matrix


def _vehicles(instance: Instance) -> int:
    """As many routes as are needed and, where each costs its way to the depot, some to spare."""
    needed = instance.routes_needed
    return needed if instance.depot is None else needed + max(2, needed // 20)


def _work() -> None:
    task: Task = pickle.load(sys.stdin.buffer)  # the parent's
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: task.cores])
    engines: dict[str, Engine] = {"ours": ours, "OR-Tools": ortools, "PyVRP": pyvrp, "VROOM": vroom}
    if task.engine == "ours":
        readiness.wait(300)  # compiling is done once, not with each plan
    else:
        importlib.import_module(_MODULES[task.engine])
    began = time.perf_counter()
    routes = engines[task.engine](task.instance, task.seconds, task.cores, task.seed)
    taken = time.perf_counter() - began
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    sys.stdout.buffer.write(pickle.dumps(Answer([route for route in routes if route], taken, peak_mb)))


if __name__ == "__main__":
    import engines as this  # so that what is pickled has the name under which the parent knows it

    this._work()

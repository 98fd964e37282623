"""A few routes with appointments, for OR-Tools: plain numbers in, routes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Subproblem:
    """Some stops and vehicles, all in whole numbers; driving and time have one unit.

    Attributes:
        legs: (m + b, m + b) driving between m stops and b places where vehicles start and end.
        starts, ends: (v,) the row of each vehicle's start and end.
        service: (m,) time at each stop.
        windows: (m, 2) when a visit may begin, after setting out.
        longest: (v,) time when each vehicle's day is over.
        units: (m,) demand.
        capacity: Most units of a vehicle.
        most: Most stops of a vehicle.
        vehicles: For each stop the vehicles that may visit it.
        droppable: Stops that may be left out.
        initial: Routes to begin from; they keep all limits, and lack droppable stops only.
    """

    legs: Whole
    starts: list[int]
    ends: list[int]
    service: Whole
    windows: Whole
    longest: Whole
    units: Whole
    capacity: int
    most: int
    vehicles: list[list[int]]
    droppable: list[int]
    initial: list[list[int]]


def solve_subproblem(problem: Subproblem, seconds: float) -> list[list[int]]:
    """Improve the initial routes by local search, and put in what they lack where that can be.

    The search ends where no move shortens the routes, so that the same question has the same answer.

    Args:
        problem: What to solve.
        seconds: Wall-clock limit, a safety net: some hundred stops take a fraction of a second.

    Returns:
        One list of stops a vehicle, in visiting order; the initial ones where nothing was found.
    """
    # OR-Tools is imported here and nowhere else, so that importing stormplay.routing stays cheap.
    from ortools.constraint_solver import pywrapcp  # noqa: PLC0415

    manager = pywrapcp.RoutingIndexManager(len(problem.legs), len(problem.starts), problem.starts, problem.ends)
    model = pywrapcp.RoutingModel(manager)
    model.SetArcCostEvaluatorOfAllVehicles(model.RegisterTransitMatrix(problem.legs.tolist()))
    _add_limits(model, manager, problem)
    _add_hours(model, manager, problem)
    dear = int(4 * problem.legs.max()) * (len(problem.legs) + 1)  # no detour costs as much
    for stop in problem.droppable:
        model.AddDisjunction([manager.NodeToIndex(stop)], dear)
    for stop, allowed in enumerate(problem.vehicles):
        if len(allowed) < len(problem.starts):
            model.SetAllowedVehiclesForIndex(allowed, manager.NodeToIndex(stop))
    parameters = _parameters(pywrapcp, seconds)
    model.CloseModelWithParameters(parameters)
    routes = [[manager.NodeToIndex(stop) for stop in route] for route in problem.initial]
    begun = model.ReadAssignmentFromRoutes(routes, True)
    found = begun and model.SolveFromAssignmentWithParameters(begun, parameters)
    if not found:
        return problem.initial
    return [_route(model, manager, found, vehicle) for vehicle in range(len(problem.starts))]


def _add_limits(model: Any, manager: Any, problem: Subproblem) -> None:
    places = len(problem.legs) - len(problem.units)
    for name, amounts, most in (("units", problem.units, problem.capacity),
                                ("stops", np.ones_like(problem.units), problem.most)):  # fmt: skip
        each = model.RegisterUnaryTransitVector([*amounts.tolist(), *[0] * places])
        model.AddDimension(each, 0, most, True, name)


def _add_hours(model: Any, manager: Any, problem: Subproblem) -> None:
    m = len(problem.service)
    takes = problem.legs.copy()
    takes[:m] += problem.service[:, None]
    horizon = int(problem.longest.max())
    model.AddDimension(model.RegisterTransitMatrix(takes.tolist()), horizon, horizon, True, "hours")
    hours = model.GetDimensionOrDie("hours")
    for stop, (earliest, latest) in enumerate(problem.windows.tolist()):
        hours.CumulVar(manager.NodeToIndex(stop)).SetRange(earliest, min(latest, horizon))
    for vehicle, longest in enumerate(problem.longest.tolist()):
        hours.CumulVar(model.End(vehicle)).SetMax(longest)


def _parameters(pywrapcp: Any, seconds: float) -> Any:
    from ortools.constraint_solver import routing_enums_pb2 as enums  # noqa: PLC0415

    parameters = pywrapcp.DefaultRoutingSearchParameters()
    parameters.local_search_metaheuristic = enums.LocalSearchMetaheuristic.GREEDY_DESCENT
    parameters.time_limit.FromMicroseconds(max(1, int(seconds * 1e6)))
    return parameters


def _route(model: Any, manager: Any, solution: Any, vehicle: int) -> list[int]:
    route, index = [], solution.Value(model.NextVar(model.Start(vehicle)))
    while not model.IsEnd(index):
        route.append(manager.IndexToNode(index))
        index = solution.Value(model.NextVar(index))
    return route

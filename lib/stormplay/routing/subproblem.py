"""One small routing problem for OR-Tools: plain lists in, plain lists out."""

from __future__ import annotations

from typing import Any, TypedDict


class Limit(TypedDict):
    """What a route may carry: the amount at each node (0 at both ends) and the most a route may have."""

    amounts: list[int]
    most: int


class Subproblem(TypedDict):
    """A routing problem among m stops, between a start (node 0) and an end (node m + 1).

    Keys:
        matrix: (m + 2, m + 2) whole-number distances.
        vehicles: Number of routes.
        limits: What each route may carry.
        initial: Current routes as node numbers to start from, or empty to build new ones.
        strategy: OR-Tools first solution strategy where `initial` is empty.
        solutions: How many solutions the local search may visit: the measure of work.
        seconds: Wall-clock limit, a safety net above that.
    """

    matrix: list[list[int]]
    vehicles: int
    limits: list[Limit]
    initial: list[list[int]]
    strategy: str
    solutions: int
    seconds: float


def solve_subproblem(problem: Subproblem) -> list[list[int]]:
    """Solve with guided local search.

    Returns:
        One list of node numbers a vehicle (empty lists where one is not used), or no list at all where OR-Tools
        found nothing in the limits given.
    """
    # OR-Tools is imported here and nowhere else, so that importing stormplay.routing stays cheap.
    from ortools.constraint_solver import pywrapcp  # noqa: PLC0415

    end = len(problem["matrix"]) - 1
    vehicles = problem["vehicles"]
    manager = pywrapcp.RoutingIndexManager(end + 1, vehicles, [0] * vehicles, [end] * vehicles)
    model = pywrapcp.RoutingModel(manager)
    model.SetArcCostEvaluatorOfAllVehicles(model.RegisterTransitMatrix(problem["matrix"]))
    for number, limit in enumerate(problem["limits"]):
        amounts = model.RegisterUnaryTransitVector(limit["amounts"])
        model.AddDimension(amounts, 0, limit["most"], True, f"limit {number}")
    parameters = _parameters(pywrapcp, problem)
    model.CloseModelWithParameters(parameters)
    solution = _search(model, manager, parameters, problem["initial"])
    return [] if solution is None else [_route(model, manager, solution, v) for v in range(vehicles)]


def _parameters(pywrapcp: Any, problem: Subproblem) -> Any:
    from ortools.constraint_solver import routing_enums_pb2 as enums  # noqa: PLC0415

    parameters = pywrapcp.DefaultRoutingSearchParameters()
    parameters.first_solution_strategy = enums.FirstSolutionStrategy.Value.Value(problem["strategy"])
    parameters.local_search_metaheuristic = enums.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    parameters.solution_limit = problem["solutions"]
    parameters.time_limit.FromMicroseconds(max(1, int(problem["seconds"] * 1e6)))
    return parameters


def _search(model: Any, manager: Any, parameters: Any, initial: list[list[int]]) -> Any:
    if not initial:
        return model.SolveWithParameters(parameters)
    routes = [[manager.NodeToIndex(node) for node in route] for route in initial]
    start = model.ReadAssignmentFromRoutes(routes, True)
    return start and model.SolveFromAssignmentWithParameters(start, parameters)


def _route(model: Any, manager: Any, solution: Any, vehicle: int) -> list[int]:
    route, index = [], solution.Value(model.NextVar(model.Start(vehicle)))
    while not model.IsEnd(index):
        route.append(manager.IndexToNode(index))
        index = solution.Value(model.NextVar(index))
    return route

"""String-removal ruin and recreate on flat arrays, compiled to machine code: the one part that numba sees.

The method is SISR of J. Christiaens and G. Vanden Berghe, "Slack Induction by String Removals for Vehicle Routing
Problems", Transportation Science 54 (2020): take strings of consecutive stops near a random stop out of a few routes,
put them back one by one where it costs least, now and then overlooking the best place, and accept by annealing. Here
a stop looks only at its neighbours and at the ends and holes of the routes just opened, a trial is given up as soon
as it has cost too much, and what was tried is taken back by its log; so an iteration costs the same at any size.

Each route has a start and an end of its own as nodes, so nothing is a special case. What is known of a node lies in
one line of cache. The arrays are those of `ring.Rings`. Import this module only where the compiler may be waited for
(see `compiled`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from stormplay.routing.machine.compiled import compiled, inlined
from stormplay.routing.machine.dice import draw
from stormplay.routing.machine.legs import step_over
from stormplay.routing.machine.recreate import arrange, recreate
from stormplay.routing.machine.ring import LEFT_OUT
from stormplay.routing.machine.ruin import ruin

_A_HAIR = 1e-9


@inlined
def undo(nodes: Any, routes: Any, rules: Any, log: Any, opened: Any, n: Any, count: Any, put: Any) -> None:
    """Take the `put` stops out again and put all n where they were, in reverse order."""
    for i in range(put - 1, -1, -1):
        v = np.int64(log[log[i].order].stop)
        p, x, t = np.int64(nodes[v].before), np.int64(nodes[v].after), np.int64(nodes[v].route)
        if t == LEFT_OUT:
            continue
        if rules.is_timed:
            routes[t].length -= nodes[p].step + nodes[v].step - log[i].put_step + nodes[v].service
        nodes[p].after, nodes[x].before, nodes[p].step = x, p, log[i].put_step
        routes[t].count -= 1
        routes[t].load -= nodes[v].units
    for i in range(n - 1, -1, -1):
        put_again(nodes, routes, log[i])
    for j in range(count):
        routes[opened[j].route].length = opened[j].length


@inlined
def put_again(nodes: Any, routes: Any, entry: Any) -> None:
    """Put the stop of a log entry where it was."""
    v, p, x, t = np.int64(entry.stop), np.int64(entry.before), np.int64(entry.after), np.int64(entry.route)
    nodes[v].route = t
    if t == LEFT_OUT:
        return
    nodes[v].before, nodes[v].after, nodes[v].step = p, x, entry.step
    nodes[p].after, nodes[p].step = v, entry.step_before
    nodes[x].before = v
    routes[t].count += 1
    routes[t].load += nodes[v].units


@inlined
def note(best: Any, v: Any, changed: Any) -> Any:
    """Remember that the node behind v may not be that of the best plan. Returns the number of such nodes."""
    if best[v].is_changed:
        return changed
    best[v].is_changed = True
    best[changed].changed = v
    return changed + 1


@inlined
def keep(nodes: Any, tally: Any, log: Any, best: Any, n: Any, change: Any) -> None:
    """Take the change over; where that makes the best plan so far, copy what differs."""
    changed = tally.changed
    for i in range(n):
        v = np.int64(log[i].stop)
        changed = note(best, v, changed)
        if nodes[v].route != LEFT_OUT:
            changed = note(best, np.int64(nodes[v].before), changed)
        if log[i].route != LEFT_OUT:
            changed = note(best, np.int64(log[i].before), changed)
    tally.length += change
    if tally.length < tally.best_length * (1.0 - _A_HAIR):
        tally.best_length = tally.length
        for i in range(changed):
            v = np.int64(best[i].changed)
            best[v].after = nodes[v].after
            best[v].is_changed = False
        changed = 0
    tally.changed = changed


@inlined
def count_used(routes: Any) -> Any:
    """Routes that have stops."""
    used = 0
    for route in range(routes.shape[0]):
        used += routes[route].count > 0
    return used


@compiled
def anneal(
    nodes: Any, routes: Any, near: Any, asks: Any, matrix: Any, rules: Any, state: Any, best: Any, log: Any,
    opened: Any, rng: Any, iterations: Any, hot: Any, cold: Any,
) -> None:  # fmt: skip
    """Run so many iterations while the temperature falls from `hot` to `cold` by equal ratios.

    `hot` and `cold` are in the metric's unit; `rng` is one uint64 above 0. The plan is changed in place.
    """
    tally = state[0]
    temperature, fall = hot, (cold / hot) ** (1.0 / max(iterations, 1))
    used = 0
    for turn in range(iterations):
        temperature *= fall
        if turn % 64 == 0:
            used = count_used(routes)
        n, count, change = ruin(nodes, routes, near, asks, matrix, rules, log, opened, rng, used)
        # Drawn before the stops are put back, so that a trial that costs too much is known before it is complete.
        most = -temperature * math.log(1.0 - draw(rng))
        arrange(nodes, asks, rules, log, rng, n)
        put, change = recreate(
            nodes, routes, near, asks, matrix, rules, tally, log, opened, rng, n, count, change, most
        )
        if change <= most:
            keep(nodes, tally, log, best, n, change)
        else:
            undo(nodes, routes, rules, log, opened, n, count, put)


@compiled
def link(
    nodes: Any, routes: Any, asks: Any, matrix: Any, rules: Any, state: Any, best: Any, order: Any, ends: Any
) -> None:
    """Make the rings of routes that follow each other in `order`, route r ending before `ends[r]`.

    Stops that are not in `order` are left out.
    """
    m, k, begin, total = rules.stops, routes.shape[0], 0, 0.0
    for route in range(k):
        p, x = np.int64(m + route), np.int64(m + k + route)
        nodes[p].route = nodes[x].route = route
        for i in range(begin, ends[route] + 1):
            v = x if i == ends[route] else np.int64(order[i])
            nodes[p].after, nodes[v].before, nodes[v].route = v, p, route
            nodes[p].step = step_over(nodes, matrix, rules, p, v)
            routes[route].load += nodes[v].units
            routes[route].length += nodes[p].step + nodes[v].service
            total += nodes[p].step
            p = v
        routes[route].count += ends[route] - begin
        begin = ends[route]
    for stop in range(m):
        if nodes[stop].route == LEFT_OUT:
            total += asks[stop].prize
    for node in range(nodes.shape[0]):
        best[node].after = nodes[node].after
    state[0].length = state[0].best_length = total


@compiled
def unlink(after: Any, m: Any, order: Any, ends: Any) -> None:
    """The inverse of `link`, for the node `after` each one in the plan that is wanted."""
    at = 0
    for route in range(ends.shape[0]):
        v = np.int64(after[m + route])
        while v < m:
            order[at] = v
            at += 1
            v = np.int64(after[v])
        ends[route] = at

"""The ruin: strings of consecutive stops are taken out of a few routes near a random stop."""

from __future__ import annotations

from typing import Any

import numpy as np

from stormplay.routing.machine.compiled import inlined
from stormplay.routing.machine.dice import draw
from stormplay.routing.machine.legs import step_over
from stormplay.routing.machine.ring import LEFT_OUT, MOST_GONE, MOST_OPENED, TAKEN


@inlined
def take_out(nodes: Any, routes: Any, matrix: Any, rules: Any, log: Any, n: Any, v: Any) -> Any:
    """Take stop v off its route as entry n of the log. Returns the change in length."""
    node, entry = nodes[v], log[n]
    p, x, t = np.int64(node.before), np.int64(node.after), np.int64(node.route)
    entry.stop, entry.before, entry.after, entry.route = v, p, x, t
    entry.step_before, entry.step = nodes[p].step, node.step
    step = step_over(nodes, matrix, rules, p, x)
    change = step - nodes[p].step - node.step
    nodes[p].step, nodes[p].after, nodes[x].before = step, x, p
    node.route = TAKEN
    routes[t].count -= 1
    routes[t].load -= node.units
    if rules.is_timed:
        routes[t].length += change - node.service
    return change


@inlined
def is_fixed(nodes: Any, v: Any) -> Any:
    """Whether stop v stays the first of its route."""
    return nodes[v].from_depot < 0


@inlined
def find_string(nodes: Any, rng: Any, m: Any, c: Any, length: Any) -> Any:
    """The first stop of a random string of up to `length` stops around stop c, and how many it has."""
    first, last, size = c, c, 1
    wanted = np.int64(draw(rng) * length)
    while size <= wanted and nodes[first].before < m:
        first, size = np.int64(nodes[first].before), size + 1
    while size < length and nodes[last].after < m:
        last, size = np.int64(nodes[last].after), size + 1
    while size < length and nodes[first].before < m:
        first, size = np.int64(nodes[first].before), size + 1
    return first, size


@inlined
def ruin_route(
    nodes: Any, routes: Any, matrix: Any, rules: Any, log: Any, rng: Any, c: Any, longest: Any, n: Any
) -> Any:
    """Take a string around stop c out of its route. Returns the new number of log entries and the change."""
    size = np.float64(routes[nodes[c].route].count)
    length = 1 + np.int64(draw(rng) * min(size, longest))
    kept = 0
    if length > 1 and length < size and draw(rng) < rules.split:
        kept = 1
        while length + kept < size and draw(rng) < rules.keep:
            kept += 1
    v, found = find_string(nodes, rng, rules.stops, c, length + kept)
    kept_from = 1 + np.int64(draw(rng) * (length - 1)) if kept > 0 else found
    change = 0.0
    for i in range(found):
        x = np.int64(nodes[v].after)
        if (i < kept_from or i >= kept_from + kept) and n < MOST_GONE and not is_fixed(nodes, v):
            change += take_out(nodes, routes, matrix, rules, log, n, v)
            n += 1
        v = x
    return n, change


@inlined
def call_in(nodes: Any, asks: Any, log: Any, n: Any, c: Any) -> Any:
    """Take stop c, which is not served, as entry n of the log, to be put on a route. Returns the change in length."""
    log[n].stop, log[n].route = c, LEFT_OUT
    nodes[c].route = TAKEN
    return -asks[c].prize


@inlined
def is_opened(opened: Any, count: Any, route: Any) -> Any:
    """Whether a route is among the first `count` opened ones."""
    found = False
    for i in range(count):
        found = found or opened[i].route == route
    return found


@inlined
def ruin(
    nodes: Any, routes: Any, near: Any, asks: Any, matrix: Any, rules: Any, log: Any, opened: Any, rng: Any,
    used: Any,
) -> Any:  # fmt: skip
    """Take strings out of a few routes near a random stop.

    Returns the number of stops taken out, the number of routes opened, and the change in length.
    """
    m = rules.stops
    longest = min(rules.longest, m / max(used, 1))
    most = 4.0 * rules.removed / (1.0 + longest) - 1.0
    wanted = np.int64(min(draw(rng) * most + 1.0, MOST_OPENED))
    seed = np.int64(draw(rng) * m)
    n, count, change, k = 0, 0, 0.0, -1
    while count < wanted and k < near.shape[1]:
        c = seed if k < 0 else np.int64(near[seed, k])
        k += 1
        if c < 0:
            continue
        route = np.int64(nodes[c].route)
        if route == LEFT_OUT and n < MOST_GONE:
            change += call_in(nodes, asks, log, n, c)
            n += 1
        if route < 0 or is_opened(opened, count, route):
            continue
        begin, length = n, routes[route].length
        n, gain = ruin_route(nodes, routes, matrix, rules, log, rng, c, longest, n)
        change += gain
        if n > begin:
            opened[count].route, opened[count].hole, opened[count].length = route, log[begin].before, length
            count += 1
    return n, count, change

"""The recreation: stops are put back one by one where it costs least."""

from __future__ import annotations

from typing import Any

import numpy as np

from stormplay.routing.machine.compiled import inlined
from stormplay.routing.machine.dice import draw, next_overlooked
from stormplay.routing.machine.legs import back, detour, leg
from stormplay.routing.machine.ring import LEFT_OUT
from stormplay.routing.machine.ruin import is_fixed


@inlined
def arrange(nodes: Any, asks: Any, rules: Any, log: Any, rng: Any, n: Any) -> None:
    """The order in which the n stops are put back, into `log.order`."""
    pick = draw(rng) * (rules.shuffled + rules.heavy + rules.far + rules.close) - rules.shuffled
    if pick < 0:
        for i in range(n):
            j = np.int64(draw(rng) * (i + 1))
            log[i].order = log[j].order
            log[j].order = i
        return
    for i in range(n):
        node = nodes[log[i].stop]
        weight = -asks[log[i].stop].prize if rules.may_leave_out else -np.float64(node.units)
        if pick >= rules.heavy:
            weight = -node.from_depot if pick < rules.heavy + rules.far else node.from_depot
        j = np.int64(i)
        while j > 0 and log[j - 1].key > weight:
            log[j].key, log[j].order = log[j - 1].key, log[j - 1].order
            j -= 1
        log[j].key, log[j].order = weight, i


@inlined
def has_room(routes: Any, rules: Any, route: Any, units: Any, needs: Any) -> Any:
    """Whether one more stop with these units fits, and the route has the skills for it."""
    there = routes[route]
    return there.count < rules.most and there.load + units <= rules.capacity and needs & ~there.skills == 0


@inlined
def longest_detour(routes: Any, rules: Any, route: Any, service: Any) -> Any:
    """The longest detour that a route has time for, to a stop with this service."""
    return routes[route].longest - routes[route].length - service if rules.is_timed else np.inf


@inlined
def place_in_opened(
    nodes: Any, routes: Any, asks: Any, matrix: Any, rules: Any, opened: Any, count: Any, c: Any
) -> Any:
    """The cheapest place for stop c at the ends and holes of the opened routes: its cost and the node before."""
    m = rules.stops
    low, at = np.inf, np.int64(-1)
    for j in range(count):
        route = np.int64(opened[j].route)
        if routes[route].count == 0 or not has_room(routes, rules, route, nodes[c].units, asks[c].skills):
            continue
        most = longest_detour(routes, rules, route, nodes[c].service)
        start, end = m + route, m + routes.shape[0] + route
        if not is_fixed(nodes, nodes[start].after):
            cost = detour(nodes, matrix, rules, start, c, leg(nodes, matrix, rules, start, c))
            if cost < low and cost <= most:
                low, at = cost, start
        last = np.int64(nodes[end].before)
        cost = detour(nodes, matrix, rules, last, c, leg(nodes, matrix, rules, last, c))
        if cost < low and cost <= most:
            low, at = cost, last
        hole = np.int64(opened[j].hole)
        if hole < m and nodes[hole].after < m:
            cost = detour(nodes, matrix, rules, hole, c, leg(nodes, matrix, rules, hole, c))
            if cost < low and cost <= most:
                low, at = cost, hole
    return low, at


@inlined
def place_near(
    nodes: Any,
    routes: Any,
    near: Any,
    asks: Any,
    matrix: Any,
    rules: Any,
    tally: Any,
    rng: Any,
    c: Any,
    low: Any,
    at: Any,
) -> Any:
    """A cheaper place for stop c beside one of its neighbours, now and then overlooking one."""
    units, needs = nodes[c].units, asks[c].skills
    for k in range(near.shape[1]):
        n = np.int64(near[c, k])
        if n < 0:
            continue
        route = np.int64(nodes[n].route)
        if route < 0 or not has_room(routes, rules, route, units, needs):
            continue
        there = leg(nodes, matrix, rules, n, c)
        if there > low * rules.reach:
            break
        tally.skip -= 1
        if tally.skip < 0:
            tally.skip = next_overlooked(rng, rules.overlook)
            continue
        most = longest_detour(routes, rules, route, nodes[c].service)
        cost = detour(nodes, matrix, rules, n, c, there)
        if cost < low and cost <= most:
            low, at = cost, n
        if is_fixed(nodes, n):
            continue
        p = np.int64(nodes[n].before)
        cost = back(nodes, matrix, rules, n, c, there) + leg(nodes, matrix, rules, p, c) - nodes[p].step
        if cost < low and cost <= most:
            low, at = cost, p
    return low, at


@inlined
def place_anywhere(nodes: Any, routes: Any, asks: Any, matrix: Any, rules: Any, opened: Any, count: Any, c: Any) -> Any:
    """The cheapest place for stop c on the opened routes, all of it looked at."""
    m = rules.stops
    low, at = np.inf, np.int64(-1)
    for j in range(count):
        route = np.int64(opened[j].route)
        if routes[route].count == 0 or not has_room(routes, rules, route, nodes[c].units, asks[c].skills):
            continue
        most = longest_detour(routes, rules, route, nodes[c].service)
        p = m + route
        if is_fixed(nodes, nodes[p].after):
            p = np.int64(nodes[p].after)
        while True:
            cost = detour(nodes, matrix, rules, p, c, leg(nodes, matrix, rules, p, c))
            if cost < low and cost <= most:
                low, at = cost, p
            p = np.int64(nodes[p].after)
            if p >= m:
                break
    return low, at


@inlined
def alone(nodes: Any, matrix: Any, rules: Any, c: Any, k: Any, route: Any) -> Any:
    """Length of a route with stop c alone."""
    m = rules.stops
    return leg(nodes, matrix, rules, m + route, c) + leg(nodes, matrix, rules, c, m + k + route)


@inlined
def place_alone(nodes: Any, routes: Any, asks: Any, matrix: Any, rules: Any, c: Any, low: Any, at: Any) -> Any:
    """A route of its own for stop c, where that is cheaper and there is an unused one."""
    m, k = rules.stops, routes.shape[0]
    if rules.are_alike and alone(nodes, matrix, rules, c, k, 0) >= low:
        return low, at
    for route in range(k):
        if routes[route].count > 0 or asks[c].skills & ~routes[route].skills != 0:
            continue
        cost = alone(nodes, matrix, rules, c, k, route)
        if cost < low and cost <= longest_detour(routes, rules, route, nodes[c].service):
            low, at = cost, np.int64(m + route)
        if rules.are_alike:
            break
    return low, at


@inlined
def put_back(nodes: Any, routes: Any, matrix: Any, rules: Any, c: Any, at: Any) -> Any:
    """Put stop c behind node `at`. Returns the length of the leg that was there."""
    x, there = np.int64(nodes[at].after), nodes[at].step
    nodes[at].step, nodes[c].step = leg(nodes, matrix, rules, at, c), leg(nodes, matrix, rules, c, x)
    nodes[at].after = nodes[x].before = c
    nodes[c].before, nodes[c].after = at, x
    route = np.int64(nodes[at].route)
    nodes[c].route = route
    routes[route].count += 1
    routes[route].load += nodes[c].units
    if rules.is_timed:
        routes[route].length += nodes[at].step + nodes[c].step - there + nodes[c].service
    return there


@inlined
def recreate(
    nodes: Any, routes: Any, near: Any, asks: Any, matrix: Any, rules: Any, tally: Any, log: Any, opened: Any,
    rng: Any, n: Any, count: Any, change: Any, most: Any,
) -> Any:  # fmt: skip
    """Put the n stops back until done or the change is above `most`. Returns how many, and the change (inf: none)."""
    for i in range(n):
        if change > most:
            return i, np.inf
        c = np.int64(log[log[i].order].stop)
        low, at = place_in_opened(nodes, routes, asks, matrix, rules, opened, count, c)
        low, at = place_near(nodes, routes, near, asks, matrix, rules, tally, rng, c, low, at)
        if at < 0:
            low, at = place_anywhere(nodes, routes, asks, matrix, rules, opened, count, c)
        low, at = place_alone(nodes, routes, asks, matrix, rules, c, low, at)
        if rules.may_leave_out and asks[c].prize < low:
            nodes[c].route = LEFT_OUT
            change += asks[c].prize
            continue
        if at < 0:
            return i, np.inf
        log[i].put_step = put_back(nodes, routes, matrix, rules, c, at)
        change += low
    return n, change

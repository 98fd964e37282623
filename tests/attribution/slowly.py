"""The methods once more, a journey at a time and by the book, to compare with: loops, no arrays, no shared code."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from itertools import pairwise, permutations
from math import factorial

import numpy as np

START, CONVERTED, LOST = "(start)", "(converted)", "(lost)"


def shares(method, path):
    """What each touch of one path gets."""
    n = len(path)
    if method == "first":
        return [float(place == 0) for place in range(n)]
    if method == "last":
        return [float(place == n - 1) for place in range(n)]
    if method == "linear":
        return [1 / n] * n
    if method == "time_decay":
        weights = [0.5 ** (n - 1 - place) for place in range(n)]
        return [weight / sum(weights) for weight in weights]
    assert method == "position"
    if n <= 2:
        return [1 / n] * n
    return [0.4, *[0.2 / (n - 2)] * (n - 2), 0.4]


def credited(method, journeys, amount):
    """{channel: credit} of a column of amounts, for the methods that go journey by journey."""
    found = defaultdict(float)
    for path, each in zip(journeys["path"], journeys[amount], strict=True):
        for channel, share in zip(path, shares(method, path), strict=True):
            found[channel] += share * each
    return dict(found)


def shapley(journeys, amount):
    """The definition: mean over all orders of what a channel adds to those before it."""
    channels = sorted({channel for path in journeys["path"] for channel in path})
    needs = [(set(path), each) for path, each in zip(journeys["path"], journeys[amount], strict=True)]

    @cache
    def worth(coalition):
        return sum(each for need, each in needs if need <= coalition)

    found = dict.fromkeys(channels, 0.0)
    for order in permutations(channels):
        before = frozenset()
        for channel in order:
            found[channel] += worth(before | {channel}) - worth(before)
            before |= {channel}
    return {channel: total / factorial(len(channels)) for channel, total in found.items()}


def p_convert(journeys, without=None):
    """The chance to convert of the chain, with every step into a channel leading to 'not converted'.

    Steps from a channel to itself are in it, and the system is solved anew for each channel that is taken away.
    """
    counts = defaultdict(lambda: defaultdict(float))
    for path, conversions, nulls in journeys[["path", "conversions", "nulls"]].itertuples(index=False):
        states = [START, *path]
        for here, then in pairwise(states):
            counts[here][then] += conversions + nulls
        counts[path[-1]][CONVERTED] += conversions
        counts[path[-1]][LOST] += nulls
    states = [state for state in counts if sum(counts[state].values()) > 0]
    if START not in states:
        return 0.0
    place = {state: number for number, state in enumerate(states)}
    matrix, right = np.eye(len(states)), np.zeros(len(states))
    for state in states:
        total = sum(counts[state].values())
        for then, count in counts[state].items():
            if then == CONVERTED:
                right[place[state]] += count / total
            elif then in place and then != without:
                matrix[place[state], place[then]] -= count / total
    return float(np.linalg.solve(matrix, right)[place[START]])


def removal_effects(journeys):
    """{channel: share of the conversions that is lost without it}, taking each away in turn."""
    channels = sorted({channel for path in journeys["path"] for channel in path})
    whole = p_convert(journeys)
    return {channel: 1 - p_convert(journeys, channel) / whole if whole > 0 else 0.0 for channel in channels}

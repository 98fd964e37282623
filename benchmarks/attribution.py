"""A million journeys credited by all methods: how many seconds of one core, and how many a peer takes.

    python benchmarks/attribution.py
    python benchmarks/attribution.py --journeys 200000 --touches 6 --channels 20

Inside the measured time is everything between a DataFrame with a list column and the DataFrame of credits: looking at
every list and name, checking the numbers, grouping journeys of one path, all seven methods by conversions and by
value. Outside is making the frame. Every run gets lists and texts that nobody has touched before. Journeys are drawn
at random, each touch for itself, which gives more distinct paths than people make, and so less to group.

Exits with 1 where all methods together take a second or more of processor time (the median; the clock on the wall is
printed beside it, and counts the neighbours of a busy machine too). Beside it ChannelAttribution, where it is
installed (it is GPL and no dependency): three of the methods by touch, and Markov by 100,000 simulated journeys.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

import ending
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from stormplay.attribution import METHODS, credits
from stormplay.attribution.crediting import credited
from stormplay.attribution.journeys import read
from stormplay.errors import BadInput

BOUND_S = 1.0
CONVERTING = 0.1
LONGEST = 60
_out = Console(width=120)


@dataclass(frozen=True)
class Drawn:
    """Journeys as numbers: of each touch its channel, of each journey its touches and whether it converted."""

    names: list[str]
    touch: np.ndarray
    lengths: np.ndarray
    converted: np.ndarray

    def frame(self, *, own_texts: bool = False) -> pd.DataFrame:
        """A new frame, one row a journey.

        Args:
            own_texts: Whether each name in a path is a text of its own, as str.split makes them; else the paths share
                one text a channel, as a loop over names or a categorical column makes them.
        """
        names = np.array(self.names, dtype=object)[self.touch].tolist()
        ends = np.cumsum(self.lengths).tolist()
        paths = [names[begin:end] for begin, end in zip([0, *ends[:-1]], ends, strict=True)]
        if own_texts:
            paths = [">".join(path).split(">") for path in paths]
        converted = self.converted.astype(np.int64)
        return pd.DataFrame({"path": pd.Series(paths, dtype=object), "conversions": converted,
                             "nulls": 1 - converted, "value": converted * 1_250_000})  # fmt: skip

    def grouped(self) -> pd.DataFrame:
        """A new frame, one row a path, as an aggregating query gives it."""
        flat = self.frame().assign(path=lambda frame: frame["path"].str.join(">")).groupby("path", as_index=False).sum()
        return flat.assign(path=flat["path"].str.split(">"))


def draw(journeys: int, touches: float, channels: int, seed: int = 0) -> Drawn:
    """Journeys of a geometric number of touches; the k-th channel is met in proportion to 1 / k."""
    rng = np.random.default_rng(seed)
    lengths = np.minimum(rng.geometric(1 / touches, journeys), LONGEST)
    weight = 1 / np.arange(1, channels + 1)
    touch = rng.choice(channels, int(lengths.sum()), p=weight / weight.sum())
    return Drawn([f"channel {k}" for k in range(channels)], touch, lengths, rng.random(journeys) < CONVERTING)


@dataclass(frozen=True)
class Seconds:
    """What some runs took: on the processor, and on the wall."""

    cpu: list[float]
    wall: list[float]

    @property
    def median(self) -> float:
        """Of processor time, in seconds."""
        return statistics.median(self.cpu)

    def __str__(self) -> str:
        return f"{1e3 * self.median:,.0f} ms on the processor, {1e3 * statistics.median(self.wall):,.0f} on the wall"


def measure(runs: int, make: Callable[[], object], act: Callable[..., object]) -> Seconds:
    """Time `act` on what `make` made, each time anew; the first run counts as well."""
    cpu, wall = [], []
    for _ in range(runs):
        made = make()
        gc.collect()
        began = time.process_time(), time.perf_counter()
        act(made)
        cpu.append(time.process_time() - began[0])
        wall.append(time.perf_counter() - began[1])
        del made
    return Seconds(cpu, wall)


def steps(drawn: Drawn, runs: int) -> None:
    """Print what each step costs by itself: reading the frame, and each method on what was read."""
    table = Table("step", "median, ms", "worst, ms", title="step by step, processor time")
    frame = drawn.frame()
    found = read(frame)
    rows = [("read, check and group", measure(runs, lambda: frame, read))]
    rows += [(method, measure(runs, lambda: found, lambda it, name=method: credited(it, name))) for method in METHODS]
    for name, taken in rows:
        table.add_row(name, f"{1e3 * taken.median:,.0f}", f"{1e3 * max(taken.cpu):,.0f}")
    _out.print(table)
    _out.print(f"{len(found.lengths):,} distinct paths of {found.lengths.sum():,} touches were worked on.")


def whole(drawn: Drawn, runs: int) -> bool:
    """Print what all of it costs, by how the paths come. Returns whether the bound is kept for all."""
    is_kept = True
    for name, make in (
        ("lists of shared texts", drawn.frame),
        ("lists of texts of their own", lambda: drawn.frame(own_texts=True)),
        ("one row a path already", drawn.grouped),
    ):
        taken = measure(runs, make, credits)
        is_kept &= taken.median < BOUND_S
        _out.print(f"all {len(METHODS)} methods, {name}: {taken}, worst {1e3 * max(taken.cpu):,.0f}, "
                   f"bound {1e3 * BOUND_S:,.0f}: {ending.word(taken.median < BOUND_S)}")  # fmt: skip
    return is_kept


# ---- the peer


def peer(drawn: Drawn, runs: int) -> None:
    """Print ChannelAttribution's times and how far its answers are from ours, or that it is not installed."""
    if find_spec("ChannelAttribution") is None:
        _out.print("ChannelAttribution is not installed, so nothing is measured beside it.")
        return
    theirs = import_module("ChannelAttribution")
    frame = drawn.frame()
    texts = frame.assign(path=frame["path"].str.join(" > "))
    ours = credits(frame).pivot_table(index="channel", columns="method", values="conversions")

    def by_touch() -> pd.DataFrame:
        return theirs.heuristic_models(texts, "path", "conversions", var_value="value", flg_pro=False)

    def by_chain() -> pd.DataFrame:
        return theirs.markov_model(texts, "path", "conversions", var_value="value", var_null="nulls", order=1, seed=1,
                                   verbose=False, flg_pro=False)  # fmt: skip

    for name, call, columns in (
        ("first, last, linear", by_touch, {"first": "first_touch_conversions", "last": "last_touch_conversions",
                                           "linear": "linear_touch_conversions"}),
        ("markov", by_chain, {"markov": "total_conversions"}),
    ):  # fmt: skip
        taken = measure(runs, lambda: texts, lambda _, call=call: call())
        got = call().set_index("channel_name")
        off = max(((got[theirs_] - ours[mine]).abs() / ours[mine]).max() for mine, theirs_ in columns.items())
        _out.print(f"ChannelAttribution, {name}, from texts: {taken}; farthest from ours by {off:.2%}")


# ---- the command


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = ending.parser(__doc__)
    parser.add_argument("--journeys", type=int, default=1_000_000, help="how many (default 1,000,000)")
    parser.add_argument("--touches", type=float, default=4.0, help="of a journey, on average (default 4)")
    parser.add_argument("--channels", type=int, default=10, help="how many (default 10)")
    parser.add_argument("--runs", type=int, default=5, help="runs of each (default 5)")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> bool:
    """Draw, measure, print. Returns whether the bound is kept."""
    if options.journeys < 1 or options.touches < 1 or options.channels < 1 or options.runs < 1:
        raise BadInput("A size is below 1.", "Expected journeys, touches, channels and runs of 1 or more.")
    drawn = draw(options.journeys, options.touches, options.channels)
    _out.print(f"{options.journeys:,} journeys of {drawn.lengths.mean():.2f} touches on average, at most "
               f"{drawn.lengths.max()}, over {options.channels} channels; "
               f"{drawn.converted.mean():.1%} convert.")  # fmt: skip
    steps(drawn, options.runs)
    is_kept = whole(drawn, options.runs)
    peer(drawn, options.runs)
    return is_kept


def main(arguments: list[str] | None = None) -> int:
    """Run and print; 0 when the bound is kept, 1 when it is broken."""
    options = parse(arguments)
    return ending.exit_code(lambda: run(options), options)


if __name__ == "__main__":
    sys.exit(main())

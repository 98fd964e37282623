"""Instances for `routing.py`: swaths drawn by a seed, CSV files, and CVRPLIB's format."""

from __future__ import annotations

import csv
import gzip
import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stormplay.errors import BadInput
from stormplay.routing.plan import FloatArray, IntArray

_DEPOT = (32.627, -97.318)
_TOWNS = 40
_TOWN_DEGREES = 0.02
_NO_LIMIT = 10**6


@dataclass(frozen=True)
class Instance:
    """One question to all engines.

    Attributes:
        name: What to call it.
        depot: (2,) where routes start and end, or None: open routes.
        stops: (n, 2) latitude and longitude in degrees, or planar x, y where `is_planar`.
        demand: (n,) whole units.
        capacity: Most units on a route.
        is_planar: Whether legs are Euclidean and rounded, as CVRPLIB counts, instead of great-circle metres.
        best: Length of the best plan known, if any.
    """

    name: str
    depot: FloatArray | None
    stops: FloatArray
    demand: IntArray
    capacity: int
    is_planar: bool = False
    best: float | None = None

    @property
    def routes_needed(self) -> int:
        """Fewest routes that the capacity allows."""
        return -(-int(self.demand.sum()) // self.capacity)


def generate(stops: int, seed: int, most: int) -> Instance:
    """A synthetic swath: towns strewn along a line to the north-east, homes around each, the depot at its edge."""
    rng = np.random.default_rng(seed)
    along, aside = rng.uniform(0, 0.6, _TOWNS), rng.normal(0, 0.06, _TOWNS)
    centres = np.column_stack([32.70 + 0.5 * along + aside, -97.30 + along - 0.5 * aside])
    share = rng.dirichlet(np.full(_TOWNS, 2.0))
    homes = centres[rng.choice(_TOWNS, stops, p=share)] + rng.normal(0, _TOWN_DEGREES, (stops, 2))
    return Instance(f"generated{stops}-{seed}", np.array(_DEPOT), homes.round(6), np.ones(stops, np.intp), most)


def read(path: Path, most: int) -> Instance:
    """An instance from a file: CVRPLIB's `.vrp`, with the `.sol` beside it if there is one, else a CSV.

    Args:
        path: A CSV has latitude and longitude first and the depot in its first row; .gz is unpacked.
        most: Stops on a route, where the file does not say what a route carries.

    Raises:
        BadInput: The file cannot be read or holds no such rows.
    """
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
        return _vrp(path, text) if path.suffix == ".vrp" else _csv(path, text, most)
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise BadInput(
            f"{path} cannot be read: {error}.",
            "Expected a CSV (latitude, longitude, then anything; the depot first) or CVRPLIB's format (EUC_2D).",
        ) from None


def _csv(path: Path, text: str, most: int) -> Instance:
    rows = [row for row in csv.reader(io.StringIO(text)) if row]
    places = np.array([[float(value) for value in row[:2]] for row in rows[1:]]).reshape(-1, 2)
    name = path.name.removesuffix(".gz").removesuffix(".csv")
    return Instance(name, places[0], places[1:], np.ones(len(places) - 1, np.intp), most)


def _vrp(path: Path, text: str) -> Instance:
    """CVRPLIB (Uchoa et al., European Journal of Operational Research 257, 2017): the depot is the first node."""
    fields = dict(re.findall(r"^([A-Z_]+)[ \t]*:[ \t]*(.*?)[ \t\r]*$", text, re.M))
    if fields["EDGE_WEIGHT_TYPE"] != "EUC_2D":
        raise ValueError(f"distances are {fields['EDGE_WEIGHT_TYPE']}")
    places = _section(text, "NODE_COORD_SECTION")[:, 1:]
    demand = _section(text, "DEMAND_SECTION")[:, 1].astype(np.intp)
    known = path.with_suffix(".sol")
    best = float(re.findall(r"Cost (\S+)", known.read_text())[0]) if known.exists() else None
    return Instance(path.stem, places[0], places[1:], demand[1:], int(fields["CAPACITY"]), is_planar=True, best=best)


def _section(text: str, name: str) -> FloatArray:
    lines = text.split(name, 1)[1].strip().splitlines()
    numbers = [line.split() for line in lines]
    stop = next((at for at, line in enumerate(numbers) if not line or not line[0].isdigit()), len(numbers))
    return np.array(numbers[:stop], dtype=float)


def most_on_a_route(instance: Instance) -> int:
    """The stop limit to give to engines that have one: the capacity where each stop is one unit, else none."""
    return instance.capacity if (instance.demand == 1).all() else _NO_LIMIT

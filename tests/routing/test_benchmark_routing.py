"""The benchmark beside this package: what it reads, what it draws, and that it counts for itself."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from yardstick import great_circle_m

from stormplay.errors import BadInput

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
VRP = """NAME : toy
COMMENT : four corners
TYPE : CVRP
DIMENSION : 5
EDGE_WEIGHT_TYPE : EUC_2D
CAPACITY : 7
NODE_COORD_SECTION
1 0 0
2 0 3
3 4 3
4 4 0
5 -1 0
DEMAND_SECTION
1 0
2 3
3 4
4 2
5 5
DEPOT_SECTION
 1
 -1
EOF
"""


@pytest.fixture
def swaths(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import swaths

    return swaths


def run(*arguments):
    command = [sys.executable, BENCHMARKS / "routing.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_it_reads_cvrplib(swaths, tmp_path):
    (tmp_path / "toy.vrp").write_text(VRP)
    (tmp_path / "toy.sol").write_text("Route #1: 1 2\nRoute #2: 3 4\nCost 22\n")
    toy = swaths.read(tmp_path / "toy.vrp", 50)
    assert toy.depot.tolist() == [0, 0]
    assert toy.stops.tolist() == [[0, 3], [4, 3], [4, 0], [-1, 0]]
    assert (toy.demand.tolist(), toy.capacity, toy.best, toy.is_planar) == ([3, 4, 2, 5], 7, 22, True)
    assert (toy.routes_needed, swaths.most_on_a_route(toy)) == (2, 10**6)


@pytest.mark.parametrize("text", [VRP.replace("EUC_2D", "GEO"), VRP.replace("CAPACITY : 7", ""), "", "depot\n"])
def test_what_it_cannot_read_is_told(swaths, tmp_path, text):
    (tmp_path / "bad.vrp").write_text(text)
    with pytest.raises(BadInput, match=r"bad\.vrp"):
        swaths.read(tmp_path / "bad.vrp", 50)


def test_a_seed_draws_the_same_swath_again(swaths):
    one, two, other = (swaths.generate(300, seed, 50) for seed in (1, 1, 2))
    assert np.array_equal(one.stops, two.stops)
    assert not np.array_equal(one.stops, other.stops)
    assert one.stops.shape == (300, 2) and one.routes_needed == 6


def test_it_counts_a_plan_for_itself(swaths):
    import routing

    toy = swaths.generate(4, 0, 2)
    depot, stops = tuple(toy.depot), [tuple(stop) for stop in toy.stops]
    whole, inner = routing.check(toy, [[0, 1], [3, 2]])
    assert inner == pytest.approx(great_circle_m(stops[0], stops[1]) + great_circle_m(stops[3], stops[2]))
    assert whole == pytest.approx(inner + sum(great_circle_m(depot, stop) for stop in stops))
    for wrong in ([[0, 1], [3]], [[0, 1], [2, 3, 3]], [[0, 1, 2], [3]]):
        assert np.isnan(routing.check(toy, wrong)[0])


@pytest.mark.long
def test_it_puts_ours_beside_ortools():
    done = run("--generate", 60, "--seconds", 1, "--engines", "ours", "OR-Tools", "--max-per-route", 20)
    assert done.returncode == 0, done.stderr
    assert "│ ours " in done.stdout and "│ OR-Tools " in done.stdout
    assert "ours over the best peer, OR-Tools" in done.stdout
    assert "nan" not in done.stdout


def test_a_missing_file_is_a_sentence():
    done = run("nowhere.csv")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nowhere.csv cannot be read" in done.stderr and "Traceback" not in done.stderr

"""The benchmark runs and says what is bound."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from stormplay.attribution import METHODS

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "attribution.py"


def run(*options):
    return subprocess.run(
        [sys.executable, BENCHMARK, *options], capture_output=True, text=True, timeout=200, check=False
    )


def test_it_times_every_method_and_all_together():
    done = run("--journeys", "3000", "--runs", "1", "--no-bounds")
    assert done.returncode == 0 and not done.stderr, done.stderr
    rows = re.findall(r"│ ([a-z_, ]+?) +│ +[\d,]+ +│ +[\d,]+ +│", done.stdout)
    assert rows == ["read, check and group", *METHODS]
    assert len(re.findall(r"bound\s1,000:\s(?:kept|BROKEN)", done.stdout)) == 3, done.stdout


def test_sizes_are_checked():
    done = run("--journeys", "0")
    assert done.returncode == 2
    assert "Expected" in done.stderr

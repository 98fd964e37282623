"""The benchmark on a small trial of its own and on a small CSV."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stormplay.embedded.place import place_of

ROOT = Path(__file__).parents[2]


def run(folder, *arguments):
    command = [sys.executable, ROOT / "benchmarks" / "uplift.py", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200, check=False)


def test_a_csv_goes_through_it(tmp_path):
    rng = np.random.default_rng(0)
    treated, age = rng.integers(0, 2, 900), rng.uniform(0, 80, 900)
    table = pd.DataFrame({"mailed": treated, "age": age, "segment": rng.choice(["a", "b"], 900), "id": range(900),
                          "spent": rng.normal(10, 2, 900) + treated * (age > 40)})  # fmt: skip
    table.loc[:4, "spent"] = np.nan
    table.to_csv(tmp_path / "rct.csv", index=False)
    columns = ["--treatment", "mailed", "--outcome", "spent", "--features", "age,segment"]
    done = run(tmp_path, "rct.csv", *columns, "--base", "linear", "--repeats", 50)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "5 rows without treatment or outcome are left out" in done.stdout
    held = int(((treated == 0) & (np.arange(900) > 4)).sum())
    assert f"{895 - held} treated, {held} held out" in done.stdout
    for name in ("S-learner", "T-learner", "X-learner", "DR-learner", "response model"):
        assert re.search(rf"│ {name}[^│]*│ -?[\d.]+ +│ [\d.]+", done.stdout), name
    assert "cannot tell apart" in done.stdout


def test_without_a_file_the_truth_is_shown_too(tmp_path):
    done = run(tmp_path, "--rows", 3_000, "--base", "linear", "--repeats", 50)
    assert done.returncode == 0, done.stderr
    assert re.search(r"│ true effect \(known here alone\) │ 0\.\d+", done.stdout)
    assert {"true_effect", "treated", "signed"} <= set(pd.read_csv(tmp_path / "trial.csv"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.csv"], "cannot be read"),
        (["some.csv"], "no column 'treated'"),
        (["some.csv", "--treatment", "t"], "'signed'"),
    ],
)
def test_what_is_not_there_is_said(tmp_path, arguments, said):
    (tmp_path / "some.csv").write_text("t,y\n1,0\n")
    done = run(tmp_path, *arguments)
    assert done.returncode == 2 and said in done.stdout


def test_scoring_prints_its_steps_and_a_verdict(tmp_path):
    done = run(tmp_path, "--score", 3_000, "--home", tmp_path / "home")
    shutil.rmtree(place_of(tmp_path / "home").data, ignore_errors=True)
    assert done.returncode == 0, done.stderr + done.stdout
    for step in ("read", "predict", "reasons", "write", "total"):
        assert re.search(rf"│ {step} +│ [\d.]+ +│ [\d.]+", done.stdout), step
    assert re.search(r"slowest total [\d.]+ s, bound 60 s: kept", done.stdout)

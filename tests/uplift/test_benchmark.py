"""The benchmark on a small trial of its own and on a small CSV."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stormplay.embedded.place import place_of

ROOT = Path(__file__).parents[2]


UPLIFT = ROOT / "benchmarks" / "uplift.py"


@pytest.fixture
def run(monkeypatch, capsys):
    """The command in this process, which has scikit-learn already: its exit code and what it printed."""

    def run(folder, *arguments):
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", [str(UPLIFT), *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(UPLIFT), run_name="__main__")
        return ended.value.code, capsys.readouterr().out

    return run


def test_a_csv_goes_through_it(tmp_path, run):
    rng = np.random.default_rng(0)
    treated, age = rng.integers(0, 2, 900), rng.uniform(0, 80, 900)
    table = pd.DataFrame({"mailed": treated, "age": age, "segment": rng.choice(["a", "b"], 900), "id": range(900),
                          "spent": rng.normal(10, 2, 900) + treated * (age > 40)})  # fmt: skip
    table.loc[:4, "spent"] = np.nan
    table.to_csv(tmp_path / "rct.csv", index=False)
    columns = ["--treatment", "mailed", "--outcome", "spent", "--features", "age,segment"]
    code, said = run(tmp_path, "rct.csv", *columns, "--base", "linear", "--repeats", 50)
    assert code == 0, said
    assert "5 rows without treatment or outcome are left out" in said
    held = int(((treated == 0) & (np.arange(900) > 4)).sum())
    assert f"{895 - held} treated, {held} held out" in said
    for name in ("S-learner", "T-learner", "X-learner", "DR-learner", "response model"):
        assert re.search(rf"│ {name}[^│]*│ -?[\d.]+ +│ [\d.]+", said), name
    assert "cannot tell apart" in said


def test_without_a_file_the_truth_is_shown_too(tmp_path, run):
    code, said = run(tmp_path, "--rows", 3_000, "--base", "linear", "--repeats", 50)
    assert code == 0, said
    assert re.search(r"│ true effect \(known here alone\) │ 0\.\d+", said)
    assert {"true_effect", "treated", "signed"} <= set(pd.read_csv(tmp_path / "trial.csv"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.csv"], "cannot be read"),
        (["some.csv"], "no column 'treated'"),
        (["some.csv", "--treatment", "t"], "'signed'"),
    ],
)
def test_what_is_not_there_is_said(tmp_path, run, arguments, said):
    (tmp_path / "some.csv").write_text("t,y\n1,0\n")
    code, told = run(tmp_path, *arguments)
    assert code == 2 and said in told


@pytest.mark.long
def test_scoring_prints_its_steps_and_a_verdict(tmp_path):
    command = [sys.executable, UPLIFT, "--score", "3000", "--home", tmp_path / "home"]  # a server of its own
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)
    shutil.rmtree(place_of(tmp_path / "home").data, ignore_errors=True)
    assert done.returncode == 0, done.stderr + done.stdout
    for step in ("read", "predict", "reasons", "write", "total"):
        assert re.search(rf"│ {step} +│ [\d.]+ +│ [\d.]+", done.stdout), step
    assert re.search(r"slowest total [\d.]+ s, bound 60 s: kept", done.stdout)

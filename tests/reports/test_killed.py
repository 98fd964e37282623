"""A runner that is killed, at whatever moment, publishes nothing by half and holds nothing up."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from small import AGED, RECORDED, notebook
from sqlalchemy import text

from stormplay import database as db
from stormplay.forking import nursery_environment

pytestmark = pytest.mark.long

TIMES, LONGEST_S = 20, 0.7
NAMES = sorted(f"{name}-{tenant}-2021-04-28" for tenant in ("lone-star", "trinity") for name in ("one", "two"))


@pytest.fixture
def stem(demo, tmp_path):
    paths = [notebook(tmp_path, name, AGED, "'x' * 50_000", RECORDED, f"'{name}'") for name in ("one", "two")]
    known = {**nursery_environment(os.environ), "STORMPLAY_HOME": str(demo)}
    with subprocess.Popen(
        [sys.executable, Path(__file__).with_name("stem.py"), tmp_path / "out", *paths],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=known,
    ) as process:  # fmt: skip
        yield process
        process.stdin.close()


def begin(stem):
    stem.stdin.write("go\n")
    return int(stem.stdout.readline())


def ended(stem):
    return int(stem.stdout.readline())


def kill_at(stem, seconds):
    """End a runner after so long. Returns all processes that hung on it."""
    pid = begin(stem)
    time.sleep(seconds)
    with suppress(psutil.NoSuchProcess):
        runner = psutil.Process(pid)
        runner.suspend()  # so that nothing is born between the two lines
        hung_on_it = runner.children(recursive=True)
        os.kill(pid, signal.SIGKILL)
        ended(stem)
        return hung_on_it
    ended(stem)
    return []


def whole(out):
    """Every file under a report's name is whole, and is what its result says."""
    results = sorted(out.glob("*.result.json"))
    for result in results:
        files = json.loads(result.read_text())["files"]
        for name, told in files.items():
            assert hashlib.sha256((out / name).read_bytes()).hexdigest() == told["sha256"], name
    for each in out.glob("*.ipynb"):
        assert all(cell["outputs"] for cell in json.loads(each.read_text())["cells"][-2:]), "it ran to its end"
    assert all(each.read_text().rstrip().endswith("</html>") for each in out.glob("*.html"))
    return [result.name.removesuffix(".result.json") for result in results]


def test_killed_twenty_times_it_leaves_nothing_by_half(stem, tmp_path):
    dice, out = random.Random(8), tmp_path / "out"
    began_s, left = time.monotonic(), []
    for _ in range(TIMES):
        left += kill_at(stem, dice.uniform(0.02, LONGEST_S))
        whole(out)
    assert left, "it was killed in the middle, too"
    _, alive = psutil.wait_procs(left, timeout=5)
    assert not alive, "its workers end with it"
    begin(stem)
    assert ended(stem) == 0, "no lock is left, and a rerun makes all"
    assert whole(out) == NAMES
    assert {path.name.split(".")[0] for path in out.iterdir()} == set(NAMES), "and clears away what was left"
    assert time.monotonic() - began_s < 60
    with db.transaction(db.admin_url()) as connection:
        query = "SELECT status, count(*) FROM report_runs WHERE destination = :out GROUP BY 1"
        counted = dict(connection.execute(text(query), {"out": str(out)}).all())
        ends = connection.exec_driver_sql("""
            SELECT max(expires_at) - now() <= interval '13 minutes' FROM sec.login WHERE purpose = 'report'""")
        assert ends.scalar_one() in (None, True), "the logins of those that were killed end by themselves"
    assert set(counted) <= {"fresh", "killed"}
    assert counted["killed"] >= 3 and counted["fresh"] >= 4

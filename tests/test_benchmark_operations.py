import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stormplay.embedded.place import place_of

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[1]
JOBS, CANDIDATES = 300, 400


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The benchmark on a small database of its own."""
    home = tmp_path_factory.mktemp("operations") / "home"
    command = [sys.executable, ROOT / "benchmarks" / "operations.py", "--runs", "1", "--no-bounds", "--home", home]
    done = subprocess.run(
        [*command, "--jobs", str(JOBS), "--candidates", str(CANDIDATES)],
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    yield done
    shutil.rmtree(place_of(home).data, ignore_errors=True)


def test_each_call_gave_the_rows_that_plain_sql_counts(shown):
    assert shown.returncode == 0 and "Traceback" not in shown.stderr, shown.stderr
    rows = dict(re.findall(r"│ ((?:jobs|nurture|page of)[^│]*?) +│ \w+ +│ ([\d,]+) ", shown.stdout))
    assert len(rows) > 40, shown.stdout
    assert rows["jobs: count"] == rows["jobs: the map, whole"] == rows["page of jobs: opening"] == str(JOBS)
    listed = int(rows["nurture: count"])
    assert abs(listed - CANDIDATES) <= 2 and int(rows["nurture: standing"]) == listed
    assert (rows["jobs: page 1"], rows["jobs: search a property id"], rows["nurture: page 1"]) == ("50", "1", "100")


def test_it_says_what_is_bound_and_compares_with_peers(shown):
    assert re.search(r"slowest list, search or map: .*, bound 1,000: (kept|BROKEN)", shown.stdout), shown.stdout
    assert re.search(r"stock Folium's circle markers: \d+ ms to \d+ ms, ratio \d", shown.stdout)
    assert re.search(r"one join with OFFSET: \d+ ms to \d+ ms, ratio \d", shown.stdout)

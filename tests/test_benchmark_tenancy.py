import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stormplay.embedded.place import place_of

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The benchmark on a small database of its own, kept from one run to the next."""
    folder = tmp_path_factory.mktemp("bench")
    command = [sys.executable, ROOT / "benchmarks" / "tenancy.py", "--rows", "2000", "--quick", "--no-bounds"]

    def run(*options):
        done = subprocess.run(
            [*command, "--home", folder / "home", *options], capture_output=True, text=True, timeout=200, check=False
        )
        assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
        return done.stdout

    yield run
    shutil.rmtree(place_of(folder / "home").data)


def test_every_kind_of_statement_is_found_and_compared(run):
    shown = run()
    for statement in (
        "get_ledger: select",
        "get_stops(one): select",
        "assign_crew: update routes",
        "retire_planned_routes",
        "generate_routes: insert jobs",
        "import of homes: insert properties",
        "phase 3 join: select properties",
        "Choosing the tenant:",
        "shorter statements, ms more a statement:",
    ):
        assert statement in shown, shown


def test_the_filter_by_hand_asks_no_policy(run):
    shown = run("--only", "get_ledger", "--explain")
    ours, by_hand = shown.split("hand: get_ledger: select homes")
    assert "sec.tenant" not in by_hand and "InitPlan" in ours, shown
    assert "tenant_id = '" in by_hand and "InitPlan" not in by_hand, shown

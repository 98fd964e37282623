"""What each start of a command or a server imports: nothing that it has no use for yet."""

from __future__ import annotations

import subprocess
import sys

import pytest

SLOW = {"pandas", "numpy", "scipy", "numba", "ortools", "folium", "plotly", "sklearn", "IPython"}  # 0.3 s to 3 s each
STARTS = {
    "a command": "import stormplay.cli",
    "the server": "import stormplay.server.app, stormplay.demo, stormplay.migrations; "
    "from stormplay.routing import readiness",
    "reports and the doctor": "import stormplay.reports, stormplay.doctor",
}


@pytest.mark.parametrize("start", STARTS)
def test_it_waits_for_no_library_that_only_pages_need(start):
    said = "print(*{name.partition('.')[0] for name in sys.modules})"
    command = [sys.executable, "-c", f"import sys; {STARTS[start]}; {said}"]
    imported = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert not SLOW & set(imported)

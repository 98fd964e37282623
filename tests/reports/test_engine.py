"""Cells without a kernel show what they show with one."""

from __future__ import annotations

import json

import nbformat
import papermill
import pytest
from small import SUBJECT, notebook, outputs

from stormplay import reports

SHOWN = {
    "print": "import sys\nprint('one', end=' ')\nprint('two')\nprint('aside', file=sys.stderr)\nprint('three')",
    "value": "1 + limit",
    "quiet": "limit;",
    "frame": "import pandas as pd\npd.DataFrame({'a': [1, 2], 'b': ['<x>', None]})",
    "html": "from IPython.display import HTML, Markdown, display\ndisplay(HTML('<p>x</p>'), Markdown('*y*'))\n'last'",
    "picture": "from IPython.display import Image\nImage(b'\\x89PNG\\r\\n\\x1a\\n' + bytes(20), format='png', width=3)",
    "updated": "shown = display('before', display_id=True)\nprint('between')\nshown.update('after')",
    "cleared": "from IPython.display import clear_output\nprint('gone')\nclear_output()\nprint('stays')",
    "numbers": (
        "import numpy as np\nfrom stormplay.controls.record import Recorded\n"
        "Recorded(n=int(np.int64(3)), share=0.5, text='ü')"
    ),
    "magic": "%precision 2\n0.123456",
    "awaited": "import asyncio\nawait asyncio.sleep(0, 'slept')",
    "earlier": "_",
}


@pytest.fixture(scope="module")
def both(demo, tmp_path_factory):
    """The same notebook by a kernel and by us."""
    folder = tmp_path_factory.mktemp("engine")
    path = notebook(folder, "zoo", *SHOWN.values())
    by_kernel = folder / "kernel.ipynb"
    papermill.execute_notebook(str(path), str(by_kernel), parameters={**SUBJECT, "limit": 40, "interactive": False},
                               kernel_name="python3", progress_bar=False)  # fmt: skip
    ours = reports.run(path, {**SUBJECT, "limit": 40}, folder / "out")
    return [nbformat.read(each, as_version=4).cells for each in (by_kernel, ours.notebook)]


@pytest.mark.parametrize("name", SHOWN)
def test_a_cell_shows_what_it_shows_in_a_kernel(both, name):
    place = 3 + list(SHOWN).index(name)  # behind title, parameters and those that were given
    by_kernel, ours = (cells[place] for cells in both)
    assert by_kernel.source == ours.source == SHOWN[name]
    assert _told(ours.outputs) == _told(by_kernel.outputs)
    assert ours.execution_count == by_kernel.execution_count


def _told(outputs):
    """What is printed, by stream: a kernel sends each when it likes. And all else, in order."""
    printed = {"stdout": "", "stderr": ""}
    for output in outputs:
        printed[output.get("name", "stdout")] += output.get("text", "")
    return printed, [json.dumps(each, sort_keys=True) for each in outputs if each.output_type != "stream"]


def test_a_report_knows_its_own_login_and_nothing_of_whoever_asked(demo, tmp_path, monkeypatch):
    monkeypatch.setenv("A_SECRET", "of the asker")
    source = """import os, pathlib
found = sorted(os.environ)
folders = sorted(path.readlink().name for path in pathlib.Path('/proc/self/fd').iterdir() if path.exists())
found, os.environ['STORMPLAY_DATABASE_URL'].split('//')[1][:2], os.environ['STORMPLAY_PERSON'], folders"""
    made = reports.run(notebook(tmp_path, "knows", source), SUBJECT, tmp_path / "out", person="ana")
    (found,) = outputs(made.notebook)
    said = found["data"]["text/plain"]
    assert "A_SECRET" not in said and "STORMPLAY_HOME" not in said
    assert "'k_'" in said and "'ana'" in said


def test_nothing_of_one_report_is_left_for_the_next(demo, tmp_path):
    path = notebook(tmp_path, "leaves", "import builtins\nseen = hasattr(builtins, 'left')\nbuiltins.left = 1\nseen")
    for _ in range(2):
        made = reports.run(path, SUBJECT, tmp_path / "out")
        assert outputs(made.notebook)[0]["data"]["text/plain"] == "False"

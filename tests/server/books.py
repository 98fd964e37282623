"""The notebooks of the test server: small, and each of them after something."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

SECRET = "open-sesame-4711"  # in sources and exceptions; no visitor may ever read it

PLAIN = ["6 * 7"]

WHO = [
    """
import json, os, psycopg2, sys
url = os.environ["STORMPLAY_DATABASE_URL"]
with psycopg2.connect(url) as connection, connection.cursor() as cursor:
    cursor.execute("SELECT session_user, sec.my_name()")
    login, name = cursor.fetchone()
    cursor.execute("SELECT slug FROM sec.my_tenants() ORDER BY slug")
    tenants = [slug for slug, in cursor.fetchall()]
print(json.dumps({"login": login, "name": name, "tenants": tenants, "pid": os.getpid(), "cwd": os.getcwd(),
                  "argv": sys.argv,
                  "names": sorted(os.environ), "values": " ".join(os.environ.values()),
                  "query": os.environ.get("QUERY_STRING"), "person": os.environ.get("STORMPLAY_PERSON")}))
"""
]

RAISES = [
    "print('before')",
    f"import warnings\nwarnings.warn('{SECRET}')\nraise RuntimeError('{SECRET}')",
    "print('after')",
]

# What a failing cell may quote: the log must not.
PERSONAL = ("Jane Roe", "12 Elm Street", "jane.roe@example.org", "(817) 555-0142")
QUOTES = [
    """
import logging
def look_up(home):
    logging.getLogger('stormplay.controls').error('no such home: %s', home)
    raise KeyError(home)
""",
    f"look_up('{', '.join(PERSONAL)}')",
]

SPEAKS = ["from stormplay.errors import BadInput\nraise BadInput('There is no <storm> of that name.')"]

WIDGETS = [
    f"""
import json, sys
import ipywidgets as widgets
from IPython import get_ipython

def fail(*_):
    print('{SECRET}', file=sys.stderr)
    raise RuntimeError('{SECRET}')

button, text, out, box = widgets.Button(), widgets.Text(), widgets.Output(), widgets.Output()
button.on_click(fail)
text.observe(fail, 'value')

@box.capture()
def caught(*_):
    print('heard')
    fail()

captured = widgets.Button()
captured.on_click(caught)

def opened(comm, message):
    comm.on_msg(fail)
    comm.send({{'heard': True}})

get_ipython().kernel.comm_manager.register_target('raw', opened)
print(json.dumps({{'button': button.model_id, 'text': text.model_id, 'captured': captured.model_id}}))
""",
    f"""
with out:
    print('shown')
    raise RuntimeError('{SECRET}')
""",
]

# Cells that print into an Output widget; in each of them a reply may come in unannounced.
OUTPUTS = ["import ipywidgets as widgets\nout = widgets.Output()", *["with out:\n    print('x')\n    print('y')"] * 40]

# What a process is made of. A kernel that was forked and one that was started must tell the same.
STATE = [
    """
import json, os, resource, signal, sys, threading
held = set(globals())
from pathlib import Path
import ipywidgets, numpy as np, stormplay, tempfile
from IPython import get_ipython
files = {int(name): os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")
         if os.path.exists(f"/proc/self/fd/{name}")}
handlers = {each.name: str(signal.getsignal(each)) for each in signal.Signals}
print(json.dumps({
    "argv": sys.argv, "path": sys.path, "cwd": os.getcwd(), "umask": os.umask(0o022), "held": sorted(held),
    "environment": dict(os.environ), "started_with": Path("/proc/self/environ").read_text(),
    "files": files, "handlers": handlers, "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "limits": {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name[:7] == "RLIMIT_"},
    "threads": sorted(thread.name for thread in threading.enumerate()),
    "leads": [os.getpid() == os.getsid(0), os.getpid() == os.getpgid(0)], "pid": os.getpid(), "parent": os.getppid(),
    "targets": sorted(get_ipython().kernel.comm_manager.targets), "temporary": tempfile.gettempdir(),
    "marks": [getattr(module, "mark", None) for module in (os, sys, np, stormplay, ipywidgets)],
    "main": sys.modules["__main__"].__name__, "name": __name__, "widgets": len(ipywidgets.Widget._instances)
    if hasattr(ipywidgets.Widget, "_instances") else 0, "home": os.path.expanduser("~"),
}))
"""
]

# Leaves marks wherever a notebook can.
MARKS = [
    """
import json, os, random, sys, tempfile
import ipywidgets, numpy as np, stormplay
for module in (os, sys, np, stormplay, ipywidgets):
    module.mark = os.environ["STORMPLAY_DATABASE_URL"]
os.environ["STORMPLAY_MARK"] = os.environ["LANG"] = "mark"
os.chdir("/")
sys.argv.append("mark")
sys.path.insert(0, "/mark")
sys.modules["json.mark"] = sys
tempfile.tempdir = "/mark"
random.seed(1), np.random.seed(1)
kept_open = open(os.devnull)
button = ipywidgets.Button(description="mark")
print(json.dumps({"login": os.environ["STORMPLAY_DATABASE_URL"], "pid": os.getpid()}))
"""
]

# Looks for texts in its own memory. They are given backwards, and memory is read backwards, so that the search does
# not find itself.
SEEKS = [
    """
import gc, json, os, re
from urllib.parse import parse_qs
wanted = parse_qs(os.environ["QUERY_STRING"])["backwards"][0].split(".")
own = re.search(":([0-9a-f]{64})@", os.environ["STORMPLAY_DATABASE_URL"]).group(1)[::-1]
found = dict.fromkeys([*wanted, "own"], 0)
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
    for line in maps.read().splitlines():
        where, rights, *_ = line.split()
        first, last = (int(end, 16) for end in where.split("-"))
        if rights[:2] != "rw" or "[v" in line:
            continue
        for at in range(first, last, 1 << 22):
            try:
                memory.seek(at)
                read = memory.read(min(last, at + (1 << 22)) - at)[::-1]
            except OSError:
                continue
            for text in wanted:
                found[text] += read.count(text.encode())
            found["own"] += read.count(own.encode())
print(json.dumps(found))
"""
]

DRAWS = [
    """
import json, os, random, secrets, tempfile, uuid
import numpy as np
import pandas as pd
print(json.dumps([
    random.random(), random.getrandbits(64), float(np.random.random()), int(np.random.default_rng().integers(2**60)),
    secrets.token_hex(8), str(uuid.uuid4()), str(uuid.uuid1()), next(tempfile._get_candidate_names()),
    pd.Series(range(10**6)).sample(1).item() * 10**9 + random.randrange(10**9), os.urandom(8).hex(),
]))
"""
]

GREEDY = ["import os, numpy as np\nprint(os.getpid())", "field = np.ones(2**29)"]  # 4 GB
COLLECTS = ["def collect():\n    kept = []\n    while True:\n        kept.append([1.5] * 100)\ncollect()"]
SPENDS = [
    """
import json, os
import ipywidgets as widgets
import numpy as np
button = widgets.Button()
button.on_click(lambda _: np.ones(2**29))
print(json.dumps({"button": button.model_id, "pid": os.getpid()}))
"""
]

# Makes half of its widgets, and the other half a while later.
HALVES = [
    """
import time
import ipywidgets as widgets
label = widgets.Label("half")
time.sleep(2)
box = widgets.Box([label])
box
"""
]

# A map that goes ahead of its widget: told while its cell still runs.
MAPS = [
    """
import os
from stormplay import controls, maps
shown = controls.MapFrame()
shown.draw(maps.route_map(None, None))
print(os.environ["STORMPLAY_MAP_AHEAD"])
""",
    "shown",
]

CLOCK = ["import time\nprint(time.time())"]

# Busy where Python cannot be interrupted: no thread of this process gets a turn.
HOLDS = ["import os\nprint(os.getpid())", "sum(range(10**15))"]

BOOKS = {"plain": PLAIN, "who": WHO, "raises": RAISES, "quotes": QUOTES, "speaks": SPEAKS, "widgets": WIDGETS,
         "outputs": OUTPUTS,
         "state": STATE, "marks": MARKS, "seeks": SEEKS, "draws": DRAWS, "greedy": GREEDY, "collects": COLLECTS,
         "spends": SPENDS, "holds": HOLDS, "halves": HALVES, "maps": MAPS, "clock": CLOCK}  # fmt: skip


def write(folder: Path) -> Path:
    """Write them all into a folder, and one file beside it that nobody may reach."""
    folder.mkdir(parents=True)
    for name, sources in BOOKS.items():
        cells = [new_markdown_cell(f"# {name.title()}"), *map(new_code_cell, sources)]
        if name == "maps":
            cells[-1].metadata["tags"] = ["map"]
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        nbformat.write(new_notebook(cells=cells, metadata=kernel), folder / f"{name}.ipynb")
    nbformat.write(new_notebook(cells=[new_code_cell(f"print('{SECRET}')")]), folder.with_name("outside.ipynb"))
    (folder / "private.txt").write_text(SECRET)
    return folder

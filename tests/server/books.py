"""The notebooks of the test server: small, and each of them after something."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

SECRET = "open-sesame-4711"  # in sources and exceptions; no visitor may ever read it

PLAIN = ["6 * 7"]

WHO = [
    """
import json, os, psycopg2
url = os.environ["STORMPLAY_DATABASE_URL"]
with psycopg2.connect(url) as connection, connection.cursor() as cursor:
    cursor.execute("SELECT session_user, sec.my_name()")
    login, name = cursor.fetchone()
    cursor.execute("SELECT slug FROM sec.my_tenants() ORDER BY slug")
    tenants = [slug for slug, in cursor.fetchall()]
print(json.dumps({"login": login, "name": name, "tenants": tenants, "pid": os.getpid(), "cwd": os.getcwd(),
                  "names": sorted(os.environ), "values": " ".join(os.environ.values()),
                  "query": os.environ.get("QUERY_STRING"), "person": os.environ.get("STORMPLAY_PERSON")}))
"""
]

RAISES = [
    "print('before')",
    f"import warnings\nwarnings.warn('{SECRET}')\nraise RuntimeError('{SECRET}')",
    "print('after')",
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

BOOKS = {"plain": PLAIN, "who": WHO, "raises": RAISES, "speaks": SPEAKS, "widgets": WIDGETS, "outputs": OUTPUTS}


def write(folder: Path) -> Path:
    """Write them all into a folder, and one file beside it that nobody may reach."""
    folder.mkdir(parents=True)
    for name, sources in BOOKS.items():
        cells = [new_markdown_cell(f"# {name.title()}"), *map(new_code_cell, sources)]
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        nbformat.write(new_notebook(cells=cells, metadata=kernel), folder / f"{name}.ipynb")
    nbformat.write(new_notebook(cells=[new_code_cell(f"print('{SECRET}')")]), folder.with_name("outside.ipynb"))
    (folder / "private.txt").write_text(SECRET)
    return folder

"""All reports of two companies in one command, against plain `papermill` commands in a loop, on the same data.

    python benchmarks/reports.py

Both run every notebook for every storm of both companies of the demo. Papermill writes executed notebooks alone; ours
writes the page and the result as well, checks parameters, and has a login of its own for each run. 'Identical' means
that every recorded number is the same, but for an age; the outputs that differ otherwise are counted, after what a
clock says ('3 hours ago') and the names that Folium makes up are left out. Exits with 1 where ours takes more than 60
% of the loop's time, or a figure differs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from rich.console import Console
from rich.table import Table

from stormplay import RouteBuilder, demo, embedded, list_storms, migrations

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TENANTS = ("lone-star", "trinity")
BOUND = 0.6
MIME = "application/vnd.stormplay.scalars+json"
_CLOCK = re.compile(r" \((?:just now|[\d,]+ \w+ ago)\)")
_MADE_UP = re.compile(r"_[0-9a-f]{32}\b")
_out = Console()


@dataclass(frozen=True)
class Subject:
    """What one report is about."""

    notebook: Path
    tenant: str
    storm: str

    @property
    def name(self) -> str:
        """As its files are named."""
        return f"{self.notebook.stem}-{self.tenant}-{self.storm}.ipynb"


def main() -> None:
    """Run both and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 2, help="reports at once")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reports-") as folder:
        os.environ["STORMPLAY_HOME"] = str(Path(folder) / ".stormplay")
        os.environ.pop("STORMPLAY_DATABASE_URL", None)
        try:
            subjects = prepared()
            ours, plain = Path(folder) / "ours", Path(folder) / "plain"
            ours_s, plain_s = one_command(ours, asked.workers, "--all-notebooks"), in_a_loop(subjects, plain)
            # What that page shows are our runs, and papermill came after them: once more, for the figures alone.
            one_command(ours, asked.workers, "--notebook", "reports")
            sys.exit(told(subjects, ours, plain, ours_s, plain_s))
        finally:
            embedded.stop()


def prepared() -> list[Subject]:
    """The demo with routes, so that every page has something to show."""
    migrations.migrate()
    demo.load()
    for tenant in TENANTS:
        RouteBuilder(tenant, "2021-04-28").generate_routes(time_limit_s=1.0)
    return [
        Subject(path, tenant, str(storm))
        for tenant in TENANTS
        for storm in list_storms(tenant)["slug"]
        for path in NOTEBOOKS
    ]


def one_command(out: Path, workers: int, *notebooks: str) -> float:
    """Seconds of `stormplay report`, from its start to its end."""
    command = [binary("stormplay"), "report", *notebooks, "--all-storms", "--out", str(out)]
    tenants = [word for tenant in TENANTS for word in ("--tenant", tenant)]
    return timed([*command, *tenants, "--workers", str(workers)])


def in_a_loop(subjects: list[Subject], out: Path) -> float:
    """Seconds of papermill commands, one after the other."""
    out.mkdir()
    began_s = time.perf_counter()
    for one in subjects:
        parameters = {"tenant": one.tenant, "storm": one.storm, "interactive": "False"}
        given = [word for name, value in parameters.items() for word in ("-p", name, value)]
        timed([binary("papermill"), str(one.notebook), str(out / one.name), *given, "--no-progress-bar"])
    return time.perf_counter() - began_s


def timed(command: list[str]) -> float:
    """Seconds of a command; ends all where it fails."""
    began_s = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2_000:]}")
    return time.perf_counter() - began_s


def binary(name: str) -> str:
    """A command of this environment."""
    return str(Path(sys.executable).with_name(name))


def told(subjects: list[Subject], ours: Path, plain: Path, ours_s: float, plain_s: float) -> int:
    """Print what was found. Returns the exit code."""
    figures = [one.name for one in subjects if figures_of(ours / one.name) != figures_of(plain / one.name)]
    shown = [one.name for one in subjects if shown_by(ours / one.name) != shown_by(plain / one.name)]
    ratio = ours_s / plain_s
    table = Table(title=f"{len(subjects)} reports: {len(TENANTS)} companies, 3 storms, {len(NOTEBOOKS)} notebooks")
    for column in ("", "seconds", "a report"):
        table.add_column(column, justify="left" if not column else "right")
    table.add_row("papermill commands in a loop", f"{plain_s:.1f}", f"{plain_s / len(subjects):.2f}")
    table.add_row("stormplay report, one command", f"{ours_s:.1f}", f"{ours_s / len(subjects):.2f}")
    _out.print(table)
    _out.print(f"ratio {ratio:.2f} (bound {BOUND}): {'kept' if ratio <= BOUND else 'BROKEN'}")
    _out.print(f"recorded figures identical: {'kept' if not figures else f'BROKEN ({figures})'}")
    _out.print(f"outputs identical in {len(subjects) - len(shown)} of {len(subjects)} notebooks{named(shown)}")
    return int(ratio > BOUND or bool(figures))


def named(names: list[str]) -> str:
    """The names, where there are any."""
    return f"; not in {', '.join(names)}" if names else ""


def outputs(path: Path) -> list[dict[str, Any]]:
    """All outputs of an executed notebook."""
    return [out for cell in nbformat.read(path, as_version=4).cells for out in cell.get("outputs", [])]


def figures_of(path: Path) -> list[Any]:
    """The recorded numbers, without the age of the oldest report: papermill's loop is so much later."""
    told = [out["data"][MIME] for out in outputs(path) if MIME in out.get("data", {})]
    return [{name: value for name, value in each.items() if name != "oldest_h"} for each in told]


def shown_by(path: Path) -> str:
    """All that is shown, without clocks and made-up names."""
    return _MADE_UP.sub("", _CLOCK.sub("", json.dumps([out.get("data") for out in outputs(path)], sort_keys=True)))


if __name__ == "__main__":
    main()

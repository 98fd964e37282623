"""Reports of a storm that are kept in memory, and a server that a test can tell what to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import memory
import pandas as pd

from stormplay import exports
from stormplay.errors import NotAllowed, UnknownStorm, UnknownTenant

EVIL = "<img src=x onerror='window.hacked=1'>"
NOW = datetime(2021, 5, 3, 12, tzinfo=UTC)
NOTEBOOKS = ["phase3_routes", "phase4_jobs", "reports", "score"]
COLUMNS = [
    "run_id", "notebook", "status", "started_at", "ended_at", "username", "seconds", "attempts", "row_count",
    "data_as_of", "as_of", "code_version", "error", "destination", "parameters", "versions", "files",
]  # fmt: skip


def run(number, notebook, status="fresh", hours_ago=1.0, error=None, **more):
    began = NOW - timedelta(hours=hours_ago)
    is_over = status != "running"
    return {
        "run_id": f"{number:08d}", "notebook": notebook, "status": status, "started_at": began,
        "ended_at": began + timedelta(seconds=3) if is_over else None, "username": "ana", "seconds": 3.0 if is_over
        else None, "attempts": 1 if is_over else None, "row_count": 1_234 if is_over else None, "data_as_of": began,
        "as_of": began, "code_version": "0.1.0" if is_over else None, "error": error, "destination": "/srv/reports",
        "parameters": {"tenant": "lone-star", "storm": "2021-04-28", "interactive": False},
        "versions": {"stormplay": "0.1.0", "notebook_sha256": "ab" * 32, "schema": 60, "models": {"uplift": "uplift@3"}}
        if is_over else None, "files": {},
    } | more  # fmt: skip


def some():
    """One of each kind: fresh, failed since, too old; `reports` was never made."""
    return [
        run(1, "phase4_jobs", hours_ago=60),
        run(2, "score", hours_ago=30),
        run(3, "score", "stale", 8, "The data of score are of 01 May 2021, 48.0 hours old."),
        run(4, "score", "failed", 2, f"score failed in cell 3: ZeroDivisionError: {EVIL}"),
        run(5, "phase3_routes", hours_ago=1),
    ]


@dataclass
class MemoryDesk:
    """Gives what a `stormplay.ReportDesk` gives. `script` is what the server says, look by look."""

    runs: list = field(default_factory=some)
    script: list = field(default_factory=lambda: [("asked", None), ("taken", None), ("made", "It was made anew.")])
    may: bool = True
    cancelled: list = field(default_factory=list)
    asked: list = field(default_factory=list)
    fetched: list = field(default_factory=list)
    fails: Exception | None = None

    def _frame(self, rows):
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def get_notebooks(self):
        if self.fails:
            raise self.fails
        return NOTEBOOKS

    def get_standing(self):
        newest, good = {}, {}
        for one in self.runs:
            kind = {"fresh": "good", "running": "running"}.get(one["status"], "bad")
            newest[one["notebook"], kind] = one | {"kind": kind}
            if kind == "good":
                good[one["notebook"]] = one["run_id"]
        for one in newest.values():
            one["failed_since"] = sum(
                each["notebook"] == one["notebook"] and each["status"] not in ("fresh", "running")
                and each["run_id"] > good.get(one["notebook"], "") for each in self.runs
            )  # fmt: skip
        return pd.DataFrame(list(newest.values()), columns=[*COLUMNS, "kind", "failed_since"])

    def _matching(self, notebook, status):
        return [
            one for one in reversed(self.runs) if notebook in ("", one["notebook"]) and status in ("", one["status"])
        ]

    def get_runs(self, notebook="", status="", limit=25, skip=0, order=None):
        assert order is None or order[0] in ("report", "started", "status", "by", "took", "rows", "data", "code")
        return self._frame(self._matching(notebook, status)[skip : skip + limit])

    def count_runs(self, notebook="", status=""):
        return len(self._matching(notebook, status))

    def export_runs_csv(self, notebook="", status=""):
        return exports.to_csv(self._frame(self._matching(notebook, status))[["notebook", "status", "error"]])

    def get_files(self, run_id):
        self.fetched.append(run_id)
        page = SimpleNamespace(name="score.html", label="HTML page", mime="text/html", data=b"<p>x</p>", said="")
        pdf = SimpleNamespace(name="score.pdf", label="PDF", mime="application/pdf", data=None,
                              said=f"It was published in {EVIL}. This server does not read there.")  # fmt: skip
        return [page, pdf]

    def request(self, notebook):
        if not self.may:
            raise NotAllowed("The database refused that.")
        self.asked.append(notebook)
        return "r1"

    def get_request(self, request_id):
        assert request_id == "r1"
        status, said = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if status == "made":
            self.runs.append(run(99, self.asked[-1], hours_ago=0))
        return {"status": status, "said": said}

    def cancel(self, request_id):
        self.cancelled.append(request_id)


def world(desk, role="operator"):
    """The callables of `controls.reports_page`, around one desk."""

    def make(tenant, storm):
        if tenant not in set(memory.TENANTS["slug"]) | set(memory.TENANTS["tenant_id"]):
            raise UnknownTenant(f"There is no tenant '{tenant}' open to you.")
        if storm not in {"a1", "a2", "2021-04-28", "2020-04-28"}:
            raise UnknownStorm(f"This tenant has no storm '{storm}'.")
        return desk

    return {"desk": make, "tenants": lambda: memory.TENANTS.assign(role=role),
            "storms": lambda tenant: memory.STORMS[tenant]}  # fmt: skip

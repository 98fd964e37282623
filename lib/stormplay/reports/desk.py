"""A storm's reports as a page shows them: what was made, how fresh it is, its files, and a wish for one more.

All of it is asked with the login of whoever looks, through the database's row security. A page names runs by their
ids; where a file is and what it must be is read from the run, which only the runner writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pandas as pd

from stormplay import clock, exports, tenancy
from stormplay.errors import BadInput
from stormplay.ordering import Order, order_by
from stormplay.reports import contracts, shelf
from stormplay.reports.shelf import ReportFile
from stormplay.reports.workers import STOPPED

MOST_ROWS = 50_000  # of one CSV

# Runs of the storm. A report speaks of a moment and knows no run that ended later, so that made again it is the same.
_RUNS = """
  FROM report_runs
 WHERE tenant_id = :tenant_id AND storm_id = :storm
   AND (CAST(:until AS timestamptz) IS NULL OR ended_at <= CAST(:until AS timestamptz))
"""
_COLUMNS = """
SELECT run_id, notebook, status, started_at, ended_at, username, seconds, attempts, row_count, data_as_of, as_of,
       versions->>'stormplay' AS code_version, error, destination, parameters, versions, files
"""
_WANTED = """
   AND (:notebook = '' OR notebook = :notebook) AND (:status = '' OR status = :status)
"""
_KNOWN = {"report": "notebook", "started": "started_at", "status": "status", "by": "username", "took": "seconds",
          "rows": "row_count", "data": "data_as_of", "code": "versions->>'stormplay'"}  # fmt: skip
_STANDING = f"""
WITH runs AS ({_COLUMNS}, CASE WHEN status = 'fresh' THEN 'good' WHEN status = 'running' THEN 'running'
                                WHEN error LIKE :stopped THEN 'stopped' ELSE 'bad' END AS kind
              {_RUNS}),
     good AS (SELECT notebook, max(run_id::text) AS run_id FROM runs WHERE kind = 'good' GROUP BY notebook),
     failed AS (SELECT notebook, count(*) AS failed_since FROM runs LEFT JOIN good USING (notebook)
                 WHERE kind = 'bad' AND runs.run_id::text > coalesce(good.run_id, '') GROUP BY notebook)
SELECT DISTINCT ON (notebook, kind) runs.*, coalesce(failed_since, 0) AS failed_since
  FROM runs LEFT JOIN failed USING (notebook)
 ORDER BY notebook, kind, run_id DESC
"""  # noqa: S608 - words of this module


class ReportDesk:
    """The reports of one storm: history, freshness, files, and how to have one made again.

    Args:
        tenant: Slug or id of a company that is open to this person.
        storm: Slug or id of one of its storms.
        folder: Where the notebooks are; None: here, as in a notebook.

    Raises:
        UnknownTenant, UnknownStorm: There is none of that name.
    """

    def __init__(self, tenant: str | UUID, storm: str | UUID, folder: Path | None = None) -> None:
        self._tenant, self._folder = tenant, folder
        with tenancy.session(tenant) as connection:
            self._storm_id = tenancy.storm_id(connection, storm)

    def get_notebooks(self) -> list[str]:
        """The notebooks that are reports, by name."""
        return [path.stem for path in contracts.reports(self._folder or Path.cwd())]

    def get_standing(self) -> pd.DataFrame:
        """Of each notebook the newest run that was good, that was not, that somebody stopped, that is under way.

        Columns: those of `get_runs`, `kind` ('good', 'bad', 'stopped', 'running'), and `failed_since`: bad runs since
        the last good one.
        """
        return self._frame(_STANDING, stopped=f"{STOPPED}%")

    def get_runs(self, notebook: str = "", status: str = "", limit: int = 25, skip: int = 0,
                 order: Order = None) -> pd.DataFrame:  # fmt: skip
        """Runs, newest first unless ordered otherwise: run_id, notebook, status, started_at, ended_at, username,
        seconds, attempts, row_count, data_as_of, as_of, code_version, error, destination, parameters, versions, files.

        Args:
            notebook, status: Only these; '': all.
            limit, skip: Rows, and rows before them.
            order: By 'report', 'started', 'status', 'by', 'took', 'rows', 'data' or 'code', and whether that ascends.
        """
        by = order_by(order, _KNOWN, "run_id DESC", "run_id DESC")
        query = f"{_COLUMNS} {_RUNS} {_WANTED} ORDER BY {by} LIMIT :limit OFFSET :skip"
        return self._frame(query, notebook=notebook, status=status, limit=limit, skip=skip)

    def count_runs(self, notebook: str = "", status: str = "") -> int:
        """How many runs there are."""
        found = self._frame(f"SELECT count(*) AS n {_RUNS} {_WANTED}", notebook=notebook, status=status)
        return int(found["n"].iloc[0])

    def export_runs_csv(self, notebook: str = "", status: str = "") -> str:
        """Runs as CSV that is safe to open in a spreadsheet, at most the newest 50,000."""
        runs = self.get_runs(notebook, status, limit=MOST_ROWS)
        for name in ("started_at", "ended_at", "data_as_of", "as_of"):
            runs[name] = [None if pd.isna(moment) else pd.Timestamp(moment).isoformat() for moment in runs[name]]
        return exports.to_csv(runs.drop(columns=["parameters", "versions", "files"]))

    def get_files(self, run_id: str | UUID) -> list[ReportFile]:
        """The files of a run, each proved to be what was published, or with a sentence why it is not here.

        Raises:
            BadInput: This storm has no such run.
        """
        wanted = tenancy.as_uuid(run_id)
        found = self._frame(f"{_COLUMNS} {_RUNS} AND run_id = :run", run=wanted) if wanted else pd.DataFrame()
        if found.empty:
            raise BadInput(f"There is no run '{str(run_id)[:40]}' of this storm.", "Choose one of the reports above.")
        run = found.iloc[0]
        told: Mapping[str, Any] = run["files"] if isinstance(run["files"], dict) else {}
        return shelf.files(str(run["destination"]), told)

    # ---- one more

    def request(self, notebook: str) -> str:
        """Ask for a report to be made again, as it was made the last time. Returns the id of the request.

        Raises:
            NotAllowed: This person's role may not.
        """
        query = """INSERT INTO report_requests (tenant_id, storm_id, notebook)
                   VALUES (CAST(:tenant_id AS uuid), :storm, :notebook) RETURNING request_id"""
        return str(self._frame(query, notebook=notebook)["request_id"].iloc[0])

    def get_request(self, request_id: str) -> dict[str, Any]:
        """What has come of a request: `status` ('asked', 'taken', 'made', 'busy', 'failed', 'cancelled') and `said`.

        Raises:
            BadInput: This company has no such request.
        """
        query = "SELECT status, said FROM report_requests WHERE tenant_id = :tenant_id AND request_id = :request"
        found = self._frame(query, request=tenancy.as_uuid(request_id))
        if found.empty:
            raise BadInput("There is no such request.")
        return {str(name): value for name, value in found.iloc[0].items()}

    def cancel(self, request_id: str) -> None:
        """Ask that a request be given up."""
        query = """UPDATE report_requests SET is_cancelled = true
                    WHERE tenant_id = :tenant_id AND request_id = :request RETURNING request_id"""
        self._frame(query, request=tenancy.as_uuid(request_id))

    def _frame(self, query: str, **values: object) -> pd.DataFrame:
        known = {"storm": self._storm_id, "until": clock.frozen()} | values
        with tenancy.session(self._tenant) as connection:
            return tenancy.frame(connection, query, known)

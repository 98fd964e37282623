"""Reports on other machines: a Dask cluster makes their files, this process publishes them.

Dask's `distributed` is no dependency of ours: who has a cluster has it. Its workers need the same program, and reach
the same database.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from stormplay.errors import BadInput, ReportFailed, StormplayError
from stormplay.reports import pdf, workers
from stormplay.reports.workers import Identity

_CONNECT_S, _SPARE_S = 10, 60.0


class Dask:
    """Makes reports on a cluster.

    Args:
        address: Of its scheduler, such as tcp://10.0.0.1:8786.

    Raises:
        BadInput: Dask's distributed is not installed, or no scheduler answers.
    """

    def __init__(self, address: str) -> None:
        if find_spec("distributed") is None:
            raise BadInput(
                f"--dask {address} needs Dask's 'distributed', which is not installed here.",
                remedy="Install it (pip install distributed), or leave --dask out: --workers uses this machine.",
            )
        try:
            self._client = import_module("distributed").Client(address, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, ValueError, TimeoutError):
            raise BadInput(f"No Dask scheduler answers at {address}.", "Expected tcp://host:port.") from None

    def make(self, report: Mapping[str, Any], identity: Identity, timeout_s: float) -> dict[str, Any]:
        """Make a report; see `Workers.make`. It waits for its turn at the cluster, then has its time."""
        notebook = Path(str(report["notebook"])).read_bytes()
        future = self._client.submit(_remotely, dict(report), notebook, identity, timeout_s, pure=False, retries=0)
        try:
            answer, files = future.result()
        except StormplayError:
            raise
        except Exception as error:
            raise ReportFailed(f"The cluster lost the report ({type(error).__name__}).") from None
        for name, data in files.items():
            (Path(str(report["folder"])) / name).write_bytes(data)
        if isinstance(answer, StormplayError):
            raise answer
        made: dict[str, Any] = answer
        return made

    def close(self) -> None:
        """Leave the cluster."""
        self._client.close()


def _remotely(
    report: dict[str, Any], notebook: bytes, identity: Identity, timeout_s: float
) -> tuple[dict[str, Any] | StormplayError, dict[str, bytes]]:
    """On a machine of the cluster: the answer, or why there is none, and all files by name."""
    with tempfile.TemporaryDirectory(prefix="report-") as folder:
        path = Path(folder) / "source" / Path(report["notebook"]).name
        path.parent.mkdir()
        path.write_bytes(notebook)
        here = {"notebook": str(path), "folder": folder, "chromium": pdf.chromium() if report["chromium"] else None}
        answer: dict[str, Any] | StormplayError
        try:
            answer = workers.shared().make(report | here, identity, timeout_s)
        except StormplayError as error:
            answer = error
        return answer, {each.name: each.read_bytes() for each in Path(folder).iterdir() if each.is_file()}

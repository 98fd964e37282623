"""Copies of published reports in another place, named as fsspec does: a folder, `s3://bucket/reports`, `sftp://...`."""

from __future__ import annotations

from typing import Any

from stormplay import store
from stormplay.errors import HandOverFailed
from stormplay.reports import destinations
from stormplay.reports.publishing import Report


class Place:
    """A place for copies.

    Args:
        url: Its name. Who may write there is known to the library of its kind, from its own environment.

    Raises:
        BadInput: There is no such kind of place, what speaks to it is not installed, or its name holds a password.
    """

    def __init__(self, url: str) -> None:
        self._files, self._base = destinations.opened(url)

    def take(self, report: Report) -> None:
        """Copy a report's files, each whole, and last the result that vouches for the others.

        Raises:
            HandOverFailed: The place does not take them.
        """
        files: Any = self._files
        try:
            for path in (report.notebook, report.html, report.pdf, report.result):
                if path is not None:
                    store.write(files, f"{self._base}/{path.name}", path.read_bytes())
        except Exception as error:  # each kind of place has errors of its own
            said = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
            raise HandOverFailed(
                f"The report {report.html.name.removesuffix('.html')} is published, and was not copied: {said}."
            ) from None

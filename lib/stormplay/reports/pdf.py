"""A report on paper: its own HTML, printed by a Chromium that has no network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from stormplay.errors import BadInput, ReportFailed

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chromium-headless-shell")
_PAPER = "780,20000"  # pixels: as wide as the paper, and so high that every map and chart is in sight and is drawn
_DRAWING_MS = 10_000  # of the page's own time, which does not wait: maps and charts are drawn when it is over
_ARGUMENTS = (
    "--headless",
    "--disable-gpu",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-pdf-header-footer",
    f"--window-size={_PAPER}",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # no name leads anywhere
    "--proxy-server=127.0.0.1:9",  # and no address either
    f"--virtual-time-budget={_DRAWING_MS}",
)


def chromium() -> str:
    """The path of a Chromium: the one that `STORMPLAY_CHROMIUM` names, or the system's.

    Raises:
        BadInput: There is none, so no PDF can be made here.
    """
    named = os.environ.get("STORMPLAY_CHROMIUM")
    found = (shutil.which(name) for name in ([named] if named else _NAMES))
    if path := next(filter(None, found), None):
        return path
    raise BadInput(
        f"STORMPLAY_CHROMIUM names {named}, which cannot be run." if named else "There is no Chromium to print with.",
        f"Expected {', '.join(_NAMES[:3])} or the one that STORMPLAY_CHROMIUM names.",
        "Install one, or leave --pdf out: the HTML needs none.",
    )


def print_page(program: str, page: Path, target: Path, as_of: datetime) -> None:
    """Print a page; its date is that of the report, so that the same page is the same PDF.

    Raises:
        ReportFailed: Chromium said no, or printed nothing.
    """
    sandbox = () if os.geteuid() else ("--no-sandbox",)  # as root it has none
    with tempfile.TemporaryDirectory(prefix="print-", dir=page.parent, ignore_cleanup_errors=True) as profile:
        done = subprocess.run(
            [program, *_ARGUMENTS, *sandbox, f"--user-data-dir={profile}", f"--print-to-pdf={target}", page.as_uri()],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
    if done.returncode or not target.is_file() or not target.read_bytes().startswith(b"%PDF-"):
        said = [line for line in done.stderr.strip().splitlines() if line.strip()]
        raise ReportFailed(f"Chromium printed no PDF ({said[-1].strip() if said else done.returncode}).")
    target.write_bytes(_dated(target.read_bytes(), as_of))


def _dated(document: bytes, as_of: datetime) -> bytes:
    """The document with another date of the same length, so that nothing in it moves."""
    date = f"{as_of.astimezone(UTC):%Y%m%d%H%M%S}".encode()
    return re.sub(rb"(/(?:CreationDate|ModDate) \(D:)\d{14}", rb"\g<1>" + date, document)

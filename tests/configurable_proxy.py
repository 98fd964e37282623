"""JupyterHub's proxy for the tests: the one on the path, or one fetched by npm once; else a sentence."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import debian

NAME, VERSION = "configurable-http-proxy", "5.3.0"


class NoProxy(Exception):
    """No proxy was found and none could be installed."""


def find() -> Path:
    """The path of the proxy's program.

    Raises:
        NoProxy: There is none, and none can be had here.
        debian.NoProgram: Nor can npm.
    """
    if found := shutil.which(NAME):
        return Path(found)
    folder = Path(tempfile.gettempdir()) / f"stormplay-chp-{VERSION}-{os.geteuid()}"
    program = folder / "node_modules" / ".bin" / NAME
    with Path(f"{folder}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test workers ask at once
        _install(folder, program)
    if not program.exists():
        raise NoProxy(
            "The tests of JupyterHub need configurable-http-proxy: none was found, and none could be installed. "
            f"Install it (npm install -g {NAME}@{VERSION}), or put one on the path."
        )
    return program


def _install(folder: Path, program: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        raise NoProxy(f"The folder {folder} belongs to another account.")
    if program.exists():
        return
    quiet = ["--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(folder)]
    subprocess.run([debian.program("npm"), "install", *quiet, f"{NAME}@{VERSION}"], check=False)

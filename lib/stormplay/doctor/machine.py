"""The machine and what is installed on it."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from stormplay import database, embedded, store
from stormplay.doctor.finding import UNKNOWN, WARNING, WELL, WRONG, Finding, Situation, size
from stormplay.errors import BadInput
from stormplay.reports import pdf

OLDEST_PYTHON = (3, 11)
_PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^\s\\;]+)\s*(;?)", re.M)
_PATIENCE_S = 2.0


def python(_: Situation) -> Finding:
    """Which Python runs."""
    if sys.version_info < OLDEST_PYTHON:
        return Finding(WRONG, f"This is Python {platform.python_version()}.", "Install 3.11 or later, then 'make up'.")
    where = "in an environment of its own" if sys.prefix != sys.base_prefix else "the system's own"
    return Finding(WELL, f"Python {platform.python_version()}, {where}.")


def libraries(at: Situation) -> Finding:
    """Whether what is installed is what was tested."""
    if not at.lock.exists():
        return Finding(UNKNOWN, "There is no requirements.lock here, so versions are not compared.")
    pinned = _PINNED.findall(at.lock.read_text())
    tested: dict[str, set[str]] = {}
    for name, version, _ in pinned:  # one library may be locked in several versions, for several Pythons
        tested.setdefault(_plain(name), set()).add(version)
    have = {_plain(one.metadata["Name"]): one.version for one in importlib.metadata.distributions()}
    other = [f"{name} {have[name]} (tested: {', '.join(sorted(versions))})" for name, versions in tested.items()
             if name in have and have[name] not in versions]  # fmt: skip
    missing = [name for name, _, marker in pinned if not marker and _plain(name) not in have]
    if other:
        return Finding(WRONG, f"Not the versions that were tested: {_some(other)}.", "Run 'make .venv/.ready'.")
    if missing:
        return Finding(WARNING, f"Not installed: {_some(missing)}. What needs them says so when it is asked for.",
                       "Run 'make .venv/.ready', or leave them out on purpose.")  # fmt: skip
    return Finding(WELL, f"{len(tested)} libraries, in the versions that were tested.")


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def memory(at: Situation) -> Finding:
    """How much memory can be had now; a page takes about 100 MB, planning and matching more."""
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB", at.meminfo.read_text(), re.M)
    except OSError:
        found = None
    if not found:
        return Finding(UNKNOWN, "This system does not say how much memory is free.")
    free = int(found[1]) * 1024
    said = f"{size(free)} of memory can be had."
    if free < at.tight_memory:
        state = WRONG if free < at.least_memory else WARNING
        return Finding(state, said, "End what else runs here, add memory, or lower --most and --memory-mb of 'up'.")
    return Finding(WELL, said)


def disk(at: Situation) -> Iterator[Finding]:
    """How much room there is where things are kept."""
    places = {"the database and its files": embedded.home()} if database.is_embedded() else {}
    for what, variable, folder in (("pictures", "STORMPLAY_PICTURES", "pictures"), ("models", "STORMPLAY_MODELS",
                                                                                     "models")):  # fmt: skip
        if "://" not in (place := store.place(variable, folder)):
            places.setdefault(what, Path(place))
    seen: set[int] = set()
    for what, path in places.items():
        there = next(one for one in (path, *path.parents) if one.exists())
        if (device := there.stat().st_dev) in seen:
            continue
        seen.add(device)
        free = shutil.disk_usage(there).free
        said = f"{size(free)} are free for {what}."
        if free < at.tight_disk:
            state = WRONG if free < at.least_disk else WARNING
            yield Finding(state, said, "Make room, or look at what 'stormplay retire' would take away.")
        else:
            yield Finding(WELL, said)


def browser(_: Situation) -> Finding:
    """Whether a report can be printed."""
    try:
        found = pdf.chromium()
        told = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=20, check=False)
    except BadInput as error:
        return Finding(WARNING, error.what, "Install chromium for 'report --pdf'; all else needs none.")
    except (OSError, subprocess.TimeoutExpired):
        return Finding(WRONG, "The Chromium here does not start.", "Install it anew, or name one: STORMPLAY_CHROMIUM.")
    if told.returncode:
        return Finding(WRONG, "The Chromium here does not start.", "Install it anew, or name one: STORMPLAY_CHROMIUM.")
    return Finding(WELL, f"{told.stdout.strip().splitlines()[0]} prints reports.")


def port(at: Situation) -> Finding:
    """Whether the server's port is free, or the server's own."""
    try:
        with socket.create_connection((at.ip, at.port), _PATIENCE_S):
            pass
    except OSError:
        return Finding(WELL, f"Port {at.port} is free; no server runs there.")
    link = HTTPConnection(at.ip, at.port, timeout=_PATIENCE_S)
    try:
        link.request("GET", "/health/ready")
        answer = link.getresponse()
        is_ours = answer.headers.get("Server") == "Stormplay"
    except (OSError, HTTPException):
        is_ours = False
    finally:
        link.close()
    if not is_ours:
        return Finding(WRONG, f"Somebody else listens on port {at.port}.",
                       f"Stop it, or serve elsewhere: --port {at.port + 1}.")  # fmt: skip
    if answer.status != 200:
        return Finding(WRONG, f"The server on port {at.port} says that it is not ready.",
                       "Look at its log; it is being stopped, or its database does not answer.")  # fmt: skip
    return Finding(WELL, f"Stormplay answers on port {at.port}, and is ready.")

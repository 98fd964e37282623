"""The processes of a test server, wherever they hang: by the folder for temporary files that only they were given."""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil
from visitor import Site, eventually

KERNEL, NURSERY = "sp-kernel", "sp-nursery"


def of(site: Site, *names: str) -> list[psutil.Process]:
    """All processes that were started with the server's own folder for temporary files; of these names, if given."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            ours = process.environ().get("TMPDIR") == str(site.tmp) and process.status() != psutil.STATUS_ZOMBIE
            if ours and (not names or process.name() in names):
                found.append(process)
    return found


def nursery(site: Site) -> psutil.Process:
    """The one nursery, once it is there and has imported what it will."""
    eventually(lambda: len(of(site, NURSERY)) == 1, seconds=60)
    return of(site, NURSERY)[0]


def files(process: psutil.Process) -> dict[int, str]:
    """What a process has open: number -> name of a file, or kind and number of a pipe or socket."""
    found = {}
    for each in Path(f"/proc/{process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found[int(each.name)] = str(each.readlink())
    return found

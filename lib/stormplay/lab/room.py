"""What a process can see of the machine, and as whom it runs. The standard library only, and Linux only but for one.

A room is a mount and a process namespace of its own. Other processes are not there; /tmp, /var/tmp and /dev/shm are
new; a folder that the account may not walk through is replaced by an empty one that holds what is needed and nothing
else, read-only. So no permission of a folder that we did not make is ever changed.
"""

from __future__ import annotations

import ctypes
import json
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

_SHARED = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - to be replaced, not used
_NEW_MOUNTS, _NEW_IPC, _NEW_PROCESSES = 0x0002_0000, 0x0800_0000, 0x2000_0000
_READ_ONLY, _NO_SUID, _NO_DEVICES, _NO_EXEC, _REMOUNT, _BIND, _DEEP, _PRIVATE = (
    1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 5, 1 << 12, 1 << 14, 1 << 18)  # fmt: skip
_SIGNAL_OF_PARENTS_END, _ADOPT_ORPHANS, _NO_NEW_RIGHTS = 1, 36, 38
_TREE = os.O_PATH if hasattr(os, "O_PATH") else 0

_libc = ctypes.CDLL(None, use_errno=True)


def leave_the_others() -> None:
    """Take namespaces of our own; processes started from now on are in the new one.

    Raises:
        OSError: This process may not (a container without the right to).
    """
    _call("unshare", _NEW_MOUNTS | _NEW_IPC | _NEW_PROCESSES)


def furnish(account: int, needed: Sequence[str], own: str, hidden: Iterable[str]) -> None:
    """Make the room's view. To be called in the first process of the new namespaces, as root.

    Args:
        account: The number of the account that will live here.
        needed: Absolute paths that it must be able to read.
        own: Its folder, which it may write.
        hidden: Folders to empty in any case.

    Raises:
        OSError: A mount was refused.
    """
    _mount("none", "/", "", _DEEP | _PRIVATE)
    shared = [os.path.realpath(folder) for folder in _SHARED if Path(folder).is_dir()]
    closed = _closed_to(account, [*needed, own])
    tops = list(_outermost([*shared, *filter(os.path.isdir, map(os.path.realpath, hidden)), *closed]))
    kept = {path: os.open(path, _TREE) for path in sorted({*needed, own}, key=len) if _is_below(path, tops)}
    for top in tops:
        _mount("tmpfs", top, "tmpfs", _NO_SUID | _NO_DEVICES, "mode=1777,size=25%" if top in shared else "mode=755")
    before = os.umask(0o022)  # folders on the way are made anew, for the account to walk through
    for path, tree in kept.items():
        _put_back(path, tree, writable=path == own)
        os.close(tree)
    os.umask(before)
    _mount("proc", "/proc", "proc", _NO_SUID | _NO_DEVICES | _NO_EXEC)


def _put_back(path: str, tree: int, *, writable: bool) -> None:
    place = Path(path)
    if not os.path.lexists(path):
        if stat.S_ISDIR(os.fstat(tree).st_mode):
            place.mkdir(parents=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
    _mount(f"/proc/self/fd/{tree}", path, "", _BIND | _DEEP)
    if not writable:
        _mount("none", path, "", _REMOUNT | _BIND | _READ_ONLY | _NO_SUID | _NO_DEVICES)


def _outermost(folders: Iterable[str]) -> Iterator[str]:
    last = ""
    for folder in sorted(set(folders), key=lambda path: path + "/"):
        if not last or not _is_below(folder, [last]):
            last = folder
            yield folder


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(path.startswith(folder + "/") for folder in folders)


# ---- whose account


def step_down(account: int) -> None:
    """Be the account for good: its number, its group, no other group, and no way to more rights."""
    os.setgroups([])
    os.setresgid(account, account, account)
    os.setresuid(account, account, account)
    _call("prctl", _NO_NEW_RIGHTS, 1, 0, 0, 0)


def end_with_parent(signal_number: int) -> None:
    """Get a signal when the parent ends; after `step_down`, which would undo it."""
    _call("prctl", _SIGNAL_OF_PARENTS_END, signal_number, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of descendants that lose theirs, so that all of them can be found and ended."""
    _call("prctl", _ADOPT_ORPHANS, 1, 0, 0, 0)


def closed_at(path: str) -> str | None:
    """The first folder on the way to a path that this account may not walk through, the path itself, or None."""
    for folder in reversed(Path(path).parents):
        if not os.access(folder, os.X_OK):
            return str(folder)
    wanted = os.R_OK | (os.X_OK if Path(path).is_dir() else 0)
    return None if os.access(path, wanted) else path


def _closed_to(account: int, paths: Sequence[str]) -> set[str]:
    """The folders on the way to paths that an account may not walk through: tried, not computed, as that account."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            step_down(account)
            found = {path: closed_at(path) for path in paths}
            os.write(
                write, json.dumps([closed for path, closed in found.items() if closed not in (None, path)]).encode()
            )
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return set(json.loads(said or "[]"))


# ---- the system's calls


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    _call(
        "mount", source.encode(), target.encode(), kind.encode() or None, ctypes.c_ulong(flags), data.encode() or None
    )


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments):
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")

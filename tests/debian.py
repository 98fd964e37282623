"""Programs of Debian that a test needs: the one that is there, or one installed now; else a sentence."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

_PATH = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
_POLICY = Path("/usr/sbin/policy-rc.d")


class NoProgram(Exception):
    """A program was not found and could not be installed."""


def program(name: str, package: str | None = None) -> str:
    """The path of a program.

    Raises:
        NoProgram: It is not there, and cannot be had here.
    """
    wanted = package or name
    return shutil.which(name, path=_PATH) or _installed(name, wanted) or _refuse(name, wanted)


def _installed(name: str, package: str) -> str | None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    with (Path(tempfile.gettempdir()) / "stormplay-apt.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test workers ask at once, and apt serves one
        if not shutil.which(name, path=_PATH):
            with _no_services():
                for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", package]):
                    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
                    subprocess.run(
                        ["apt-get", "-o", "DPkg::Lock::Timeout=120", *command],
                        env=environment,
                        stdout=subprocess.DEVNULL,
                        check=False,
                    )
    return shutil.which(name, path=_PATH)


@contextmanager
def _no_services():
    """Debian starts what it installs, on the standard ports; a test wants the program alone."""
    if _POLICY.exists():
        yield
        return
    _POLICY.write_text("#!/bin/sh\nexit 101\n")
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink()


def _refuse(name: str, package: str) -> str:
    raise NoProgram(
        f"This test needs {name}: it was not found, and could not be installed. "
        f"Install it (Debian: apt-get install {package}), and put it on the PATH."
    )

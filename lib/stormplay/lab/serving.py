"""A lab from its login to its end: mint, start, renew, stop."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy.exc import OperationalError

from stormplay import broker, database
from stormplay.errors import BadInput, DatabaseUnavailable, NotAllowed, StormplayError
from stormplay.lab.lodging import Lodging, lodge
from stormplay.lab.order import Order, order_for
from stormplay.server.listening import check_port

_END_S = 20.0
_GONE = (DatabaseUnavailable, OperationalError)  # no answer at all, or no answer to the end


class LabEnded(StormplayError):
    """JupyterLab did not start, or ended by itself."""


def serve(
    person: str,
    notebooks: Path,
    port: int,
    ip: str,
    folder: Path | None,
    ready: Callable[[str], None],
    tell: Callable[[str], None],
    ttl_s: int,
    renew_every_s: float,
) -> None:
    """See `stormplay.lab.serve`."""
    check_port(ip, port)
    if not notebooks.is_dir():
        raise BadInput(f"There is no folder of notebooks at {notebooks}.")
    with contextlib.suppress(KeyboardInterrupt), _interrupts(), _login(person, ttl_s) as login:
        found = broker.find_person(person)
        if found is None:
            raise _why_ended(person)
        lodging = lodge(found, folder)
        if lodging.account is None:
            tell(_honest())
        token = secrets.token_urlsafe(32)
        with keeper_of(order_for(person, lodging, login, notebooks, ip, port, token)) as (keeper, notes):
            for note in notes:
                tell(note)
            ready(_url(ip, port, token))
            _watch(keeper, login, person, ttl_s, renew_every_s, lodging)


def _watch(
    keeper: subprocess.Popen[bytes],
    login: broker.KernelLogin,
    person: str,
    ttl_s: int,
    renew_every_s: float,
    lodging: Lodging,
) -> None:
    """Renew the login until JupyterLab ends, or the login does."""
    while True:
        try:
            code = keeper.wait(renew_every_s)
        except subprocess.TimeoutExpired:
            if _is_open(login, ttl_s):
                continue
            raise _why_ended(person) from None
        if code:
            raise _ended("JupyterLab ended by itself.", lodging)
        return


def _is_open(login: broker.KernelLogin, ttl_s: int) -> bool:
    try:
        return login.login in broker.renew([login.login], ttl_s)
    except _GONE:
        return True  # it may come back; a login that ended meanwhile is found then


def _why_ended(person: str) -> NotAllowed:
    with contextlib.suppress(*_GONE):
        if broker.find_person(person) is None:
            return NotAllowed(f"The account '{person}' has been disabled, so JupyterLab was stopped.")
    return NotAllowed(
        "The lab's database login has ended, so JupyterLab was stopped.",
        "A login lives for a day at most.",
        "Start the lab again; the notebooks are as they were saved.",
    )


# ---- JupyterLab's keeper


@contextmanager
def keeper_of(order: Order) -> Iterator[tuple[subprocess.Popen[bytes], list[str]]]:
    """A running JupyterLab: its keeper's process, and what its person should read. Ended with the block."""
    tries = (True, False) if order["account"] is not None else (False,)
    for namespaces in tries:
        keeper = _started({**order, "namespaces": namespaces})
        try:
            answer = _answer(keeper)
            if namespaces and answer.get("namespaces") is False:
                continue  # not allowed here: an account of its own must do
            _refuse(answer, order)
            yield keeper, answer["notes"]
            return
        finally:
            _end(keeper)


def _started(order: Order) -> subprocess.Popen[bytes]:
    # Neither the folder nor the packages of the person may have a say here: this may be root.
    kept = {name: value for name, value in order["environment"].items() if name in ("PYTHONPATH", "LD_LIBRARY_PATH")}
    keeper = subprocess.Popen(
        [sys.executable, "-P", "-s", "-m", "stormplay.lab.keeper"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd="/",
        env={"PATH": os.defpath, **kept},
        start_new_session=True,  # Ctrl-C is for us alone
    )
    if keeper.stdin:
        keeper.stdin.write(json.dumps(order).encode() + b"\n")
        keeper.stdin.flush()
    return keeper


def _answer(keeper: subprocess.Popen[bytes]) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((keeper.stdout.readline() if keeper.stdout else b"") or b"{}")
    return said


def _refuse(answer: dict[str, Any], order: Order) -> None:
    if closed := answer.get("closed"):
        raise BadInput(
            f"The lab runs on an account of its own, which may not walk through {closed} to {answer['path']}.",
            remedy=_mend(answer["path"], order),
        )
    if not answer.get("ready"):
        why = f" ({answer['failed']})" if "failed" in answer else ""
        raise _ended(f"JupyterLab did not start{why}.", Lodging(Path(order["folder"]), None))


def _mend(path: str, order: Order) -> str:
    if path == order["folder"]:
        return "Choose another one with --folder."
    if path == order["socket"]:
        return "Let every account reach the database's socket, or give its address as host and port."
    return "Install Stormplay and its Python where every account may read them, such as /opt."


def _ended(what: str, lodging: Lodging) -> LabEnded:
    return LabEnded(what, remedy=f"Its log is {lodging.folder / '.jupyter' / 'lab.log'}.")


def _end(keeper: subprocess.Popen[bytes]) -> None:
    """End JupyterLab and all that it started."""
    for end in (keeper.stdin, keeper.stdout):
        if end:
            with contextlib.suppress(BrokenPipeError):
                end.close()
    try:
        keeper.wait(_END_S)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()


# ---- what is said


def _honest() -> str:
    holds = "owns the embedded database" if database.is_embedded() else "holds the server's database login"
    return (
        f"This account {holds}, so whoever uses this lab could read its passwords; "
        "run it as root or on another account for a colleague."
    )


def _url(ip: str, port: int, token: str) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(ip, f"[{ip}]" if ":" in ip else ip)  # noqa: S104
    return f"http://{host}:{port}/lab?token={token}"


# ---- the login, and the end


@contextmanager
def _login(person: str, ttl_s: int) -> Iterator[broker.KernelLogin]:
    login = broker.open_kernel(person, ttl_s=ttl_s, purpose="lab")
    try:
        yield login
    finally:
        with contextlib.suppress(*_GONE):  # then it ends by itself
            broker.close_kernel(login.login)


@contextmanager
def _interrupts() -> Iterator[None]:
    """Take SIGTERM and SIGHUP for Ctrl-C; while the block ends, none of them interrupts."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def once(number: int, frame: Any) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        signal.default_int_handler(number, frame)

    before = {number: signal.signal(number, once) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

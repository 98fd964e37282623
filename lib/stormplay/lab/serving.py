"""A lab from its login to its end: mint, start, renew, stop."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import site
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from stormplay import broker, database, embedded
from stormplay.errors import BadInput, DatabaseUnavailable, NotAllowed, StormplayError
from stormplay.lab.lodging import Lodging, lodge
from stormplay.server.environment import kernel_environment
from stormplay.server.listening import check_port

_END_S = 20.0
_SHIFTED = {"TMPDIR", "TEMP", "TMP", "NUMBA_CACHE_DIR", "MPLCONFIGDIR", "PYTHONPATH"}  # places of whoever started us
_Answer = dict[str, Any]


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
    except DatabaseUnavailable:
        return True  # it may come back; a login that ended meanwhile is found then


def _why_ended(person: str) -> NotAllowed:
    with contextlib.suppress(DatabaseUnavailable):
        if broker.find_person(person) is None:
            return NotAllowed(f"The account '{person}' has been disabled, so JupyterLab was stopped.")
    return NotAllowed(
        "The lab's database login has ended, so JupyterLab was stopped.",
        "A login lives for a day at most.",
        "Start the lab again; the notebooks are as they were saved.",
    )


# ---- JupyterLab's keeper


@contextmanager
def keeper_of(order: _Answer) -> Iterator[tuple[subprocess.Popen[bytes], list[str]]]:
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


def _started(order: _Answer) -> subprocess.Popen[bytes]:
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


def _answer(keeper: subprocess.Popen[bytes]) -> _Answer:
    said: _Answer = json.loads((keeper.stdout.readline() if keeper.stdout else b"") or b"{}")
    return said


def _refuse(answer: _Answer, order: _Answer) -> None:
    if closed := answer.get("closed"):
        mend = (
            "Choose another one with --folder."
            if answer["path"] == order["folder"]
            else "Install Stormplay and its Python where every account may read them, such as /opt."
        )
        raise BadInput(
            f"The lab runs on an account of its own, which may not walk through {closed} to {answer['path']}.",
            remedy=mend,
        )
    if not answer.get("ready"):
        why = f" ({answer['failed']})" if "failed" in answer else ""
        raise _ended(f"JupyterLab did not start{why}.", Lodging(Path(order["folder"]), None))


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


# ---- what JupyterLab is told


def order_for(
    person: str, lodging: Lodging, login: broker.KernelLogin, notebooks: Path, ip: str, port: int, token: str
) -> _Answer:
    """What the keeper is ordered: as whom, where, with which environment and settings."""
    return {
        "account": lodging.account,
        "command": [sys.executable, "-P", "-m", "stormplay.lab.inside"],
        "environment": _environment(person, lodging, login.url),
        "folder": str(lodging.folder),
        "hidden": [str(embedded.home())],
        "needed": list(_needed(notebooks, login.url)),
        "settings": {
            "ip": ip,
            "notebooks": str(notebooks.resolve()),
            "port": port,
            "terminals": lodging.account is not None,
            "token": token,
        },
    }


def _environment(person: str, lodging: Lodging, url: str) -> dict[str, str]:
    """The environment of JupyterLab and its kernels: what a kernel of the server may know, and the person's places."""
    allowed = kernel_environment(os.environ, {}, database_url=url, username=person)
    home = str(lodging.folder)
    places = {
        "HOME": home,
        "IPYTHONDIR": f"{home}/.ipython",
        "JUPYTER_CONFIG_DIR": f"{home}/.jupyter",
        "JUPYTER_DATA_DIR": f"{home}/.local/share/jupyter",
        "JUPYTER_NO_CONFIG": "1",  # nobody's settings but those below the folder
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), allowed.get("PATH", os.defpath)]),
    }
    if found := _python_path():
        places["PYTHONPATH"] = os.pathsep.join(found)
    if lodging.account is not None:
        places |= {"USER": person, "LOGNAME": person, "SHELL": "/bin/sh"}
    return {name: value for name, value in allowed.items() if name not in _SHIFTED} | places


def _python_path() -> list[str]:
    named = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return [str(Path(path).absolute()) for path in named if path and Path(path).exists()]


def _needed(notebooks: Path, url: str) -> Iterator[str]:
    """What the lab's account must be able to read: Python, its packages, Stormplay, the notebooks, the socket."""
    code = Path(__file__).resolve().parents[2]
    found = {sys.prefix, sys.base_prefix, *site.getsitepackages(), *_python_path(), str(code), str(notebooks.resolve())}
    found |= {os.path.realpath(path) for path in found} | {os.path.realpath(sys.executable)}
    folders = sorted((path for path in found if Path(path).exists()), key=len)
    for path in folders:
        if not any(path.startswith(outer + "/") for outer in folders):
            yield path
    address = make_url(url)
    host = str(address.query.get("host") or "")
    if host.startswith("/"):
        yield f"{host}/.s.PGSQL.{address.port or 5432}"


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
        with contextlib.suppress(DatabaseUnavailable):  # then it ends by itself
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

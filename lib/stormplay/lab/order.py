"""What the keeper of a lab is ordered: as whom, where, with which environment and settings."""

from __future__ import annotations

import os
import site
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from stormplay import embedded
from stormplay.broker import KernelLogin
from stormplay.forking.environment import kernel_environment
from stormplay.lab.lodging import Lodging

_SHIFTED = {"TMPDIR", "TEMP", "TMP", "NUMBA_CACHE_DIR", "MPLCONFIGDIR", "PYTHONPATH"}  # places of whoever started us
Order = dict[str, Any]


def order_for(
    person: str, lodging: Lodging, login: KernelLogin, notebooks: Path, ip: str, port: int, token: str
) -> Order:
    """What the keeper is ordered, as JSON.

    Args:
        person: User name.
        lodging: The person's folder, and whose account the lab runs on.
        login: The person's own short-lived login.
        notebooks: The folder of the notebooks as they come.
        ip: Address to listen on.
        port: Port to listen on.
        token: What opens the lab.
    """
    socket = _socket(login.url)
    return {
        "account": lodging.account,
        "command": [sys.executable, "-P", "-m", "stormplay.lab.inside"],
        "environment": _environment(person, lodging, login.url),
        "folder": str(lodging.folder),
        "hidden": [str(embedded.home())],
        "needed": [*_needed(notebooks), *([socket] if socket else [])],
        "settings": {
            "ip": ip,
            "notebooks": str(notebooks.resolve()),
            "port": port,
            "terminals": lodging.account is not None,
            "token": token,
        },
        "socket": socket,
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
        "JUPYTER_NO_CONFIG": "1",  # no file of settings, wherever it lies; `inside` says them all
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


def _needed(notebooks: Path) -> Iterator[str]:
    """What the lab's account must be able to read: Python, its packages, Stormplay, the notebooks."""
    code = Path(__file__).resolve().parents[2]
    found = {sys.prefix, sys.base_prefix, *site.getsitepackages(), *_python_path(), str(code), str(notebooks.resolve())}
    found |= {os.path.realpath(path) for path in found} | {os.path.realpath(sys.executable)}
    folders = sorted((path for path in found if Path(path).exists()), key=len)
    for path in folders:
        if not any(path.startswith(outer + "/") for outer in folders):
            yield path


def _socket(url: str) -> str:
    """The path of the database's Unix socket, or '' where it is reached by host and port."""
    address = make_url(url)
    host = str(address.query.get("host") or "")
    return f"{host}/.s.PGSQL.{address.port or 5432}" if host.startswith("/") else ""

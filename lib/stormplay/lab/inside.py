"""JupyterLab itself, with settings that no file that lies about can change, and no word to any other machine.

Run as `python -m stormplay.lab.inside` by the keeper, as the person's account, in the person's folder. Settings come
as a line of JSON on standard input: no argument, no environment variable and no file holds the token before
JupyterLab, whose kernels are the person's own, writes its own files.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from traitlets.config import Config

from stormplay import lazy
from stormplay.lab import workspace
from stormplay.lab.keeper import say

LOG = Path(".jupyter/lab.log")

lazy.leave_out_address_grammar()

# The browser is told to load from, and to send to, this server alone, whatever a notebook shows.
POLICY = "; ".join([
    "default-src 'self'",
    "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "connect-src 'self' data: blob:",
    "frame-src 'self' data: blob:",
    "worker-src 'self' data: blob:",
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'self'",
    "frame-ancestors 'self'",
])  # fmt: skip

_DISABLED = (
    "@jupyterlab/apputils-extension:announcements",
    "@jupyterlab/extensionmanager-extension",
    "@voila-dashboards/jupyterlab-preview",  # it asks for pages that are not served here
)
_OVERRIDES = {"@jupyterlab/apputils-extension:notification": {"checkForUpdates": False, "fetchNews": "false"}}


def main() -> None:
    """Serve until SIGTERM, or until it is shut down in the browser."""
    given = json.loads(sys.stdin.readline())
    notes = workspace.refresh(Path(given["notebooks"]), Path.cwd())
    quiet()
    runtime = tempfile.mkdtemp(prefix="stormplay-lab-")  # short: the path of a kernel's socket ends at 107 bytes
    try:
        os.environ["JUPYTER_RUNTIME_DIR"] = tempfile.tempdir = runtime
        from jupyterlab.labapp import LabApp  # noqa: PLC0415 - makes a folder for temporary files already

        app = LabApp.initialize_server(argv=[], config=Config(settings(given, Path(runtime))))
        app.no_browser_open_file = True  # it would hold the token
        app.io_loop.add_callback(listens, notes)  # after the callback that takes the port
        app.start()
    finally:
        shutil.rmtree(runtime, ignore_errors=True)


def settings(given: dict[str, Any], runtime: Path) -> dict[str, Any]:
    """JupyterLab's settings.

    Args:
        given: `ip`, `port`, `token`, and `terminals`: whether there are any.
        runtime: A folder for files that end with the lab.
    """
    from jupyterlab.labapp import LabApp  # noqa: PLC0415 - see `main`

    page = runtime / "settings"
    page.mkdir()
    (page / "page_config.json").write_text(json.dumps({"disabledExtensions": _DISABLED}))
    (page / "overrides.json").write_text(json.dumps(_OVERRIDES))
    LabApp.serverapp_config["jpserver_extensions"] = {"jupyter_server_terminals": given["terminals"]}
    return {
        "IdentityProvider": {"token": given["token"]},
        "KernelManager": {"transport": "ipc"},  # no port of a kernel is open to anybody on this machine
        "LabApp": {
            "app_settings_dir": str(page),
            "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
            "extension_manager": "readonly",
            "news_url": None,
            "user_settings_dir": str(Path.cwd() / ".jupyter/lab/user-settings"),
            "workspaces_dir": str(Path.cwd() / ".jupyter/lab/workspaces"),
        },
        "ServerApp": {
            "allow_unauthenticated_access": False,
            "ip": given["ip"],
            "log_level": logging.WARNING,
            "open_browser": False,
            "port": given["port"],
            "port_retries": 0,
            "root_dir": str(Path.cwd()),
            "terminals_enabled": given["terminals"],
            "tornado_settings": {
                "headers": {"Content-Security-Policy": POLICY, "Referrer-Policy": "same-origin"},
                "page_config_data": {"buildAvailable": False, "buildCheck": False},
            },
        },
    }


def listens(notes: list[str]) -> None:
    """Tell the server that JupyterLab answers; whatever else is printed goes to the log."""
    say(ready=True, notes=notes)
    os.dup2(2, 1)


def quiet() -> None:
    """Standard input is empty and standard error is a file of the person's: nothing is printed over the server."""
    LOG.parent.mkdir(exist_ok=True)
    with Path(os.devnull).open() as nothing, LOG.open("w") as log:
        os.dup2(nothing.fileno(), 0)
        os.dup2(log.fileno(), 2)


if __name__ == "__main__":
    main()

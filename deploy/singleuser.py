"""One person's JupyterLab under JupyterHub, with the same settings as that of `stormplay lab`.

Started by the hub's spawner through the lab's keeper, as the person's account, in the person's folder.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from jupyterhub.singleuser.extension import JupyterHubSingleUser
from traitlets.config import Config

from stormplay.lab import inside, workspace

KERNEL_IDLE_S = 4 * 3600
UNUSED_S = 3600


def main() -> None:
    """Serve until the hub ends it, or until nobody has used it for a while."""
    given = json.loads(sys.stdin.readline())
    notes = workspace.refresh(Path(given["notebooks"]), Path.cwd())
    inside.quiet()
    runtime = tempfile.mkdtemp(prefix="stormplay-lab-")  # short: the path of a kernel's socket ends at 107 bytes
    try:
        os.environ["JUPYTER_RUNTIME_DIR"] = runtime
        app = JupyterHubSingleUser.initialize_server(argv=[], config=Config(settings(given, Path(runtime))))
        _forget_the_token(app)
        app.no_browser_open_file = True
        app.io_loop.add_callback(inside.listens, notes)  # after the callback that takes the port
        app.start()
    finally:
        shutil.rmtree(runtime, ignore_errors=True)


def settings(given: dict[str, Any], runtime: Path) -> dict[str, Any]:
    """The lab's settings, with the hub's way to sign in instead of a token, and an end for what nobody uses."""
    found = inside.settings(given, runtime)
    del found["IdentityProvider"]
    extensions = {"jupyterlab": True, "jupyter_server_terminals": given["terminals"]}
    JupyterHubSingleUser.serverapp_config["jpserver_extensions"] = extensions
    found["MappingKernelManager"] = {"cull_idle_timeout": KERNEL_IDLE_S}
    found["ServerApp"]["allow_root"] = True  # whose account it is was the hub's decision
    found["ServerApp"]["shutdown_no_activity_timeout"] = UNUSED_S
    return found


def _forget_the_token(app: Any) -> None:
    """Kernels and terminals get a copy of this environment; the server's own token has no place in a notebook."""
    extension = app.extension_manager.extension_points["jupyterhub-singleuser"].app
    for holder in (app.identity_provider, extension):
        _ = holder.hub_auth.api_token  # read from the environment now, at the latest
    for name in ("JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN"):
        os.environ.pop(name, None)


if __name__ == "__main__":
    main()

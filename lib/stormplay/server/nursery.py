"""The process that forks warm kernels: it holds imports and nothing else. See `stormplay.forking.children`."""

from __future__ import annotations

import importlib
import sys
from importlib.util import find_spec
from typing import NoReturn

from stormplay import lazy
from stormplay.forking.children import become, born
from stormplay.forking.imports import PAGES

WARM = (
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "ipykernel.debugger",
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.logger",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "sqlite3",
    "tornado.platform.asyncio",
    "stormplay.server.told",
    *PAGES,
)
_LAUNCHER = "ipykernel_launcher"


def main() -> NoReturn:
    """Import, fork until the server is gone, and in each child be a kernel."""
    lazy.leave_out_debugger()
    launcher = find_spec(_LAUNCHER)
    line = born(int(sys.argv[1]), WARM, nursery="sp-nursery", child="sp-kernel", rehearse=_rehearse)
    become(line, str(launcher.origin if launcher else _LAUNCHER))
    from ipykernel.kernelapp import IPKernelApp  # noqa: PLC0415 - imported long ago, and for kernels alone

    IPKernelApp.launch_instance(parent_handle=1)  # 1: no poller, `become` sees to it
    sys.exit()


def _rehearse() -> None:
    """The hail of public reports is the same for everybody who opens its storm, and so is how a map is made."""
    importlib.import_module("stormplay.storms.swath").rehearse()
    maps = importlib.import_module("stormplay.maps")
    maps.map_document(maps.route_map(None, None))


if __name__ == "__main__":
    main()

"""Where a visit's kernel comes from: forked from the nursery, or started cold; with so much memory and no more."""
# mypy: disallow-subclassing-any=False

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

from jupyter_client.provisioning import LocalProvisioner
from traitlets import Instance, Integer

from stormplay.server.forks import Forks
from stormplay.server.told import EXTENSION

_LAUNCH = ["-m", "ipykernel_launcher"]
# Not by orjson, which Jupyter takes where it is installed: it ends the process where it finds no memory, and so a page
# that wants too much would never be told so.
_PLAIN_JSON = ["--Session.packer=json", "--Session.unpacker=json"]
_MB = 1024 * 1024


class Provisioner(LocalProvisioner):
    """Launches one kernel.

    Attributes:
        forks: Where warm kernels come from; None where all start cold.
        memory_mb: Most memory of the kernel's own; 0 for as much as there is.
    """

    forks = Instance(Forks, allow_none=True)
    memory_mb = Integer(0)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Launch it, warm where that can be had."""
        cmd = [*cmd[:-2], *_PLAIN_JSON, f"--ext={EXTENSION}", *cmd[-2:]]  # the file of its connection stays last
        if self.forks is not None and cmd[1:3] == _LAUNCH and await self._forked(self.forks, cmd, kwargs):
            return self.connection_info
        told = await super().launch_kernel(cmd, **kwargs)
        if self.memory_mb and hasattr(resource, "prlimit"):
            most = self.memory_mb * _MB
            resource.prlimit(self.process.pid, resource.RLIMIT_DATA, (most, most))
        return told

    async def _forked(self, forks: Forks, cmd: list[str], kwargs: dict[str, Any]) -> bool:
        self.cwd = kwargs.get("cwd") or Path.cwd()
        forked = await forks.fork({
            "arguments": cmd[3:],
            "environment": kwargs["env"],
            "folder": str(self.cwd),
            "memory_bytes": self.memory_mb * _MB,
        })  # fmt: skip
        if forked is not None:
            self.process, self.pid = forked, forked.pid
        return forked is not None

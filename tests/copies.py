"""Copies of a server that has stopped: sooner made than its migrations and rows."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager

import pytest

from stormplay import embedded
from stormplay.embedded.place import place_of


def copy_server(stopped, home):
    """Make a hidden folder whose server has what a stopped one had."""
    home.mkdir(mode=0o711)
    shutil.copy2(stopped / "secrets.json", home)
    there, here = place_of(stopped).data, place_of(home).data
    here.parent.mkdir(mode=0o755, exist_ok=True)
    subprocess.run(["cp", "-a", there, here], check=True)  # as root Postgres has an account of its own, which is kept


@contextmanager
def own_copy(stopped, home):
    """A copy of a stopped server's data as this process's own server, until the end."""
    copy_server(stopped, home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORMPLAY_HOME", str(home))
        patch.delenv("STORMPLAY_DATABASE_URL", raising=False)
        yield home
        patch.delenv("STORMPLAY_DATABASE_URL", raising=False)
        embedded.stop()

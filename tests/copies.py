"""Copies of a server that has stopped: sooner made than its migrations and rows."""

from __future__ import annotations

import shutil
import subprocess

from stormplay.embedded.place import place_of


def copy_server(stopped, home):
    """Make a hidden folder whose server has what a stopped one had."""
    home.mkdir(mode=0o711)
    shutil.copy2(stopped / "secrets.json", home)
    there, here = place_of(stopped).data, place_of(home).data
    here.parent.mkdir(mode=0o755, exist_ok=True)
    subprocess.run(["cp", "-a", there, here], check=True)  # as root Postgres has an account of its own, which is kept

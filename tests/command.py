"""The command line, run in this process: half of a command's time is Python's imports."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys

import pytest

from stormplay import cli


def in_process(*arguments, home, typed="", **environment):
    """A command from its arguments to its exit code, as `subprocess.run` would tell of it."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(sys, "argv", ["stormplay", *map(str, arguments)])
        patch.setattr(sys, "stdin", io.StringIO(typed))
        for name, value in {"STORMPLAY_HOME": home, "COLUMNS": 200, "TERM": "dumb", **environment}.items():
            patch.setenv(name, str(value))
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())

"""The command line as a person meets it: one sentence and an exit code, never a traceback; nothing half done.

What a command says is asked of it in this process, since half of a command's time is Python's imports; that a process
of its own says the same, and with which exit code, is asked of one command of each kind.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from command import in_process
from world import make_world

STORMPLAY = Path(sys.executable).with_name("stormplay")


def stormplay(*arguments, home, **environment):
    """A command as a process of its own."""
    done = subprocess.run(
        [STORMPLAY, *map(str, arguments)],
        env={**os.environ, "STORMPLAY_HOME": str(home), "COLUMNS": "200", "TERM": "dumb", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr + done.stdout
    return done


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


TENANT = ("--tenant", "lone-star")
STORM = ("--storm", "2021-04-28")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("phase3_routes", "--tenant", "nobody", *STORM), "There is no tenant 'nobody' open to you."),
        (("phase3_routes", *TENANT, "--storm", "1999-01-01"), "This tenant has no storm '1999-01-01'."),
        (("phase9", *TENANT, *STORM), "There is no notebook 'phase9'."),
        (("phase3_routes", *TENANT, *STORM, "--set", "colour=red"), "There is no parameter 'colour'."),
        (("phase3_routes", *TENANT, *STORM, "--set", "max_per_route=many"), "The parameter 'max_per_route' is 'many'."),
        (("phase3_routes", *TENANT, *STORM, "--set", "max_per_route"), "--set max_per_route is not a parameter."),
        (("phase3_routes", *TENANT, *STORM, "--person", "mallory"), "There is no open account 'mallory'."),
        (
            ("phase3_routes", "--tenant", "trinity", *STORM, "--person", "ana"),
            "There is no tenant 'trinity' open to you.",
        ),
    ],
)
def test_bad_input_is_exit_2_and_nothing_is_written(demo, tmp_path, arguments, sentence):
    done = in_process("report", *arguments, "--out", tmp_path / "out", home=demo)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(sentence)
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_process_of_its_own_says_the_same(demo, tmp_path):
    """As a scheduler runs it: nothing but the sentence, also from Python's warnings and libraries."""
    arguments = ("report", "phase3_routes", "--tenant", "trinity", *STORM, "--person", "ana", "--out", tmp_path / "out")
    done, here = (run(*arguments, home=demo) for run in (stormplay, in_process))
    assert (done.returncode, done.stdout, done.stderr) == (here.returncode, here.stdout, here.stderr)
    assert done.returncode == 2 and done.stderr.startswith("There is no tenant 'trinity' open to you.")


def test_a_database_that_is_down_is_exit_1(demo, tmp_path):
    url = "postgresql://someone:geheim@127.0.0.1:1/none"
    for run, arguments in (
        (stormplay, ("migrate",)),
        (in_process, ("demo",)),
        (stormplay, ("up", "--port", free_port())),
        (in_process, ("report", "phase3_routes", *TENANT, *STORM, "--retries", 0)),
    ):
        done = run(*arguments, home=demo, STORMPLAY_DATABASE_URL=url)
        assert done.returncode == 1, arguments
        assert done.stderr.startswith("The database does not answer")
        assert "geheim" not in done.stderr


def test_a_server_that_cannot_begin_leaves_nothing_behind(demo, tmp_path):
    """What is begun before the database answers has ended with it; the compiler alone ends its work, for the next."""
    done = stormplay("up", "--port", free_port(), home=demo, TMPDIR=str(tmp_path),
                     STORMPLAY_DATABASE_URL="postgresql://someone@127.0.0.1:1/none")  # fmt: skip
    assert done.returncode == 1
    left = [one for one in psutil.process_iter() if is_of(one, tmp_path)]
    assert left == []


def is_of(process, folder):
    with contextlib.suppress(psutil.Error):
        return process.environ().get("TMPDIR") == str(folder) and "stormplay.routing.readiness" not in process.cmdline()
    return False


def test_a_wrong_address_is_exit_2(demo):
    done = in_process("migrate", home=demo, STORMPLAY_DATABASE_URL="mysql://someone:geheim@nowhere/x")
    assert done.returncode == 2
    assert "Expected postgresql://" in done.stderr
    assert "geheim" not in done.stderr


def test_a_taken_port_is_one_sentence(demo):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = stormplay("up", "--port", port, home=demo)
    assert done.returncode == 1
    assert f"{port}" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_second_migrate_and_demo_do_nothing(demo):
    assert stormplay("migrate", home=demo).stdout == "The database is up to date.\n"
    again = in_process("demo", home=demo)
    assert "nothing was loaded" in again.stdout


def test_a_night_from_the_command_line_says_what_it_did(database):
    small = make_world(treat=1, hold_out=0, skip=0, suppressed=0, without_place=0)
    done = in_process("identity", "nightly", "--tenant", small.tenant, home=database)
    assert done.returncode == 0 and done.stdout.startswith("1 homes taken in, 1 records compared: 0 pairs merged")
    refused = in_process("identity", "nightly", "--tenant", small.tenant, "--person", "ana", home=database)
    assert refused.returncode == 2 and refused.stderr.startswith(f"There is no tenant '{small.tenant}' open to you.")


@pytest.mark.parametrize(
    "command",
    ["up", "migrate", "demo", "report", "stream", "audit", "identity nightly", "user add", "user list", "tenant add"],
)
def test_help_tells_what_it_does_and_its_exit_codes(demo, command):
    told = in_process(*command.split(), "--help", home=demo).stdout
    assert "Exit codes:" in told
    assert "Usage:" in told

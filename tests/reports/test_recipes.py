"""The recipes of docs/REPORTS.md: the command that they all give is really run, as cron runs it."""

from __future__ import annotations

import ast
import configparser
import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.main import get_command
from world import make_world

from stormplay import accounts, cli
from stormplay.cli import headless

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "REPORTS.md").read_text()
COMMAND = re.search(r"^```\n(stormplay report .+)\n```", PAGE, re.MULTILINE)[1].removeprefix("stormplay ")
OUT = "/var/lib/stormplay/reports"


def fenced(language):
    return re.search(rf"^```{language}\n(.+?)^```", PAGE, re.MULTILINE | re.DOTALL)[1]


def unit(name):
    parsed = configparser.ConfigParser(interpolation=None, strict=False)
    parsed.optionxform = str
    parsed.read_string((ROOT / "deploy" / name).read_text())
    return parsed


PROGRAM, KNOWN = "/opt/stormplay/.venv/bin/stormplay", "/etc/stormplay/reports.env"


def cron_line():
    return fenced("cron").strip()


def workflow_line():
    return yaml.safe_load(fenced("yaml"))["jobs"]["reports"]["steps"][0]["run"]


def airflow_command():
    """What the BashOperator of the DAG is given, read without Airflow."""
    for node in ast.parse(fenced("python")).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "COMMAND":
            return ast.literal_eval(node.value)
    raise AssertionError("the DAG has no COMMAND")


@pytest.fixture(scope="module")
def world(database):
    made = make_world(treat=6, hold_out=2, skip=1, suppressed=0, without_place=0)
    accounts.add_person("reports", "Reports", None)
    accounts.add_member("reports", made.tenant, "viewer")
    return made


def run_here(shell, command, database, folder, **more):
    """A recipe's very command, with this machine's paths, and nothing but what its scheduler gives. Returns its end."""
    known, out = folder / "reports.env", folder / "reports"
    known.write_text(f"STORMPLAY_HOME={database}\n")
    program = Path(sys.executable).with_name("stormplay")
    assert PROGRAM in command
    for there, here in {KNOWN: known, OUT: out, PROGRAM: program}.items():
        command = command.replace(there, shlex.quote(str(here)))
    given = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "HOME": str(folder), "LOGNAME": "stormplay", **more}
    return subprocess.run([*shell, command], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=120, check=False, env=given)  # fmt: skip


def assert_made(world, out):
    names = [f"{notebook}-{world.tenant}-{world.storm}" for notebook in ("phase5_nurture", "score")]
    assert sorted(path.name for path in out.glob("*.html")) == [f"{name}.html" for name in names]
    assert json.loads((out / f"{names[1]}.result.json").read_text())["recorded"]["decided"] == 9


def test_cron_makes_the_reports(world, database, tmp_path):
    """With nothing but what cron gives: another shell, a short path, no terminal."""
    line = cron_line()
    when, who, command = line.split(" ", 5)[:5], *line.split(" ", 6)[5:]
    assert (when, who) == (["15", "6", "*", "*", "*"], "stormplay") and "%" not in command, "% ends a line of cron's"
    assert KNOWN in command and OUT in command
    done = run_here(["/bin/sh", "-c"], command, database, tmp_path)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert_made(world, tmp_path / "reports")


@pytest.mark.long
def test_a_workflow_makes_the_reports(world, database, tmp_path):
    """As GitHub's runner does: bash that stops at the first failure, its environment from the step."""
    home = {"STORMPLAY_HOME": str(database)}
    done = run_here(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"], workflow_line(), database, tmp_path, **home
    )
    assert done.returncode == 0, done.stderr
    assert_made(world, tmp_path / "reports")


@pytest.mark.long
def test_airflow_makes_the_reports(world, database, tmp_path):
    """The BashOperator's command, as it runs one; the DAG itself where Airflow is installed."""
    compile(fenced("python"), "dag.py", "exec")
    done = run_here(["bash", "-c"], airflow_command(), database, tmp_path)
    assert done.returncode == 0, done.stderr
    assert_made(world, tmp_path / "reports")
    if importlib.util.find_spec("airflow") is not None:
        known = {}
        exec(fenced("python"), known)
        assert known["COMMAND"] == airflow_command()


def test_a_recipe_says_when_a_company_is_not_open(world, database, tmp_path):
    command = airflow_command().replace("--all-tenants", "--tenant nobody")
    done = run_here(["bash", "-c"], command, database, tmp_path)
    assert done.returncode == 2 and "no tenant 'nobody'" in done.stderr


def test_every_command_of_the_page_is_one_of_ours():
    """Each option is known, each value parses, each notebook is there."""
    said = re.findall(r"^(?:/opt/stormplay/.venv/bin/)?stormplay report (.+)$", PAGE, re.MULTILINE)
    assert len(said) >= 4
    command = get_command(cli.app).commands["report"]
    for line in said:
        given = command.make_context("report", shlex.split(line)).params
        for name in (given["notebook"], *(given["notebooks"] or [])):
            assert (ROOT / "notebooks" / f"{name}.ipynb").exists()


def test_the_page_and_the_command_tell_of_the_same_exit_codes():
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}
    assert told == {int(code) for code in re.findall(r"[:,] (\d)(?= )", headless.EXITS)} == set(range(8))


def test_every_recipe_gives_that_command():
    assert fenced("cron").split("bin/stormplay ")[1].removesuffix(" > /dev/null\n") == COMMAND
    assert airflow_command().split("bin/stormplay ")[1].strip() == COMMAND
    service = unit("stormplay-reports.service")
    assert service["Service"]["ExecStart"] == f"/opt/stormplay/.venv/bin/stormplay {COMMAND}"
    workflow = yaml.safe_load(fenced("yaml"))
    assert workflow_line().split("bin/stormplay ")[1] == COMMAND.replace(OUT, "reports")
    assert workflow[True]["schedule"][0]["cron"].split() == ["15", "11", "*", "*", "*"]  # YAML reads 'on' as true


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
def test_systemd_takes_the_units(tmp_path):
    for name in ("stormplay-reports.service", "stormplay-reports.timer"):
        text = (ROOT / "deploy" / name).read_text()
        (tmp_path / name).write_text(text.replace("/opt/stormplay/.venv/bin/stormplay", "/bin/true"))
    command = ["systemd-analyze", "verify", *map(str, tmp_path.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_timer_begins_the_service():
    assert unit("stormplay-reports.timer")["Timer"]["OnCalendar"] == "*-*-* 06:15:00"
    service = unit("stormplay-reports.service")["Service"]
    assert (service["Type"], service["EnvironmentFile"]) == ("oneshot", "/etc/stormplay/reports.env")

"""The recipes of docs/REPORTS.md: the command that they all give is really run, as cron runs it."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from world import make_world

from stormplay import accounts

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


def test_cron_makes_the_reports(database, tmp_path):
    """With nothing but what cron gives: another shell, a short path, no terminal."""
    world = make_world(treat=6, hold_out=2, skip=1, suppressed=0, without_place=0)
    accounts.add_person("reports", "Reports", None)
    accounts.add_member("reports", world.tenant, "viewer")
    known, out = tmp_path / "reports.env", tmp_path / "reports"
    known.write_text(f"STORMPLAY_HOME={database}\n")
    line = fenced("cron").strip()
    when, who, command = line.split(" ", 5)[:5], *line.split(" ", 6)[5:]
    assert (when, who) == (["15", "6", "*", "*", "*"], "stormplay") and "%" not in command, "% ends a line of cron's"
    program = Path(sys.executable).with_name("stormplay")
    paths = {"/etc/stormplay/reports.env": known, OUT: out, "/opt/stormplay/.venv/bin/stormplay": program}
    for there, here in paths.items():
        assert there in command
        command = command.replace(there, shlex.quote(str(here)))
    given = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "HOME": str(tmp_path), "LOGNAME": "stormplay"}
    done = subprocess.run(["/bin/sh", "-c", command], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=120, check=False, env=given)  # fmt: skip
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    names = [f"{notebook}-{world.tenant}-{world.storm}" for notebook in ("phase5_nurture", "score")]
    assert sorted(path.name for path in out.glob("*.html")) == [f"{name}.html" for name in names]
    assert json.loads((out / f"{names[1]}.result.json").read_text())["recorded"]["decided"] == 9


def test_every_recipe_gives_that_command():
    assert fenced("cron").split("bin/stormplay ")[1].removesuffix(" > /dev/null\n") == COMMAND
    service = unit("stormplay-reports.service")
    assert service["Service"]["ExecStart"] == f"/opt/stormplay/.venv/bin/stormplay {COMMAND}"
    workflow = yaml.safe_load(fenced("yaml"))
    make = workflow["jobs"]["reports"]["steps"][0]
    assert make["run"].split("bin/stormplay ")[1] == COMMAND.replace(OUT, "reports")
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

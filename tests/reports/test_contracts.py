"""What can be made is read from the notebooks; what cannot be meant is refused before anything runs."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from command import in_process
from small import PARAMETERS, SUBJECT, notebook

from stormplay import parameters, reports
from stormplay.errors import BadInput
from stormplay.reports import contracts

ROOT = Path(__file__).resolve().parents[2]
EVERY = contracts.notebooks(ROOT / "notebooks")


@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.stem)
def test_the_schema_of_each_notebook_takes_its_defaults_and_nothing_unknown(path):
    schema = contracts.schema(path)
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    defaults = {one.name: one.default for one in contracts.choosable(parameters.contract(path))}
    validator.validate(defaults)
    assert not validator.is_valid({**defaults, "colour": "red"})
    assert not validator.is_valid({**defaults, "tenant": 3})
    assert not validator.is_valid({"tenant": "lone-star"}), "both say what it is about"
    assert "interactive" not in schema["properties"]


def test_the_command_shows_them_without_a_database(tmp_path):
    nowhere = {"STORMPLAY_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    told = in_process("report", "--list", home=tmp_path, **nowhere).stdout
    assert {path.stem for path in EVERY} <= set(told.split())
    row = next(line for line in told.splitlines() if line.startswith("phase3_routes") and "max_per_route" in line)
    assert row.split()[2:4] == ["int", "50"] and row.endswith("stops on one route, at most (doors)")
    schema = in_process("report", "--schema", "score", home=tmp_path, **nowhere)
    assert json.loads(schema.stdout) == contracts.schema(ROOT / "notebooks" / "score.ipynb")
    assert in_process("report", "--schema", "phase9", home=tmp_path).returncode == 2


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"colour": "red"}, "no parameter 'colour'.*limit"),
        ({"limit": "many"}, "'limit' is 'many'.*int"),
        ({"limit": 2.5}, "'limit' is 2.5"),
        ({"tenant": "nobody"}, "no tenant 'nobody' open to you"),
        ({"storm": "1999-01-01"}, "no storm '1999-01-01'"),
    ],
)
def test_nothing_runs_with_parameters_that_cannot_be_meant(demo, tmp_path, given, sentence):
    path = notebook(tmp_path, "act", "1 / 0")
    with pytest.raises(BadInput, match=sentence):
        reports.run(path, SUBJECT | given, tmp_path / "out", person="vic")
    assert not (tmp_path / "out").exists()


def test_a_company_that_is_not_open_to_the_person_reads_like_one_that_is_not_there(demo, tmp_path):
    path = notebook(tmp_path, "act")
    for tenant in ("trinity", "nobody"):
        with pytest.raises(BadInput, match=f"There is no tenant '{tenant}' open to you"):
            reports.run(path, {**SUBJECT, "tenant": tenant}, tmp_path / "out", person="ana")


def test_a_report_is_about_a_companys_storm(demo, tmp_path):
    path = notebook(tmp_path, "act", parameters=PARAMETERS.replace("storm:", "strom:"))
    with pytest.raises(BadInput, match="has no parameter 'storm'"):
        reports.run(path, {"tenant": "lone-star"}, tmp_path / "out")


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ({"timeout_s": 0.5}, "A time-out of 0.5 seconds"),
        ({"timeout_s": float("nan")}, "A time-out of nan"),
        ({"retries": -1}, "-1 tries again"),
        ({"fresh_within_h": 0.0}, "Data not older than 0 hours"),
        ({"as_of": reports.moment().replace(tzinfo=None)}, "has no time zone"),
    ],
)
def test_terms_that_cannot_be_meant_are_a_sentence(terms, sentence):
    with pytest.raises(BadInput, match=sentence):
        reports.Terms(**terms)


@pytest.mark.parametrize("said", ["yesterday", "2021-05-03", "2021-05-03T06:00"])
def test_a_moment_has_a_time_zone(said):
    with pytest.raises(BadInput, match="is not a moment"):
        reports.moment(said)

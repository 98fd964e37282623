"""Many reports in one command: each made or with a reason, exit codes for a scheduler, and who may run what."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import nbformat
import pytest
from command import in_process
from small import AGED, RECORDED, SUBJECT, notebook, outputs, runs
from sqlalchemy import text

from stormplay import database as db
from stormplay import reports, tenancy
from stormplay.errors import Busy
from stormplay.reports import history
from stormplay.reports.orders import orders

FAILS_FOR_ONE = "assert tenant != 'trinity', 'not here'"
STORM = ("--storm", "2021-04-28")
EVERYTHING = ("--all-notebooks", "--all-tenants", "--all-storms", "--person", "vic", "--retries", 0)


@pytest.fixture
def folder(demo, tmp_path, monkeypatch):
    """A folder of two small notebooks, in the place of the product's."""
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    for name in ("one", "two"):
        notebook(notebooks, name, AGED, RECORDED)
    monkeypatch.setattr("stormplay.cli.headless.notebooks_folder", lambda: notebooks)
    return notebooks


@pytest.fixture
def report(folder, demo, tmp_path):
    def run(*arguments):
        return in_process("report", *arguments, "--out", tmp_path / "out", home=demo)

    return run


def test_everything_in_one_command(report, tmp_path):
    done = report(*EVERYTHING)
    assert done.returncode == 0, done.stderr
    made = [line for line in done.stdout.splitlines() if line.endswith(".html")]
    assert len(made) == 2 * 2 * 3, "notebooks, companies, storms"
    assert "12 of 12 reports made in" in done.stdout
    for result in (tmp_path / "out").glob("*.result.json"):
        told = json.loads(result.read_text())
        assert told["recorded"] == {"limit": 50, "company": told["tenant"]["slug"]}
        assert result.name == f"{told['notebook']}-{told['tenant']['slug']}-{told['storm']['slug']}.result.json"
    with tenancy.session("trinity") as connection:
        assert len(tenancy.frame(connection, "SELECT * FROM report_runs WHERE destination = :out",
                                 {"out": str((tmp_path / "out").resolve())})) == 6  # fmt: skip


def test_open_storms_are_those_that_are_not_closed(report, demo):
    asked = ("one", "--tenant", "lone-star", "--open-storms", "--person", "vic")
    done = report(*asked)
    (page,) = [line for line in done.stdout.splitlines() if line.endswith(".html")]
    assert done.returncode == 0 and page.endswith("one-lone-star-2021-04-28.html")
    for beside in (STORM, ("--all-storms",)):
        refused = report(*asked, *beside)
        assert refused.returncode == 2 and f"--open-storms stands beside {beside[0]}." in refused.stderr
    with db.transaction(db.admin_url()) as connection:
        connection.execute(text("UPDATE storms SET status = 'closed' WHERE slug = '2021-04-28'"))
    try:
        done = report(*asked)
    finally:
        with db.transaction(db.admin_url()) as connection:
            connection.execute(text("UPDATE storms SET status = 'active' WHERE slug = '2021-04-28'"))
    assert (done.returncode, done.stdout) == (0, "No storm is open, so there is nothing to report on.\n")


def test_a_lesson_is_made_by_its_name_alone(report, folder):
    book = nbformat.read(folder / "two.ipynb", 4)
    book.metadata["stormplay"] = {"is_lesson": True}
    nbformat.write(book, folder / "two.ipynb")
    where = ("--tenant", "trinity", *STORM)
    assert "two-trinity" not in report("--all-notebooks", *where).stdout
    assert "two-trinity" in report("two", *where).stdout


def test_exit_0_of_one(report):
    done = report("one", "--tenant", "lone-star", *STORM, "--set", "limit=7")
    names = [line.rsplit("/", 1)[-1] for line in done.stdout.split()]
    stem = "one-lone-star-2021-04-28"
    assert (done.returncode, done.stderr) == (0, "")
    assert names == [f"{stem}.html", f"{stem}.ipynb", f"{stem}.result.json"]


def test_exit_1_where_a_notebook_fails(report, folder):
    notebook(folder, "bad", FAILS_FOR_ONE)
    done = report("bad", "--tenant", "trinity", *STORM)
    assert done.returncode == 1 and done.stderr.startswith("bad failed in cell 3: AssertionError: not here")
    assert report("bad", "--tenant", "lone-star", *STORM).returncode == 0


def test_exit_1_where_it_takes_too_long(report, folder):
    notebook(folder, "slow", "import time\ntime.sleep(60)")
    done = report("slow", "--tenant", "trinity", *STORM, "--timeout", 1)
    assert done.returncode == 1 and "took longer than 1 seconds" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("one", "--all-notebooks", "--tenant", "trinity", *STORM), "--all-notebooks stands beside names"),
        (("--tenant", "trinity", *STORM), "No notebook is named."),
        (("one", *STORM), "No tenant is named."),
        (("one", "--tenant", "trinity"), "No storm is named."),
        (("one", "--tenant", "trinity", "--all-tenants", *STORM), "--all-tenants stands beside --tenant."),
        (("one", "--all-tenants", *STORM, "--set", "tenant=trinity"), "'tenant' and 'storm' are chosen by"),
        (("one", "--all-tenants", *STORM, "--set", "limit=many"), "The parameter 'limit' is 'many'."),
        (("one", "--all-tenants", *STORM, "--as-of", "today"), "'today' is not a moment."),
        (("one", "--all-tenants", *STORM, "--timeout", 0), "A time-out of 0 seconds."),
        (("one", "--tenant", "trinity", *STORM, "--person", "ana"), "There is no tenant 'trinity' open to you."),
        (("one", "--all-tenants", "--storm", "1999-01-01"), "This tenant has no storm '1999-01-01'."),
    ],
)
def test_exit_2_before_anything_runs(report, tmp_path, arguments, sentence):
    done = report(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(sentence), done.stderr
    assert not (tmp_path / "out").exists()


def test_exit_3_where_the_data_are_too_old(report, tmp_path):
    """They are of 3 May 2021, 12:00, as the page says."""
    fresh = ("one", "--tenant", "trinity", *STORM, "--as-of", "2021-05-04T06:00Z")
    assert report(*fresh, "--fresh-within", 18).returncode == 0
    before = (tmp_path / "out" / "one-trinity-2021-04-28.html").read_bytes()
    stale = report(*fresh, "--fresh-within", 17.9)
    assert stale.returncode == 3
    assert "are of 03 May 2021, 12:00 UTC, 18.0 hours old. Expected at most 17.9." in stale.stderr
    assert (tmp_path / "out" / "one-trinity-2021-04-28.html").read_bytes() == before
    newest = runs("trinity", 1).iloc[0]
    assert newest["status"] == "stale"
    assert newest["data_as_of"].to_pydatetime() == datetime(2021, 5, 3, 12, tzinfo=UTC)
    several = ("one", "--all-tenants", *STORM, "--person", "vic", "--fresh-within", 1)
    assert report(*several).returncode == 3, "all of several are stale"


def test_exit_3_where_nobody_knows_how_old_they_are(report, folder):
    notebook(folder, "ageless", RECORDED.replace("Recorded", "dict"))
    done = report("ageless", "--tenant", "trinity", *STORM, "--fresh-within", 9_999)
    assert done.returncode == 3 and "does not say how old its data are" in done.stderr
    assert "Expected data of the last 9999 hours. Nothing was published;" in done.stderr


def test_exit_4_where_some_of_several_are_not_made(report, folder, tmp_path):
    notebook(folder, "bad", AGED, FAILS_FOR_ONE)
    done = report("--all-notebooks", "--all-tenants", *STORM, "--person", "vic")
    assert done.returncode == 4
    assert "bad failed in cell 4: AssertionError: not here" in done.stderr
    assert "5 of 6 reports made in" in done.stderr
    assert len(done.stdout.splitlines()) == len(list((tmp_path / "out").glob("*.html"))) == 5


def test_after_too_many_failures_no_further_report_is_begun(folder, tmp_path, demo):
    bad = notebook(folder, "bad", "1 / 0")
    terms = reports.Terms()
    wanted = reports.planned([bad], {}, tmp_path / "out", "vic", terms)
    summary = reports.make_all(wanted, terms, at_once=1, max_failures=1)
    begun = [one for one in summary.outcomes if one.error is not None]
    assert len(wanted) == 6 and 2 <= len(begun) < 6
    assert summary.error().exit_code == 4


def test_exit_5_where_another_run_makes_the_same_report(report, folder, tmp_path):
    with tenancy.as_person("vic", "report"):
        paths = [folder / "one.ipynb"]
        held, other = orders(paths, {}, tmp_path / "out", "vic", tenants=["trinity", "lone-star"], storms=STORM[1:])
    with history.locked(held), pytest.raises(Busy), history.locked(held):
        pass
    with history.locked(held):
        done = report("one", "--tenant", "trinity", *STORM)
        assert done.returncode == 5 and "one-trinity-2021-04-28 is being made by another run" in done.stderr
        with history.locked(other):
            pass  # another company's is another report
    assert report("one", "--tenant", "trinity", *STORM).returncode == 0, "no lock is left"


def test_where_a_person_works_in_a_kernel_reports_have_its_login(demo, tmp_path, as_person):
    login = as_person("ana")
    who = """import os
from stormplay import tenancy
os.environ['STORMPLAY_DATABASE_URL'].split(':')[1][2:], tenancy.my_name()"""
    made = reports.run(notebook(tmp_path, "act", who), SUBJECT, tmp_path / "out", person="vic")
    assert outputs(made.notebook)[0]["data"]["text/plain"] == f"('{login.login}', 'Ana Torres')"
    with pytest.raises(Exception, match="no tenant 'trinity'"):
        reports.run(notebook(tmp_path, "act", who), {**SUBJECT, "tenant": "trinity"}, tmp_path / "out")


def test_it_leaves_no_login(report, folder):
    notebook(folder, "bad", "1 / 0")
    before = logins()
    report("--all-notebooks", "--tenant", "trinity", *STORM)
    assert logins() == before


def logins():
    with db.transaction(db.admin_url()) as connection:
        return set(connection.exec_driver_sql("SELECT login FROM sec.login WHERE purpose = 'report'").scalars())


def test_the_help_says_all_exit_codes(demo):
    told = " ".join(in_process("report", "--help", home=demo).stdout.split())
    for said in ("0 fresh", "1 a notebook failed", "2 bad parameters", "3 stale", "4 some of several", "5 busy"):
        assert said in told

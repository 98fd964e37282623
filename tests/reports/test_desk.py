"""What a page may see, download and ask for of a company's reports, against a real database and real files."""

from __future__ import annotations

import hashlib
import json
import re
import time
from pathlib import Path

import nbformat
import psycopg2
import pytest
from sqlalchemy import text
from world import as_administrator

from stormplay import ReportDesk, accounts, reports, tenancy
from stormplay import database as db
from stormplay.errors import BadInput, NotAllowed, UnknownTenant
from stormplay.reports import shelf
from stormplay.reports.workers import STOPPED

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
SUBJECT = {"tenant": "trinity", "storm": "2021-04-28"}


@pytest.fixture(scope="module")
def made(demo, tmp_path_factory):
    return reports.run(FOLDER / "score.ipynb", SUBJECT, tmp_path_factory.mktemp("reports"), person="ben")


@pytest.fixture
def desk(made, as_person):
    as_person("ben")
    return ReportDesk(**SUBJECT, folder=FOLDER)


def last_run(desk):
    return desk.get_runs("score", "fresh", limit=1).iloc[0]


def administrator(statement, **values):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("STORMPLAY_DATABASE_URL", raising=False)
        with db.transaction(db.admin_url()) as connection:
            return connection.execute(text(statement), values).all()


def test_a_run_is_in_the_history_with_what_there_is_to_know(desk, made):
    run = last_run(desk)
    assert (run["username"], run["status"], run["destination"]) == ("ben", "fresh", str(made.html.parent))
    assert run["row_count"] > 0 and run["seconds"] > 0 and run["code_version"] and run["data_as_of"] is not None
    assert "reports" in desk.get_notebooks() and desk.count_runs("score") >= 1 and desk.count_runs("no_such") == 0
    (standing,) = desk.get_standing().query("notebook == 'score' and kind == 'good'").to_dict("records")
    assert standing["run_id"] == run["run_id"] and standing["failed_since"] == 0


def test_its_files_are_handed_out_to_the_byte(desk, made):
    found = {one.label: one for one in desk.get_files(last_run(desk)["run_id"])}
    assert list(found) == ["HTML page", "Executed notebook", "result.json"]
    for label, path in (("HTML page", made.html), ("Executed notebook", made.notebook), ("result.json", made.result)):
        assert found[label].data == path.read_bytes() and found[label].name == path.name


def test_nobody_sees_or_downloads_another_companys_run(desk, as_person):
    theirs = last_run(desk)["run_id"]
    as_person("ana")
    mine = ReportDesk("lone-star", "2021-04-28", folder=FOLDER)
    for run_id in (theirs, "../../etc/passwd", "", "0" * 36, "' OR true --"):
        with pytest.raises(BadInput, match="There is no run"):
            mine.get_files(run_id)
    assert theirs not in set(mine.get_runs(limit=1_000)["run_id"])
    assert theirs not in mine.export_runs_csv()
    with pytest.raises(UnknownTenant):
        ReportDesk("trinity", "2021-04-28")


def test_a_run_of_another_storm_of_the_same_company_is_not_this_storms(desk):
    run_id = last_run(desk)["run_id"]
    with tenancy.session("trinity") as connection:
        (other, *_) = [slug for (slug,) in connection.execute(text("SELECT slug FROM storms")) if slug != "2021-04-28"]
    with pytest.raises(BadInput, match="There is no run"):
        ReportDesk("trinity", other, folder=FOLDER).get_files(run_id)


def test_a_file_that_is_not_what_was_published_is_not_handed_out(desk, made):
    before = made.html.read_bytes()
    try:
        made.html.write_bytes(before[:-1] + b"!")  # as long as it was
        (page, *others) = desk.get_files(last_run(desk)["run_id"])
        assert page.data is None and "not what this run has published" in page.said
        assert all(one.data is not None for one in others)
        made.html.unlink()
        made.html.symlink_to("/etc/passwd")
        (page, *_) = desk.get_files(last_run(desk)["run_id"])
        assert page.data is None and "cannot be read here" in page.said
        made.html.unlink()
        (page, *_) = desk.get_files(last_run(desk)["run_id"])
        assert page.data is None and str(made.html.parent) in page.said
    finally:
        made.html.unlink(missing_ok=True)
        made.html.write_bytes(before)


@pytest.mark.parametrize("name", ["../secret.html", "/etc/secret.html", "a/b.html", "..", ".html", "secret.txt", ""])
def test_a_name_that_leads_elsewhere_finds_nothing(tmp_path, name):
    inside = tmp_path / "in"
    inside.mkdir()
    for path in (tmp_path / "secret.html", inside / "secret.txt"):
        path.write_text("x")
    about = {"sha256": hashlib.sha256(b"x").hexdigest(), "bytes": 1}
    assert shelf.files(str(inside), {name: about}) == []
    (inside / "good.html").write_text("x")
    assert shelf.files(str(inside), {"good.html": about})[0].data == b"x"


@pytest.mark.parametrize(
    ("destination", "size", "said"),
    [("s3://bucket/reports", 1, "s3://bucket/reports. This server does not read there."),
     ("reports", 1, "does not read there"), ("/reports", 17 * 2**20, "17 MB, too many for a page")],
)  # fmt: skip
def test_what_cannot_be_read_here_is_said(destination, size, said):
    (one,) = shelf.files(destination, {"good.html": {"sha256": "0", "bytes": size}})
    assert one.data is None and said in one.said


def test_the_csv_runs_nothing_in_a_spreadsheet(desk, as_person):
    administrator(
        """INSERT INTO report_runs (tenant_id, storm_id, notebook, destination, parameters, as_of, username, status,
                                    ended_at, error)
           SELECT tenant_id, storm_id, 'evil', '/x', '{}', now(), '=HYPERLINK("http://x")', 'failed', now(), '=1+1'
             FROM report_runs WHERE run_id = CAST(:run AS uuid) RETURNING 1""",
        run=last_run(desk)["run_id"],
    )
    text_of = desk.export_runs_csv("evil", "failed")
    administrator("DELETE FROM report_runs WHERE notebook = 'evil' RETURNING 1")
    assert "'=1+1" in text_of and "\"'=HYPERLINK" in text_of and not re.search(r"(^|,)\"?=", text_of)


def test_what_somebody_stopped_has_not_failed_and_a_year_of_runs_is_read_at_once(desk):
    made_of = """INSERT INTO report_runs (tenant_id, storm_id, notebook, destination, parameters, as_of, username,
                                          status, started_at, ended_at, error, seconds)
                 SELECT r.tenant_id, r.storm_id, 'n' || n % 9, '/x', '{}', now(), 'ben',
                        s.status, now(), now(), s.error, 1
                   FROM report_runs r, generate_series(1, 1000) n, (VALUES ('fresh', NULL), ('killed', :stopped),
                        ('failed', 'It failed.'), ('killed', :stopped)) s (status, error)
                  WHERE r.run_id = CAST(:run AS uuid) RETURNING 1"""
    administrator(made_of, run=last_run(desk)["run_id"], stopped=f"{STOPPED} The last good one was left as it is.")
    try:
        began_s = time.monotonic()
        standing = desk.get_standing().query("notebook == 'n3'").set_index("kind")
        assert time.monotonic() - began_s < 3
        assert set(standing.index) == {"good", "bad", "stopped"}
        assert standing["failed_since"].nunique() == 1 and desk.count_runs("n3", "killed") in (222, 224)
    finally:
        administrator("DELETE FROM report_runs WHERE notebook LIKE 'n_' RETURNING 1")


# ---- one more


def test_a_viewer_may_look_and_not_ask(desk, as_person):
    as_administrator(accounts.add_person, "rep-viewer", "Vi", "long-enough-1")
    as_administrator(accounts.add_member, "rep-viewer", "trinity", "viewer")
    as_person("rep-viewer")
    looks = ReportDesk(**SUBJECT, folder=FOLDER)
    assert looks.get_files(last_run(looks)["run_id"])
    with pytest.raises(NotAllowed):
        looks.request("score")


def test_a_request_carries_the_name_of_its_login_and_the_last_runs_terms_and_nothing_else(desk, made, as_person):
    request = desk.request("score")
    assert desk.get_request(request)["status"] == "asked"
    (taken,) = administrator("SELECT * FROM sec.take_report_request()")
    assert (str(taken.request_id), taken.username, taken.notebook) == (request, "ben", "score")
    assert (taken.tenant, taken.storm, taken.destination) == ("trinity", "2021-04-28", str(made.html.parent))
    assert taken.parameters == {**SUBJECT, "interactive": False}
    assert administrator("SELECT * FROM sec.take_report_request()") == [], "taken once"
    desk.cancel(request)
    values = {"t": str(taken.tenant_id), "r": request}
    asks = "SELECT sec.is_report_cancelled(CAST(:t AS uuid), CAST(:r AS uuid))"
    assert administrator(asks, **values)[0][0] is True
    ends = "SELECT sec.end_report_request(CAST(:t AS uuid), CAST(:r AS uuid), 'cancelled', 'Stopped.')"
    assert [administrator(ends, **values)[0][0] for _ in range(2)] == [True, False], "ended once"
    assert desk.get_request(request) == {"status": "cancelled", "said": "Stopped."}


def test_another_companys_request_cannot_be_seen_or_cancelled(desk, as_person):
    request = desk.request("score")
    as_person("ana")
    mine = ReportDesk("lone-star", "2021-04-28", folder=FOLDER)
    with pytest.raises(BadInput, match="no such request"):
        mine.get_request(request)
    mine.cancel(request)
    query = "SELECT is_cancelled FROM report_requests WHERE request_id = CAST(:r AS uuid)"
    assert administrator(query, r=request)[0][0] is False
    administrator("UPDATE report_requests SET is_cancelled = true RETURNING 1")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO report_requests (storm_id, notebook, username) SELECT storm_id, 'score', 'ana' FROM storms",
        "INSERT INTO report_requests (storm_id, notebook, status) SELECT storm_id, 'score', 'taken' FROM storms",
        "UPDATE report_requests SET username = 'ana'",
        "UPDATE report_requests SET notebook = 'phase3_routes'",
        "DELETE FROM report_requests",
        "SELECT sec.take_report_request()",
        "SELECT sec.end_report_request(gen_random_uuid(), gen_random_uuid(), 'made', 'x')",
        "UPDATE report_runs SET status = 'fresh'",
        "UPDATE report_runs SET files = '{}'",
    ],
)
def test_a_kernel_forges_nothing(desk, as_person, statement):
    login = as_person("ben")
    with tenancy.session("trinity") as connection:
        tenant = connection.info["tenant_id"]
    link = psycopg2.connect(login.url)
    with link, link.cursor() as cursor:
        cursor.execute("SELECT set_config('app.tenant_id', %s, true)", (tenant,))
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(statement)
    link.close()


# ---- the page as a report of its own


def test_the_report_of_reports_is_the_same_again_to_the_byte(made, tmp_path):
    terms = reports.Terms(as_of=reports.moment())
    one, other = (
        reports.run(FOLDER / "reports.ipynb", SUBJECT, tmp_path / name, "ben", terms) for name in ("one", "other")
    )
    for a, b in ((one.notebook, other.notebook), (one.html, other.html), (one.result, other.result)):
        assert a.read_bytes() == b.read_bytes(), a.name
    recorded = json.loads(one.result.read_text())["recorded"]
    assert recorded["reports"] >= 8 and recorded["fresh"] >= 1 and recorded["runs"] >= 1
    assert "jupyter.widget-view" not in json.dumps(nbformat.read(one.notebook, as_version=4))
    shown = re.sub(r"<[^>]*>", " ", one.html.read_text())
    assert "reports of this storm are fresh" in shown.replace("\n", " ")

"""Who ran what and how it ended: written by the runner alone, read by the company's members, forgotten in time."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg2
import pytest
from small import AGED, RECORDED, SUBJECT, notebook, runs
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from stormplay import accounts, broker, reports, tenancy
from stormplay import database as db
from stormplay.errors import UnknownTenant
from stormplay.reports import history
from stormplay.reports.orders import orders


@pytest.fixture
def order(demo, tmp_path):
    path = notebook(tmp_path, "act", AGED, RECORDED)
    with tenancy.as_person("vic", "report"):
        (one,) = orders([path], {"limit": 7}, tmp_path / "out", "vic", tenants=["trinity"], storms=["2021-04-28"])
    return one


def test_a_run_is_kept_with_all_that_it_was(order, as_person):
    made = reports.make(order, reports.Terms(as_of=reports.moment("2021-05-04T06:00Z")))
    schema = broker.schema_number()
    as_person("ben")
    row = runs("trinity", 1).iloc[0]
    assert (row["notebook"], row["username"], row["status"], row["attempts"]) == ("act", "vic", "fresh", 1)
    assert row["parameters"] == dict(order.values) and row["destination"] == str(order.out)
    assert row["as_of"].to_pydatetime() == datetime(2021, 5, 4, 6, tzinfo=UTC)
    assert row["data_as_of"].to_pydatetime() == datetime(2021, 5, 3, 12, tzinfo=UTC)
    assert set(row["files"]) == {made.html.name, made.notebook.name, made.result.name}
    assert row["versions"]["schema"] == schema and row["versions"]["stormplay"]
    assert 0 < row["seconds"] < 60 and row["row_count"] >= 0 and row["error"] is None
    as_person("ana")
    with pytest.raises(UnknownTenant):
        runs("trinity")
    assert "trinity" not in str(runs("lone-star", 1_000)["parameters"].tolist())


def test_viewers_run_reports_with_what_viewers_see(order, tmp_path):
    accounts.add_person("vera", "Vera Lindt", "hailstorm-1")
    accounts.add_member("vera", "trinity", "viewer")
    reports.run(order.notebook, {**SUBJECT, "tenant": "trinity"}, tmp_path / "hers", person="vera")
    assert runs("trinity", 1).iloc[0]["username"] == "vera"


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO report_runs (storm_id, notebook, destination, parameters, as_of, username) "
        "SELECT storm_id, 'score', '/', '{}', now(), 'vic' FROM storms LIMIT 1",
        "UPDATE report_runs SET status = 'fresh', error = NULL",
        "DELETE FROM report_runs",
        "SELECT sec.retire_reports('1 day')",
        "SELECT sec.end_report(tenant_id, run_id, 'fresh', 1, 1, 1, now(), '{}', '{}', NULL) FROM report_runs LIMIT 1",
        "SELECT sec.lock_report(tenant_id, storm_id, 'score', '/') FROM storms LIMIT 1",
        "SELECT sec.begin_report(session_user, tenant_id, storm_id, 'x', '/', '{}', now()) FROM storms LIMIT 1",
    ],
)
def test_no_notebook_writes_the_history(order, as_person, statement):
    reports.make(order, reports.Terms())
    login = as_person("vic")
    link = psycopg2.connect(login.url)
    with link.cursor() as cursor:
        cursor.execute("SELECT set_config('app.tenant_id', %s, true)", (order.tenant_id,))
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(statement)
    link.close()


def test_the_runner_keeps_nothing_for_a_company_that_is_not_open_to_the_login(order):
    login = broker.open_kernel("ana", 60, "test")
    with pytest.raises(DBAPIError, match="not open to the login of the run"):
        history.begin(order, login.login, datetime.now(UTC))
    broker.close_kernel(login.login)


def test_a_run_that_never_said_how_it_ended_was_killed(order):
    login = broker.open_kernel("vic", 60, "test")
    dead = history.begin(order, login.login, datetime.now(UTC))
    reports.make(order, reports.Terms())
    broker.close_kernel(login.login)
    found = runs("trinity", 2).set_index("run_id")
    assert found.loc[dead, "status"] == "killed" and "ended from outside" in found.loc[dead, "error"]
    assert sorted(found["status"]) == ["fresh", "killed"]
    history.end(order, dead, history.Ending("fresh", 1.0, 1))
    assert runs("trinity", 2).set_index("run_id").loc[dead, "status"] == "killed", "it has ended once"


def test_old_runs_are_forgotten_but_the_last_good_one_of_each_report(order):
    for _ in range(2):
        reports.make(order, reports.Terms())
    here = {"out": str(order.out)}
    with db.transaction(db.admin_url()) as connection:
        connection.execute(
            text("UPDATE report_runs SET started_at = now() - interval '401 days' WHERE destination = :out"), here
        )
    before = runs("trinity", 10_000)
    mine = before[before["destination"] == here["out"]]
    assert len(mine) == 2
    assert history.retire(400) == 1
    after = runs("trinity", 10_000)
    assert after[after["destination"] == here["out"]]["run_id"].tolist() == [mine["run_id"].iloc[0]]
    assert len(after) == len(before) - 1
    assert history.retire(400) == 0

"""What is older than it is kept goes, at its time, and nothing else; what was said beforehand is what goes."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from command import in_process
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from world import make_world

from stormplay import database as db
from stormplay import embedded, retention
from stormplay.errors import BadInput

sys.path.insert(0, str(Path(__file__).parent / "server"))

OLD, YOUNG = "interval '9 years'", "interval '20 days'"


@pytest.fixture
def history(database):
    """Old and young rows of each kind that goes, in a company of this test's own."""
    world = make_world(treat=3, hold_out=2, skip=1, suppressed=1)
    with db.transaction(db.admin_url()) as connection:
        tenant = connection.execute(
            text("SELECT tenant_id FROM sec.tenant_entry WHERE slug = :slug"), {"slug": world.tenant}
        ).scalar_one()
        names = {"tenant": tenant, "storm": world.storm_id}
        for age in (OLD, YOUNG):
            for statement in (
                f"""INSERT INTO report_runs (tenant_id, storm_id, notebook, destination, parameters, as_of, username,
                        status, started_at, ended_at) VALUES (:tenant, :storm, 'score', '/x', '{{}}', now(), 'ana',
                        'failed', now() - {age}, now() - {age})""",
                f"""INSERT INTO report_requests (tenant_id, storm_id, notebook, status, ended_at)
                        VALUES (:tenant, :storm, 'score', 'made', now() - {age} * 0.9)""",
                f"""INSERT INTO stream_events (tenant_id, storm_id, event_id, event_type, event_at, applied_at)
                        VALUES (:tenant, :storm, md5(random()::text), 'conversion', now() - {age}, now() - {age})""",
                f"""INSERT INTO sec.audit_entry (tenant_id, at, username, purpose, table_name, action, row_count)
                        VALUES (:tenant, now() - {age}, 'ana', 'test', 'jobs', 'update', 1)""",
            ):
                connection.execute(text(statement), names)
    yield names
    with db.transaction(db.admin_url()) as connection:
        for table in ("report_runs", "report_requests", "stream_events"):
            connection.execute(text(f"DELETE FROM {table} WHERE tenant_id = :tenant"), names)


def counted(names):
    tables = ("report_runs", "report_requests", "stream_events", "sec.audit_entry")
    with db.transaction(db.admin_url()) as connection:
        return {
            table: connection.execute(
                text(f"SELECT count(*) FROM {table} WHERE tenant_id = :tenant "
                     + ("AND purpose = 'test' AND table_name = 'jobs'" if "audit" in table else "")), names
            ).scalar_one()
            for table in tables
        }  # fmt: skip


def by_name(done):
    return {one.rule.name: one.count for one in done}


def test_what_is_said_beforehand_is_what_goes(history):
    before = counted(history)
    assert set(before.values()) == {2}
    said = by_name(retention.retire(is_real=False))
    assert counted(history) == before, "it was taken back"
    done = by_name(retention.retire(is_real=True))
    assert done == said
    assert all(done[name] >= 1 for name in ("stream", "reports", "requests", "audit"))
    assert set(counted(history).values()) == {1}, "the young ones stay"
    assert by_name(retention.retire({"logs": retention.retiring.LONGEST}, is_real=True)) == {
        name: None if count is None else 0 for name, count in done.items()
    }
    with db.transaction(db.admin_url()) as connection:
        entry = connection.execute(text("""SELECT actor, detail ->> 'entries' FROM sec.account_entry
                                            WHERE act = 'retired' ORDER BY at DESC LIMIT 1""")).one()  # fmt: skip
    assert entry == ("stormplay_broker", str(done["audit"])), "that the log became shorter is in the log"


def test_a_score_never_goes(history):
    functions = " ".join(rule.function for rule in retention.RULES)
    assert "score" not in functions
    assert "scores and their history" in retention.KEPT


@pytest.mark.parametrize("rule", [rule for rule in retention.RULES if rule.function], ids=lambda rule: rule.name)
def test_less_than_the_least_is_refused_by_the_database_too(database, rule):
    with pytest.raises(BadInput, match=f"Expected {rule.least}"):
        retention.retire({rule.name: rule.least - 1}, is_real=True)
    if retention.retire(is_real=False, rules=[rule])[0].count is None:
        return  # of a part of the product that this database has not
    for days in (f"interval '{rule.least} days' - interval '1 hour'", "NULL"):
        if days == "NULL" and rule.name == "reports":
            continue  # an interval that is nothing keeps everything
        with pytest.raises(DBAPIError) as refused, db.transaction(db.broker_url()) as connection:
            connection.execute(text(f"SELECT {rule.function}({days})"))
        assert db.sqlstate(refused.value) == "22023"


def test_a_kernel_lets_nothing_go(database, as_person):
    known = [one.rule for one in retention.retire(is_real=False) if one.rule.function and one.count is not None]
    assert len(known) >= 4
    login = as_person("ana")
    for rule in known:
        with pytest.raises(DBAPIError) as refused, db.transaction(db.make_url(login.url)) as connection:
            connection.execute(text(f"SELECT {rule.function}(interval '10 years')"))
        assert db.sqlstate(refused.value) == "42501"


def test_a_kind_that_the_database_does_not_know_is_left(database):
    later = retention.Rule("later", "rows of a later version", 30, 1, "who knows", "sec.retire_what_is_not_there")
    (done,) = retention.retire(is_real=True, rules=[later])
    assert done.count is None


def test_old_log_files_go_and_nothing_else_in_the_folder(tmp_path, monkeypatch, database):
    monkeypatch.setenv("STORMPLAY_LOGS", str(tmp_path))
    old = time.time() - 40 * 86_400
    for name in ("server-8866.jsonl", "server-8866.jsonl.1", "server-8866.jsonl.2", "notes.txt"):
        (tmp_path / name).write_text("{}")
    for name in ("server-8866.jsonl.1", "server-8866.jsonl.2", "notes.txt"):
        os.utime(tmp_path / name, (old, old))
    assert by_name(retention.retire(is_real=False))["logs"] == 2
    assert by_name(retention.retire(is_real=True))["logs"] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "server-8866.jsonl"]


def test_the_command_changes_nothing_unless_it_is_told_to(history):
    home = embedded.home()
    said = in_process("retire", home=home)
    assert said.returncode == 0, said.stderr
    assert "Nothing was changed." in said.stdout
    assert "Never by itself: scores and their history" in said.stdout
    assert set(counted(history).values()) == {2}
    assert in_process("retire", "--keep", "audit=1000", "--keep", "stream=400", "--apply", home=home).returncode == 0
    assert set(counted(history).values()) == {1}
    for wrong, sentence in (
        ("audit=30", "cannot be kept for 30 days"),
        ("score=1", "There is no history 'score'."),
        ("audit", "not a number"),
    ):
        refused = in_process("retire", "--keep", wrong, home=home)
        assert (refused.returncode, sentence in refused.stderr) == (2, True), refused.stderr


def test_the_server_does_it_by_itself(history, tmp_path):
    from visitor import NO_PAGES, eventually, serving

    given = {**NO_PAGES, "StormplayServer": {"retire_every_h": 0.3 / 3600}}
    (tmp_path / "books").mkdir()
    with serving(tmp_path / "retiring", embedded.home(), tmp_path / "books", settings=given) as site:
        eventually(lambda: set(counted(history).values()) == {1}, every=0.05)
        assert "let go" in site.said()

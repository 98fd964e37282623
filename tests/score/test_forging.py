"""Nobody writes a score: each way to forge, dodge or move one is tried by who may write what it is made of."""

from __future__ import annotations

import psycopg2
import pytest
from scored import Play

from stormplay import accounts, broker

COMPLETE = "UPDATE jobs SET status = 'completed' WHERE storm_id = %(storm)s AND status <> 'completed'"


@pytest.fixture(scope="module")
def play(database):
    made = Play()
    made.add_jobs()
    accounts.add_person("forger", "Fay Forger", "long-enough-1")
    accounts.add_member("forger", made.tenant, "admin")
    return made


@pytest.fixture
def link(play):
    login = broker.open_kernel("forger", purpose="test")
    link = psycopg2.connect(login.url)
    link.cursor().execute("SELECT set_config('app.tenant_id', %s, true)", (play.tenant_id,))
    yield link
    link.close()
    broker.close_kernel(login.login)


FORGERIES = [
    "UPDATE storm_scores SET treat = 1000",
    "UPDATE storm_scores SET score = 100",
    "UPDATE storm_scores SET cause = 'A miracle'",
    "INSERT INTO storm_scores (storm_id, cause, source, changed_by) VALUES (%(storm)s, 'x', 'x', 'x')",
    "DELETE FROM storm_scores",
    "SELECT * FROM storm_scores FOR UPDATE",
    "UPDATE score_history SET score = 100",
    "DELETE FROM score_history",
    """INSERT INTO score_history (storm_id, score, policy_coverage, route_completion, conversion_lift, data_quality,
                                  counts, cause, source, changed_by)
       VALUES (%(storm)s, 100, 1, 1, 1, 1, '{}', 'x', 'x', 'somebody else')""",
    "TRUNCATE score_history",
    "SELECT recount_storm_score(%(tenant)s, %(storm)s, NULL, 'x', 'x')",
    "SELECT score_at_commit()",
    "SELECT note_storm_scores_for_administrator()",
    "SELECT * FROM sec.score_pending",
    "DELETE FROM sec.score_pending",
    "INSERT INTO sec.score_pending VALUES (pg_current_xact_id(), %(tenant)s, %(storm)s, 'jobs', 'added', 'x', 1)",
    "ALTER TABLE jobs DISABLE TRIGGER score_update",
    "SET session_replication_role = replica",
    "SET SESSION AUTHORIZATION postgres",
]


@pytest.mark.parametrize("forgery", FORGERIES)
def test_no_statement_writes_a_score(forgery, link, play):
    cursor = link.cursor()
    cursor.execute("SELECT score FROM storm_scores")  # the positive control: it may be read
    assert len(cursor.fetchall()) == 1
    with pytest.raises(psycopg2.Error) as refused:
        cursor.execute(forgery, play.values())
    assert refused.value.pgcode in ("42501", "428C9", "22023"), refused.value  # 22023: there is no role postgres here


def test_a_tenant_that_is_changed_before_the_commit_changes_nothing(link, play):
    """Neither another company's, nor one's own other one, nor none: the recount looks where the rows are."""
    for other in ("", "00000000-0000-0000-0000-000000000000", Play().tenant_id):
        cursor = link.cursor()
        cursor.execute("SELECT set_config('app.tenant_id', %s, true)", (play.tenant_id,))
        cursor.execute(
            "UPDATE jobs SET status = 'inspected', completed_at = NULL WHERE storm_id = %(storm)s", play.values()
        )
        link.commit()
        cursor.execute("SELECT set_config('app.tenant_id', %s, true)", (play.tenant_id,))
        cursor.execute(COMPLETE, play.values())
        cursor.execute("SELECT set_config('app.tenant_id', %s, true)", (other,))
        link.commit()
        assert play.score.current().counts.completed == 10 and play.agrees()


def test_constraints_at_once_or_later_it_is_counted_all_the_same(link, play):
    cursor = link.cursor()
    cursor.execute(
        "UPDATE jobs SET status = 'inspected', completed_at = NULL WHERE storm_id = %(storm)s", play.values()
    )
    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    cursor.execute("SELECT completed FROM storm_scores")
    assert cursor.fetchone()[0] == 0
    cursor.execute(COMPLETE + " AND property_id = %(home)s", play.values())
    cursor.execute("SELECT completed FROM storm_scores")
    assert cursor.fetchone()[0] == 1
    cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    cursor.execute(COMPLETE, play.values())
    link.commit()
    assert play.score.current().counts.completed == 10 and play.agrees()


def test_words_may_be_anything_but_who_and_what_are_the_databases(link, play):
    cursor = link.cursor()
    cursor.execute("SET LOCAL app.score_cause = 'Ana Torres completed a job'")
    cursor.execute(
        "UPDATE jobs SET status = 'inspected', completed_at = NULL WHERE storm_id = %(storm)s", play.values()
    )
    link.commit()
    last = play.score.history().iloc[-1]
    assert last["cause"] == "Ana Torres completed a job"
    assert (last["changed_by"], last["source"]) == ("Fay Forger", "jobs changed: 10 open")


def test_another_companys_score_is_as_if_it_were_not_there(link, play):
    other = Play()
    cursor = link.cursor()
    cursor.execute("SELECT count(*) FROM storm_scores WHERE storm_id = %s", (other.storm_id,))
    assert cursor.fetchone()[0] == 0
    cursor.execute("SELECT count(*) FROM score_history WHERE tenant_id <> %s", (play.tenant_id,))
    assert cursor.fetchone()[0] == 0

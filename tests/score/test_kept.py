"""The score that the database keeps: always what the rows say, changed with its cause, once a transaction."""

from __future__ import annotations

import json
import re
import threading

import numpy as np
import psycopg2
import pytest
from scored import Play, moves
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError
from world import make_world

from stormplay import JobTracker, RouteBuilder, StormPlayScore, broker, tenancy
from stormplay import database as db
from stormplay.errors import ArmFixed, HeldOut
from stormplay.score import Counts

COMPLETE = "UPDATE jobs SET status = 'completed', completed_at = now() WHERE storm_id = :storm"


@pytest.fixture(scope="module")
def play(database):
    made = Play()
    made.add_jobs()
    return made


# ---- it cannot drift


@pytest.mark.parametrize("seed", range(3))
def test_after_any_operations_it_is_what_a_count_from_scratch_says(seed, database):
    rng, play = np.random.default_rng(seed), Play(undecided=12)
    for _ in range(25):
        chosen = [moves(rng)[k] for k in rng.integers(0, len(moves(rng)), rng.integers(1, 4))]
        who = play.run if rng.random() < 0.7 else play.as_administrator
        # A kernel deletes nothing and changes no decision; the administrator's statements need the tenant said.
        mine = [statement for by, statement in chosen if by == "person"]
        if who == play.run and mine:
            attempt(play.run, *mine)
        theirs = [statement for by, statement in chosen if by == "administrator"]
        if theirs:
            attempt(play.as_administrator, *theirs)
        assert play.agrees()
    assert len(play.causes()) > 5


def attempt(act, *statements):
    """What the arms of the experiment refuse is rolled back, and the score with it."""
    try:
        act(*statements)
    except (HeldOut, ArmFixed):
        return
    except DatabaseError as error:
        assert error.orig.pgcode in ("SP001", "SP002", "SP003", "23503")  # the last: a decision with a past stays


def test_a_savepoint_that_is_rolled_back_counts_for_nothing(database):
    play = Play()
    play.add_jobs(6)
    with tenancy.session(play.tenant) as connection:
        point = connection.begin_nested()
        connection.execute(text(COMPLETE), play.values())
        point.rollback()
        connection.execute(text(COMPLETE + " AND property_id = :home"), play.values())
    assert play.score.current().counts.completed == 1 and play.agrees()


def test_a_transaction_that_is_rolled_back_leaves_nothing(play):
    before = play.score.current(), play.causes()
    with pytest.raises(ZeroDivisionError), tenancy.session(play.tenant) as connection:
        connection.execute(text(COMPLETE), play.values())
        raise ZeroDivisionError
    assert (play.score.current(), play.causes()) == before and play.agrees()


def test_two_who_each_hold_half_of_a_change_do_not_miss_each_other(database):
    """One decides on a home while the other raises its uplift; neither sees the other before the commit."""
    play = Play()
    home = play.undecided[0]
    play.run("""INSERT INTO lead_uplift (property_id, expected_uplift, next_best_action, model_version)
                VALUES (:late, 0.01, 'door', 'x')""", late=home)  # fmt: skip
    before = play.score.current().counts.high_uplift
    decides, raises = (psycopg2.connect(broker.open_kernel("local", purpose="test").url) for _ in range(2))
    for link, statement in (
        (decides, """INSERT INTO policy_decisions_log (storm_id, property_id, decision, reason, model_version)
                     VALUES (%(storm)s, %(home)s, 'treat', 'x', 'x')"""),
        (raises, "UPDATE lead_uplift SET expected_uplift = 0.3 WHERE property_id = %(home)s"),
    ):  # fmt: skip
        cursor = link.cursor()
        cursor.execute("SELECT set_config('app.tenant_id', %s, true)", (play.tenant_id,))
        cursor.execute(statement, {"storm": play.storm_id, "home": home})
    decides.commit()
    raises.commit()
    for link in (decides, raises):
        link.close()
    assert play.score.current().counts.high_uplift == before + 1 and play.agrees()


def test_nor_do_they_in_the_same_instant(database):
    """Ten homes, each decided by one and raised by the other between the same two ticks."""
    play = Play()
    play.run("""INSERT INTO lead_uplift (property_id, expected_uplift, next_best_action, model_version)
                SELECT unnest(CAST(:late AS uuid[])), 0.01, 'door', 'x'""")  # fmt: skip
    before = play.score.current().counts.high_uplift
    start = threading.Barrier(2)

    def work(statement):
        for home in play.undecided[:10]:
            with tenancy.session(play.tenant) as connection:
                connection.execute(text(statement), play.values({"home": home}))
                start.wait(20)

    decide = """INSERT INTO policy_decisions_log (storm_id, property_id, decision, reason, model_version)
                VALUES (:storm, :home, 'treat', 'x', 'x')"""
    raise_it = "UPDATE lead_uplift SET expected_uplift = 0.3 WHERE property_id = :home"
    threads = [threading.Thread(target=work, args=(statement,))
               for statement in (decide, raise_it)]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert play.score.current().counts.high_uplift == before + 10 and play.agrees()


def test_the_uplift_of_very_many_homes_is_asked_of_every_storm_that_decided(database):
    play = Play(treat=1_100)
    play.run("INSERT INTO storms (slug, name, event_date) VALUES ('empty', 'Empty', '2022-05-01')",
             "UPDATE lead_uplift SET expected_uplift = 0.05")  # fmt: skip
    assert play.score.current().counts.high_uplift == 0 and play.agrees()
    play.run("UPDATE lead_uplift SET expected_uplift = 0.3")
    assert play.score.current().counts.high_uplift == 1_110 and play.agrees()
    assert play.causes()[-1] == "Uplift of 1110 homes changed"
    assert StormPlayScore(play.tenant, "empty").history()["cause"].tolist() == ["Storm added"]


def test_an_administrator_may_touch_two_companies_at_once(database):
    one, other = Play(), Play()
    both = {"both": [one.storm_id, other.storm_id]}
    one.as_administrator("""INSERT INTO jobs (tenant_id, storm_id, property_id, status)
                            SELECT tenant_id, storm_id, property_id, 'completed' FROM policy_decisions_log
                             WHERE storm_id = ANY (CAST(:both AS uuid[])) AND decision <> 'hold_out'""",
                         "UPDATE lead_uplift SET expected_uplift = 0.2 WHERE tenant_id IN (SELECT tenant_id FROM storms"
                         " WHERE storm_id = ANY (CAST(:both AS uuid[])))", **both)  # fmt: skip
    for play in (one, other):
        assert play.score.current().counts.completed == 22 and play.agrees()


def test_many_at_once_lose_nothing_and_do_not_wait_for_each_other_for_ever(database):
    """Each completes jobs of two storms in another order than its neighbour, eight times at once."""
    play = Play(treat=32)
    play.run("INSERT INTO storms (slug, name, event_date) VALUES ('second', 'Second', '2022-05-01')")
    with tenancy.session(play.tenant) as connection:
        second = tenancy.storm_id(connection, "second")
    for storm in (play.storm_id, second):
        play.run("INSERT INTO jobs (storm_id, property_id) SELECT :storm, unnest(CAST(:homes AS uuid[]))",
                 storm=storm, homes=play.homes[:32])  # fmt: skip
    failed = []

    def work(place):
        storms = [play.storm_id, second][:: 1 if place % 2 else -1]
        try:
            for home in play.homes[place * 4 : place * 4 + 4]:
                play.run(*[f"{COMPLETE.replace(':storm', chr(39) + storm + chr(39))} AND property_id = '{home}'"
                           for storm in storms])  # fmt: skip
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    assert [StormPlayScore(play.tenant, storm).current().counts.completed for storm in ("hail", "second")] == [32, 32]
    assert play.agrees()


def test_the_database_reckons_as_the_library_does(database):
    """Ten thousand counts by both, to the last bit; among them all zero and all that is clipped."""
    rng = np.random.default_rng(1)
    rows = rng.integers(0, [50, 50, 9, 9, 30, 30, 30, 30, 20, 90], (10_000, 10))
    rows[:, 2], rows[:, 8] = np.minimum(rows[:, 2], rows[:, 3]), np.minimum(rows[:, 8], rows[:, 9])
    rows[:, 5], rows[:, 7] = np.minimum(rows[:, 5], rows[:, 4]), np.minimum(rows[:, 7], rows[:, 6])
    rows[0] = 0
    names = ["treat", "high", "done", "total", "tk", "tc", "ck", "cc", "issues", "checks", "n"]
    with db.transaction(db.admin_url()) as connection:
        found = connection.execute(
            text("""WITH r AS (SELECT * FROM json_to_recordset(:rows) AS x(treat bigint, high bigint, done bigint,
                        total bigint, tk bigint, tc bigint, ck bigint, cc bigint, issues bigint, checks bigint, n int)),
                 c AS (SELECT n, score_share(treat, high) a, score_share(done, total) b, score_lift(tc, tk, cc, ck) c,
                              score_quality(issues, checks) d FROM r)
                 SELECT a, b, c, d, score_points(a, b, c, d) FROM c ORDER BY n"""),
            {"rows": json.dumps([dict(zip(names, [*map(int, row), n], strict=True))
                                 for n, row in enumerate(rows)])},
        ).all()  # fmt: skip
    for row, theirs in zip(rows.tolist(), found, strict=True):
        treat, high, done, total, tk, tc, ck, cc, issues, checks = row
        ours = Counts(treat=treat, high_uplift=high, completed=done, total=total, treat_known=tk, treat_converted=tc,
                      control_known=ck, control_converted=cc, issues=issues, checks=checks)  # fmt: skip
        assert tuple(theirs) == tuple(ours.components().values()), row


# ---- each change with its cause, once


def test_a_storm_has_a_score_from_its_first_moment(database):
    world = make_world(treat=0, hold_out=0, skip=0, suppressed=0, without_place=0)
    found = StormPlayScore(world.tenant, "hail")
    assert found.current().counts == Counts() and not found.current().is_measurable
    assert found.history()["cause"].tolist() == ["Storm added"]


def test_a_transaction_changes_it_once_whatever_it_did(database):
    play = Play()
    play.add_jobs(20)
    changes = len(play.causes())
    play.run(*[f"{COMPLETE} AND property_id = '{home}'" for home in play.homes[:15]])
    assert play.causes()[changes:] == ["15 jobs completed"]
    last = play.score.history().iloc[-1]
    assert last["changed_by"] == "Local person" and last["source"] == "jobs changed: 15 completed"
    assert last["change"] == pytest.approx(25 * 15 / 20)


def test_what_counts_for_nothing_leaves_it_alone(play):
    before = play.score.current()
    play.run("UPDATE jobs SET notes = 'A talk', status = 'contacted' WHERE storm_id = :storm AND status = 'scheduled'",
             "UPDATE lead_uplift SET next_best_action = 'call', expected_uplift = expected_uplift * 0.999",
             "INSERT INTO policy_outcomes (storm_id, property_id) VALUES (:storm, :home)")  # fmt: skip
    assert play.score.current() == before and play.agrees()


@pytest.mark.parametrize(
    ("statement", "cause"),
    [
        ("INSERT INTO jobs (storm_id, property_id) VALUES (:storm, :home)", "1 job added"),
        ("UPDATE jobs SET status = 'inspected' WHERE storm_id = :storm", None),
        (COMPLETE, "1 job completed"),
        ("UPDATE jobs SET completed_at = NULL, status = 'inspected' WHERE storm_id = :storm", "1 job open again"),
        ("UPDATE lead_uplift SET expected_uplift = 0.2", "Uplift of {high} homes changed"),
        ("INSERT INTO quality_runs (storm_id, checks, issues, seconds, made_by) VALUES (:storm, 9, 1, 1, 'x')",
         "Data quality checked"),
        ("""INSERT INTO policy_outcomes (storm_id, property_id, actual_converted)
            SELECT storm_id, property_id, property_id = :home OR decision = 'hold_out' FROM policy_decisions_log
             WHERE property_id = :home OR decision = 'hold_out'""", "9 homes signed"),
    ],
)  # fmt: skip
def test_without_words_the_cause_is_told_from_the_tables(statement, cause, database, told):
    low = told.score.recount()
    changes = len(told.causes())
    told.run(statement)
    new = told.causes()[changes:]
    assert new == ([] if cause is None else [cause.format(high=30 - low.high_uplift)])
    assert told.agrees()


@pytest.fixture(scope="module")
def told(database):
    return Play()


def test_words_are_shown_as_they_were_said_but_for_control_signs_and_length(database):
    play = Play()
    play.add_jobs(3)
    for words, shown in ((" Crew\nRay\tcompleted a job ", "Crew Ray completed a job"), ("x" * 900, "x" * 300),
                         ("   ", "1 job completed")):  # fmt: skip
        with tenancy.session(play.tenant) as connection:
            tenancy.because(connection, words)
            connection.execute(text(f"""{COMPLETE} AND job_id = (SELECT job_id FROM jobs WHERE storm_id = :storm
                                         AND status = 'scheduled' LIMIT 1)"""), play.values())  # fmt: skip
        assert play.causes()[-1] == shown


def test_words_are_of_one_transaction(database):
    play = Play()
    with tenancy.session(play.tenant) as connection:
        tenancy.because(connection, "Something else")
    play.add_jobs(2)
    assert play.causes()[-1] == "2 jobs added"


def test_the_product_says_what_people_did(database):
    world = make_world(treat=12, suppressed=0)
    routes = RouteBuilder(world.tenant, "hail").generate_routes(time_limit_s=0.2)
    RouteBuilder(world.tenant, "hail").assign_crew(routes[0].route_id, "Crew Ray")
    tracker = JobTracker(world.tenant, "hail")
    job = tracker.find(limit=1).iloc[0]["job_id"]
    for status in ("contacted", "inspected", "completed"):
        tracker.update_job(job, status=status)
    tracker.undo(job)
    assert StormPlayScore(world.tenant, "hail").history()["cause"].tolist()[1:] == [
        f"Local person generated {len(routes)} route" + "s" * (len(routes) > 1),
        "Crew Ray completed a job", "Local person took a step of a job back",
    ]  # fmt: skip


def test_an_administrators_statement_counts_too(database):
    play = Play()
    play.as_administrator(
        "INSERT INTO jobs (tenant_id, storm_id, property_id, status) VALUES (:tenant, :storm, :home, 'completed')"
    )
    assert play.agrees() and play.score.current().counts.completed == 1
    assert play.score.current().changed_by == "administrator"


def test_rows_loaded_past_all_triggers_are_counted_when_somebody_asks(database):
    play = Play()
    play.as_administrator(
        "SET LOCAL session_replication_role = replica",
        "INSERT INTO jobs (tenant_id, storm_id, property_id, status) VALUES (:tenant, :storm, :home, 'completed')",
        "SET LOCAL session_replication_role = origin",
        "SELECT recount_storm_score(:tenant, :storm, NULL, 'Loaded from a file', 'load')",
    )
    assert play.agrees() and play.causes()[-1] == "Loaded from a file"


def test_a_storm_that_has_no_kept_score_is_counted_for_whoever_reads(database, as_person):
    from stormplay import accounts

    play = Play()
    play.as_administrator("DELETE FROM score_history WHERE storm_id = :storm",
                          "DELETE FROM storm_scores WHERE storm_id = :storm")  # fmt: skip
    accounts.add_person("sc-viewer", "Vi", "long-enough-1")
    accounts.add_member("sc-viewer", play.tenant, "viewer")
    expected = play.score.recount()
    as_person("sc-viewer")
    found = StormPlayScore(play.tenant, "hail")
    assert found.current().counts == expected and found.current().as_of is None and found.history().empty


def test_it_is_told_where_a_kept_score_begins_again(database):
    """As the migration does for storms from before it."""
    play = Play()
    play.as_administrator("DELETE FROM score_history WHERE storm_id = :storm",
                          "DELETE FROM storm_scores WHERE storm_id = :storm",
                          "SELECT recount_storm_score(:tenant, :storm, NULL, 'The score begins', 'x')")  # fmt: skip
    assert play.agrees() and play.causes() == ["The score begins"]


def test_the_threshold_is_one_number(database):
    from stormplay.score import HIGH_UPLIFT

    with db.transaction(db.admin_url()) as connection:
        told = connection.execute(
            text("""SELECT (SELECT prosrc FROM pg_proc WHERE proname = 'recount_storm_score')
                    || (SELECT pg_get_indexdef('lead_uplift_high'::regclass))
                    || (SELECT string_agg(pg_get_triggerdef(oid), ' ') FROM pg_trigger
                         WHERE tgrelid = 'lead_uplift'::regclass)""")
        ).scalar_one()
    assert set(re.findall(r"expected_uplift > \(?'?([0-9.]+)", told)) == {str(HIGH_UPLIFT)}

"""Two at once, on connections of their own: whoever comes second waits, sees the first, and is refused."""

from __future__ import annotations

import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from block import Block
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from stormplay import RouteBuilder, TreatmentPolicy, tenancy
from stormplay.errors import Conflict, DatabaseUnavailable, HeldOut, StormplayError
from stormplay.policy import Rules

DECIDE = """INSERT INTO policy_decisions_log (storm_id, property_id, decision, reason, model_version)
            VALUES (:storm, :h, {}, 'r', 'm')"""
SEQUENCE = (
    "INSERT INTO nurture_sequences (property_id, storm_id, sequence_type, scheduled_at) VALUES (:h, :storm, 'x', now())"
)
WORK = {
    "job": "INSERT INTO jobs (property_id, storm_id) VALUES (:h, :storm)",
    "stop": "INSERT INTO route_properties (route_id, property_id, sequence_order)"
            " SELECT route_id, :h, :place FROM routes WHERE storm_id = :storm",
    "sequence": SEQUENCE,
    "sequence without a storm": "INSERT INTO nurture_sequences (property_id, sequence_type, scheduled_at)"
                                " VALUES (:h, 'x', now())",
}  # fmt: skip


@pytest.fixture(scope="module")
def block(database):
    made = Block(homes=60)
    made.run("INSERT INTO routes (storm_id, route_name, property_count) VALUES (:storm, 'one', 1)")
    return made


@pytest.fixture
def untouched(block):
    """A home that no other test has touched."""
    block.next = getattr(block, "next", 0) + 1
    return block.next, str(block.world.properties["property_id"].iloc[block.next])


def act(block, statement, home, *, done=None, go_on=None):
    """One transaction; it stays open between `done` and `go_on`."""
    with tenancy.session(block.tenant) as connection:
        values = {"storm": block.storm_id, "h": home[1], "place": home[0]}
        connection.execute(text(statement), {name: v for name, v in values.items() if f":{name}" in statement})
        if done is not None:
            done.set()
            assert go_on.wait(20)


def in_turn(block, home, first, second):
    """The first has written and not committed when the second comes: the second must wait. Returns its error."""
    done, go_on = threading.Event(), threading.Event()
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(act, block, first, home, done=done, go_on=go_on)
        assert done.wait(20)
        two = pool.submit(act, block, second, home)
        with pytest.raises(TimeoutError):
            two.result(0.25)
        go_on.set()
        one.result(20)
        return two.exception(20)


@pytest.mark.parametrize("work", WORK)
def test_work_first_then_the_hold_out_is_refused(work, block, untouched):
    assert isinstance(in_turn(block, untouched, WORK[work], DECIDE.format("'hold_out'")), HeldOut)


@pytest.mark.parametrize("work", WORK)
def test_hold_out_first_then_the_work_is_refused(work, block, untouched):
    assert isinstance(in_turn(block, untouched, DECIDE.format("'hold_out'"), WORK[work]), HeldOut)


def test_an_outbox_row_and_a_hold_out(block, untouched):
    """Its sequence is of another storm, so it is the row itself that is looked at."""
    later = block.another_storm(f"later-{untouched[0]}")
    block.run(SEQUENCE.replace(":storm", ":later"), h=untouched[1], later=later)
    outbox = """INSERT INTO nurture_outbox (idempotency_key, storm_id, property_id, channel, message, due_at)
                SELECT sequence_id, :storm, :h, 'mail', 'm', now() FROM nurture_sequences WHERE property_id = :h"""
    assert isinstance(in_turn(block, untouched, DECIDE.format("'hold_out'"), outbox), HeldOut)


def test_treating_and_working_do_not_wait_for_each_other(block, untouched):
    done, go_on = threading.Event(), threading.Event()
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(act, block, DECIDE.format("'treat'"), untouched, done=done, go_on=go_on)
        assert done.wait(20)
        pool.submit(act, block, WORK["job"], untouched).result(10)
        go_on.set()
        one.result(20)


def test_many_at_once_in_any_order_never_both(database):
    block = Block(homes=12)
    homes = list(enumerate(block.world.properties["property_id"], start=1))
    block.run("INSERT INTO routes (storm_id, route_name, property_count) VALUES (:storm, 'one', 1)")
    tasks = [(statement, home) for home in homes
             for statement in (DECIDE.format("'hold_out'"), random.choice(list(WORK.values())))]  # fmt: skip
    random.shuffle(tasks)

    def is_done(task):
        while True:
            try:
                act(block, *task)
                return True
            except HeldOut:
                return False
            except (DatabaseUnavailable, DBAPIError) as error:
                assert "deadlock" in str(error)  # two who hold out at once: the server ends one, who tries again

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(is_done, tasks))
    both = "SELECT count(*) FROM storm_work w JOIN policy_decisions_log d USING (tenant_id, storm_id, property_id)"
    assert block.one(both) == 0
    held = block.one("SELECT count(*) FROM policy_decisions_log")
    worked = block.one("SELECT count(DISTINCT property_id) FROM storm_work")
    assert held + worked == sum(done) >= 6
    assert held > 0
    assert worked > 0
    assert block.one("SELECT held_out FROM policy_balances") == held


def test_two_loads_at_once_leave_a_true_balance(database):
    block = Block(homes=20)
    homes = list(enumerate(block.world.properties["property_id"], start=1))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda home: act(block, DECIDE.format("'treat'"), home), homes))
    assert block.rows("SELECT eligible, treated, held_out, skipped FROM policy_balances") == [(20, 20, 0, 0)]


def test_two_who_apply_at_once_make_two_runs_or_are_told(database):
    block = Block(homes=40)
    barrier = threading.Barrier(3)

    def press(_):
        policy = TreatmentPolicy(block.tenant, "hail")
        barrier.wait(10)
        try:
            return policy.apply().done.changed
        except Conflict:
            return "told"

    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(press, range(3)))
    assert found.count(40) == 1
    assert set(found) <= {40, 0, "told"}
    numbers = block.policy.history()["run_number"].tolist()
    assert numbers == list(range(1, 1 + len([one for one in found if one != "told"])))


def test_apply_waits_for_a_job_that_is_just_written_and_then_minds_it(database):
    block = Block(homes=30)
    control = block.policy.dry_run().homes.query("to_decision == 'hold_out'")["property_id"].iloc[0]
    done, go_on = threading.Event(), threading.Event()
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(act, block, WORK["job"], (1, control), done=done, go_on=go_on)
        assert done.wait(20)
        two = pool.submit(block.policy.apply)
        with pytest.raises(TimeoutError):
            two.result(0.25)
        go_on.set()
        one.result(20)
        two.result(20)
    assert block.policy.trail(control)["reason"].tolist() == ["visited or contacted before it was drawn"]


def test_routes_and_a_policy_at_once(database):
    """Whoever is second is told so; afterwards the routes are those of treated homes."""
    block = Block(homes=40)
    block.policy.apply()
    barrier = threading.Barrier(2)

    def meet(deed):
        barrier.wait(10)
        try:
            deed()
        except StormplayError as error:
            assert isinstance(error, Conflict)

    builder = RouteBuilder(block.tenant, "hail")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(meet, (lambda: builder.generate_routes(time_limit_s=0.2), block.policy.apply)))
    assert set(builder.get_stops()["property_id"]) <= set(block.homes("treat"))


def test_of_two_who_exchange_the_rules_at_once_the_second_is_told(block):
    mine, theirs, former = Rules(crew_days=2.0), Rules(uplift_min=0.08), block.policy.kept_rules
    with ThreadPoolExecutor(1) as pool:
        with tenancy.session(block.tenant) as connection:
            connection.execute(text("UPDATE tenants SET policy_rules = CAST(:rules AS jsonb)"),
                               {"rules": json.dumps(theirs.to_mapping())})  # fmt: skip
            second = pool.submit(block.policy.exchange_rules, mine, former)
            with pytest.raises(TimeoutError):
                second.result(timeout=0.5)
        with pytest.raises(Conflict, match="kept other rules since"):
            second.result(timeout=20)
    assert block.policy.kept_rules == theirs

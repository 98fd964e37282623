"""A held-out home is on no route, job, sequence or outbox row, whichever way one tries; and no arm is changed.

Each way is tried with a treated home first: there it is taken, so that a refusal is about the arm.
"""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from datetime import UTC, datetime

import pandas as pd
import pytest
from block import Block
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from stormplay import JobTracker, NurtureLoop, RouteBuilder, tenancy
from stormplay import database as db
from stormplay.errors import ArmFixed, Conflict, HeldOut, NotAllowed, StormplayError
from stormplay.nurture import Rules
from stormplay.packs import files as packs_files
from stormplay.packs.page import to_html

PACKS = (
    packs_files.to_csv,
    packs_files.to_geojson,
    packs_files.to_gpx,
    packs_files.to_kml,
    packs_files.to_ics,
    to_html,
)
TUESDAY = datetime(2040, 5, 8, 15, 0, tzinfo=UTC)


class Undone(Exception):
    """Ends a session without keeping what it did."""


@pytest.fixture(scope="module")
def block(database):
    """Decided, with a route that nobody has begun and a contact in the outbox; a second storm, decided by hand."""
    made = Block(homes=80)
    made.policy.apply()
    made.run("UPDATE properties SET phone = '(817) 555-0142', email = 'owner@example.com'")
    RouteBuilder(made.tenant, "hail").generate_routes(time_limit_s=0.2)
    loop = NurtureLoop(made.tenant, "hail")
    loop.save_rules(Rules(holdout_share=0.0))
    loop.schedule(made.homes("treat")[:5], "quick", TUESDAY, now=TUESDAY)
    loop.due(TUESDAY)
    return made


JOB = "INSERT INTO jobs (property_id, storm_id) VALUES (:h, :storm)"
SEQUENCE = (
    "INSERT INTO nurture_sequences (property_id, storm_id, sequence_type, scheduled_at) VALUES (:h, :storm, 'x', now())"
)
WAYS = {
    "a job": JOB,
    "a job, from a query": "INSERT INTO jobs (property_id, storm_id) SELECT property_id, :storm FROM properties"
                           " WHERE property_id = :h",
    "a job among others": "INSERT INTO jobs (property_id, storm_id) SELECT property_id, :later FROM properties"
                          " WHERE property_id <> :h UNION ALL SELECT :h, :storm",
    "a job by MERGE": "MERGE INTO jobs j USING (SELECT CAST(:h AS uuid) AS h) s ON false"
                      " WHEN NOT MATCHED THEN INSERT (property_id, storm_id) VALUES (s.h, :storm)",
    "a job by upsert": JOB + " ON CONFLICT (tenant_id, storm_id, property_id) DO UPDATE SET notes = 'x'",
    "a job in a CTE": f"WITH i AS ({JOB} RETURNING 1) SELECT count(*) FROM i",
    "a stop": "INSERT INTO route_properties (route_id, property_id, sequence_order)"
              " SELECT route_id, :h, 999 FROM routes ORDER BY route_id LIMIT 1",
    "a sequence": SEQUENCE,
    "a sequence without a storm": "INSERT INTO nurture_sequences (property_id, sequence_type, scheduled_at)"
                                  " VALUES (:h, 'x', now())",
    "an outbox row": "INSERT INTO nurture_outbox (idempotency_key, storm_id, property_id, channel, message, due_at)"
                     " SELECT sequence_id, :storm, :h, 'mail', 'm', now() FROM nurture_sequences n WHERE NOT EXISTS"
                     " (SELECT FROM nurture_outbox b WHERE b.idempotency_key = n.sequence_id) LIMIT 1",
}  # fmt: skip


def fresh(block, decision):
    """A home of that decision without job, stop or contact."""
    return block.one(
        "SELECT property_id::text FROM policy_decisions_log d WHERE storm_id = :storm AND decision = :d"
        " AND NOT EXISTS (SELECT FROM jobs j WHERE j.property_id = d.property_id)"
        " AND NOT EXISTS (SELECT FROM nurture_sequences n WHERE n.property_id = d.property_id) ORDER BY 1 LIMIT 1",
        d=decision,
    )


def attempt(block, home, *statements):
    """Do it in the company, and take it back; what the database refuses is raised."""
    later = block.rows("SELECT storm_id FROM storms WHERE slug = 'later'")
    values = {"h": home, "storm": block.storm_id, "later": later[0][0] if later else None}
    with suppress(Undone), tenancy.session(block.tenant) as connection:
        for statement in statements:
            wanted = {name: value for name, value in values.items() if f":{name}" in statement}
            connection.execute(text(statement), wanted)
        raise Undone


@pytest.fixture(scope="module")
def taken_back(block):
    """Treated homes without a job: the plan that nobody has begun is withdrawn, but one stop stays to be moved."""
    block.another_storm()
    block.run("SELECT retire_planned_routes(:storm)")
    block.run("INSERT INTO routes (storm_id, route_name, property_count) VALUES (:storm, 'one', 1)")
    return block


@pytest.mark.parametrize("way", WAYS)
def test_no_way_in_for_a_control(way, taken_back):
    block = taken_back
    attempt(block, fresh(block, "treat"), WAYS[way])
    home = fresh(block, "hold_out")
    with pytest.raises(HeldOut) as caught:
        attempt(block, home, WAYS[way])
    assert str(caught.value) == (
        f"This home is in the control group of the storm 'Hail': {home}. "
        "It is not visited and not contacted, so that we know what visits are worth."
    )
    for table in ("jobs", "route_properties", "nurture_sequences", "nurture_outbox"):
        assert block.one(f"SELECT count(*) FROM {table} WHERE property_id = :h", h=home) == 0


def test_the_bulk_insert_of_the_library_meets_it_too(taken_back):
    block = taken_back
    rows = pd.DataFrame({"property_id": [fresh(block, "treat"), fresh(block, "hold_out")], "storm_id": block.storm_id})
    with pytest.raises(HeldOut), tenancy.session(block.tenant) as connection:
        tenancy.insert(connection, "jobs", rows)


@pytest.mark.parametrize("role", ["kernel", "administrator"])
def test_keys_cannot_be_moved_onto_a_control(role, taken_back):
    """A kernel may change no key at all; an administrator may, to a treated home."""
    block = taken_back
    first, second = block.homes("treat")[-2:]
    control = fresh(block, "hold_out")
    setup = [
        f"INSERT INTO jobs (property_id, storm_id, notes) VALUES ('{first}', '{block.storm_id}', 'moved')",
        "INSERT INTO route_properties (route_id, property_id, sequence_order)"
        f" SELECT route_id, '{first}', 998 FROM routes WHERE route_name = 'one'",
        "INSERT INTO nurture_sequences (property_id, storm_id, sequence_type, scheduled_at)"
        f" VALUES ('{first}', '{block.storm_id}', 'moved', now())",
    ]
    moves = [
        "UPDATE jobs SET property_id = '{}' WHERE notes = 'moved'",
        "UPDATE route_properties SET property_id = '{}' WHERE sequence_order = 998",
        "UPDATE nurture_sequences SET property_id = '{}' WHERE sequence_type = 'moved'",
        "UPDATE nurture_outbox SET property_id = '{}'"
        " WHERE idempotency_key = (SELECT min(idempotency_key::text)::uuid FROM nurture_outbox"
        f" WHERE storm_id = '{block.storm_id}')",
    ]
    for move in moves:
        if role == "kernel":
            with pytest.raises(NotAllowed):
                attempt(block, None, *setup, move.format(second))
            continue
        for home, code in ((second, None), (control, "SP001")):
            assert as_administrator(block, *setup, move.format(home)) == code, move


def as_administrator(block, *statements):
    """The SQLSTATE of the refusal, or None; nothing is kept."""
    with db.engine(db.admin_url()).connect() as connection, connection.begin() as transaction:
        tenant = connection.execute(text("SELECT tenant_id FROM tenants WHERE slug = :s"), {"s": block.tenant}).scalar()
        connection.execute(text("SET LOCAL search_path = public"))
        try:
            for statement in statements:
                given = statement
                if statement.startswith("INSERT"):  # nobody is a member here: the tenant is named
                    given = statement.replace(" (", " (tenant_id, ", 1)
                    given = given.replace("VALUES (", f"VALUES ('{tenant}', ").replace(
                        "SELECT ", f"SELECT '{tenant}', ", 1
                    )
                connection.execute(text(given))
            connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        except DBAPIError as error:
            return db.sqlstate(error)
        finally:
            transaction.rollback()
    return None


def test_a_route_cannot_be_moved_into_the_storm_of_a_control(taken_back):
    block = taken_back
    control = fresh(block, "hold_out")
    later = block.one("SELECT storm_id FROM storms WHERE slug = 'later'")
    made = [
        f"INSERT INTO routes (storm_id, route_name, property_count) VALUES ('{later}', 'other', 1)",
        "INSERT INTO route_properties (route_id, property_id, sequence_order)"
        " SELECT route_id, '{}', 1 FROM routes WHERE route_name = 'other'",
    ]
    move = f"UPDATE routes SET storm_id = '{block.storm_id}' WHERE route_name = 'other'"
    for home, code in ((block.homes("treat")[0], None), (control, "SP001")):
        assert as_administrator(block, made[0], made[1].format(home), move) == code


def test_an_administrator_is_refused_as_well(taken_back):
    block = taken_back
    insert = f"INSERT INTO jobs (property_id, storm_id) VALUES ('{{}}', '{block.storm_id}')"
    assert as_administrator(block, insert.format(fresh(block, "treat"))) is None
    assert as_administrator(block, insert.format(fresh(block, "hold_out"))) == "SP001"


def test_a_control_of_one_storm_may_be_visited_for_another(taken_back):
    """Whether it should is the policy's to say (it skips it while the other storm is open), not the constraint's."""
    block = taken_back
    attempt(block, fresh(block, "hold_out"), JOB.replace(":storm", ":later"))
    block.run("UPDATE storms SET status = 'closed' WHERE storm_id = :storm")
    attempt(block, fresh(block, "hold_out"), WAYS["a sequence without a storm"])
    block.run("UPDATE storms SET status = 'active' WHERE storm_id = :storm")


def test_nobody_passes_by_changing_the_tenant_in_the_middle(taken_back, database):
    """A member of two companies shows the insert one of them and the trigger the other."""
    block, other = taken_back, Block(homes=2)
    ids = {slug: tenancy.my_tenants().set_index("slug").loc[slug, "tenant_id"] for slug in (block.tenant, other.tenant)}
    statement = """INSERT INTO jobs (tenant_id, property_id, storm_id) SELECT CAST(:mine AS uuid), CAST(:h AS uuid),
                   CAST(:storm AS uuid) FROM (SELECT set_config('app.tenant_id', :to, true) OFFSET 0) f"""
    values = {"mine": ids[block.tenant], "storm": block.storm_id}
    for home in (fresh(block, "treat"), fresh(block, "hold_out")):
        with pytest.raises(NotAllowed), tenancy.session(block.tenant) as connection:
            connection.execute(text(statement), {**values, "h": home, "to": ids[other.tenant]})
        assert block.one("SELECT count(*) FROM jobs WHERE property_id = :h", h=home) == 0


def test_a_transaction_that_keeps_one_snapshot_writes_no_work(taken_back):
    block = taken_back
    with db.engine(db.admin_url()).connect() as connection, connection.begin() as transaction:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        with pytest.raises(DBAPIError, match="READ COMMITTED"):
            connection.execute(text("""INSERT INTO jobs (tenant_id, property_id, storm_id)
                SELECT tenant_id, property_id, storm_id FROM policy_decisions_log
                 WHERE decision = 'treat' AND property_id = :h"""), {"h": fresh(block, "treat")})  # fmt: skip
        transaction.rollback()


# What the product itself does. --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def at_work(database, tmp_path_factory):
    """A block whose crews are out: everything the product makes is made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORMPLAY_PICTURES", str(tmp_path_factory.mktemp("pictures")))
        made = Block(homes=80)
        made.policy.apply()
        made.run("UPDATE properties SET phone = '(817) 555-0142', email = 'owner@example.com'")
        yield made


def test_routes_packs_lists_and_files_have_no_control(at_work):
    block = at_work
    held, treated = set(block.homes("hold_out")), set(block.homes("treat"))
    builder, tracker, loop = (make(block.tenant, "hail") for make in (RouteBuilder, JobTracker, NurtureLoop))
    loop.save_rules(Rules(holdout_share=0.0))
    routes = builder.generate_routes(time_limit_s=0.2)
    stops = set(builder.get_stops()["property_id"])
    assert stops == treated
    address = block.world.properties.set_index("property_id")["address"]
    taken_along = [tracker.get_pack(route_id=route.route_id) for route in routes]
    for files in (
        "\n".join(builder.export_route_csv(route.route_id) for route in routes),
        loop.export_csv(threshold=0.1, now=TUESDAY),
        *("\n".join(to(pack) for pack in taken_along) for to in PACKS),
    ):
        assert all(address[home] in files for home in treated)
        assert not any(address[home] in files or home in files for home in held)
    assert set(tracker.find(limit=1_000)["property_id"]) == treated
    assert set(loop.candidates(threshold=0.1, page_size=1_000, now=TUESDAY)["property_id"]) == treated
    asked = loop.schedule([*held, *treated], "quick", TUESDAY, now=TUESDAY).set_index("property_id")
    assert set(asked.loc[list(held), "reason"]) == {"standing holdout"}
    assert set(asked.loc[list(treated), "outcome"]) == {"scheduled"}
    assert set(loop.due(TUESDAY)["property_id"]) <= treated
    assert set(loop.hand_over(now=TUESDAY)["property_id"]) <= treated
    assert block.one("SELECT count(*) FROM storm_work w JOIN policy_decisions_log d USING (tenant_id, storm_id,"
                     " property_id) WHERE d.decision = 'hold_out'") == 0  # fmt: skip


def test_a_file_from_the_field_makes_no_job_for_a_control(at_work):
    block = at_work
    tracker = JobTracker(block.tenant, "hail")
    control = block.homes("hold_out")[0]
    file = f"job_id,status,new_status,new_note,seen_at\n{control},scheduled,contacted,x,2021-05-03 14:00\n"
    done = tracker.import_csv(file)
    assert done.changed == 0
    assert "no such job" in done.faults[0].sentence
    with pytest.raises(StormplayError):
        tracker.get_job(control)


def test_csv_is_read_by_a_reader_that_has_not_written_it(at_work):
    block = at_work
    loop = NurtureLoop(block.tenant, "hail")
    rows = list(csv.DictReader(io.StringIO(loop.export_csv(threshold=0.1, now=TUESDAY))))
    assert {row["stormplay_property_id"] for row in rows} <= set(block.homes("treat"))
    assert rows


# The other way round, and the arms. ---------------------------------------------------------------------------------

BECOME = "UPDATE policy_decisions_log SET decision = '{}' WHERE storm_id = :storm AND property_id = :h"
WORKED = {
    "a job": [JOB],
    "a stop": ["INSERT INTO routes (storm_id, route_name, property_count) VALUES (:storm, 'r', 1)",
               "INSERT INTO route_properties (route_id, property_id, sequence_order)"
               " SELECT route_id, :h, 1 FROM routes WHERE route_name = 'r'"],
    "a sequence": [SEQUENCE],
    "a sequence without a storm": [WAYS["a sequence without a storm"]],
    "a contact": [SEQUENCE,
                  "INSERT INTO nurture_outbox (idempotency_key, storm_id, property_id, channel, message, due_at)"
                  " SELECT sequence_id, :storm, :h, 'mail', 'm', now() FROM nurture_sequences WHERE property_id = :h"],
}  # fmt: skip


@pytest.fixture(scope="module")
def undecided(database):
    return Block(homes=6)


@pytest.mark.parametrize("how", WORKED)
@pytest.mark.parametrize("by", ["insert", "update"])
def test_who_is_worked_on_cannot_be_held_out(how, by, undecided):
    block, home = undecided, str(undecided.world.properties["property_id"].iloc[0])
    insert = ("INSERT INTO policy_decisions_log (storm_id, property_id, decision, reason, model_version)"
              " VALUES (:storm, :h, '{}', 'r', 'm')")  # fmt: skip
    hold_out = [insert.format("hold_out")] if by == "insert" else [insert.format("skip"), BECOME.format("hold_out")]
    treat = [insert.format("treat")] if by == "insert" else [insert.format("skip"), BECOME.format("treat")]
    attempt(block, home, *hold_out)
    attempt(block, home, *WORKED[how], *treat)
    with pytest.raises(HeldOut, match="cannot be in the control group of the storm 'Hail', since it has a"):
        attempt(block, home, *WORKED[how], *hold_out)


@pytest.fixture(scope="module")
def drawn(database):
    made = Block(homes=80)
    made.policy.apply()
    return made


@pytest.mark.parametrize(("arm", "other"), [("treat", "hold_out"), ("hold_out", "treat")])
def test_an_arm_is_never_changed_not_even_by_a_detour(arm, other, drawn):
    home = drawn.homes(arm)[0]
    with pytest.raises(ArmFixed, match=f"was drawn as '{arm}' for the storm 'Hail' and cannot become '{other}'"):
        attempt(drawn, home, BECOME.format(other))
    with pytest.raises(ArmFixed, match=f"was drawn as '{arm}'"):
        attempt(drawn, home, BECOME.format("skip"), BECOME.format(other))
    attempt(drawn, home, BECOME.format("skip"), BECOME.format(arm))


BEGUN = {
    "a job that has begun": ["INSERT INTO jobs (property_id, storm_id, status) VALUES (:h, :storm, 'contacted')"],
    "a route that has begun": ["INSERT INTO routes (storm_id, route_name, property_count, status)"
                               " VALUES (:storm, 'r', 1, 'started')", WORKED["a stop"][1]],
    "a contact made": [SEQUENCE, "UPDATE nurture_sequences SET status = 'done' WHERE property_id = :h"],
    "a contact handed over": [*WORKED["a contact"],
                              "UPDATE nurture_outbox SET handed_at = now() WHERE property_id = :h"],
}  # fmt: skip
OUTCOME = "INSERT INTO policy_outcomes (property_id, storm_id) VALUES (:h, :storm)"


@pytest.mark.parametrize("how", BEGUN)
def test_who_has_begun_does_not_leave(how, drawn):
    home = drawn.homes("treat")[0]
    attempt(drawn, home, *BEGUN[how])
    with pytest.raises(ArmFixed, match="keeps its decision"):
        attempt(drawn, home, *BEGUN[how], BECOME.format("skip"))


@pytest.mark.parametrize("arm", ["treat", "hold_out"])
def test_who_has_an_outcome_does_not_leave(arm, drawn):
    with pytest.raises(ArmFixed, match="has a known outcome and keeps its decision"):
        attempt(drawn, drawn.homes(arm)[0], OUTCOME, BECOME.format("skip"))


@pytest.mark.parametrize("how", ["a job", "a stop", "a sequence"])
def test_what_is_only_planned_keeps_nobody(how, drawn):
    attempt(drawn, drawn.homes("treat")[0], *WORKED[how], BECOME.format("skip"))


# The sum of a storm. ------------------------------------------------------------------------------------------------


def test_the_sum_is_kept_of_rows_that_no_policy_wrote(undecided):
    block = undecided
    ids = list(block.world.properties["property_id"])
    later = block.another_storm("unrun")
    for home, decision in zip(ids, ("treat", "treat", "hold_out", "skip", "skip", "skip"), strict=True):
        block.run("INSERT INTO policy_decisions_log (storm_id, property_id, decision, reason, model_version)"
                  " VALUES (:later, :h, :d, 'r', 'm')", later=later, h=home, d=decision)  # fmt: skip
    counted = "SELECT eligible, treated, held_out, skipped FROM policy_balances WHERE storm_id = :later"
    assert block.rows(counted, later=later) == [(6, 2, 1, 3)]
    block.run("UPDATE policy_decisions_log SET decision = 'skip' WHERE storm_id = :later", later=later)
    assert block.rows(counted, later=later) == [(6, 0, 0, 6)]


def test_a_false_sum_is_refused_at_once_and_a_false_balance_at_the_commit(drawn):
    for false in ("eligible = eligible + 1", "treated = treated + 1, skipped = skipped - 1"):
        with pytest.raises(DBAPIError, match="policy_balances"):
            drawn.run(f"UPDATE policy_balances SET {false}")
    with pytest.raises(Conflict, match="balance of this storm does not hold"):
        drawn.run("UPDATE policy_balances SET treated = treated - 1, held_out = held_out + 1")
    with pytest.raises(DBAPIError, match="policy_runs_check"):
        drawn.run(_RUN.format("eligible, treated + 1"))


_RUN = """INSERT INTO policy_runs (storm_id, run_number, rules, salt, holdout_share, model_version, eligible, treated,
       held_out, skipped, changed, ledger, made_by)
SELECT storm_id, 99, '{{}}', 'hail', 0.2, 'm', {}, held_out, skipped, 0, '[]', 'x' FROM policy_balances
 WHERE storm_id = :storm"""


def test_a_run_that_says_what_is_not_so_is_not_committed(drawn):
    with pytest.raises(Conflict, match="The newest run of the treatment policy says"):
        drawn.run(_RUN.format("eligible - 1, treated - 1"))
    attempt(drawn, None, _RUN.format("eligible, treated"), "SET CONSTRAINTS ALL IMMEDIATE")


def test_a_decision_past_the_runs_is_not_committed(drawn):
    with pytest.raises(Conflict, match=r"Decide by TreatmentPolicy\.apply"):
        drawn.run("UPDATE policy_decisions_log SET decision = 'skip' WHERE property_id = :h", h=drawn.homes("treat")[0])
    assert drawn.policy.dry_run().changed == 0


def test_a_balance_that_another_tenant_hides_is_not_committed(drawn, database):
    other = Block(homes=2)
    to = tenancy.my_tenants().set_index("slug").loc[other.tenant, "tenant_id"]
    with (
        pytest.raises(Conflict, match="no decisions that could be counted"),
        tenancy.session(drawn.tenant) as connection,
    ):
        connection.execute(text("UPDATE policy_balances SET treated = treated - 1, held_out = held_out + 1"))
        connection.execute(text("SELECT set_config('app.tenant_id', :to, true)"), {"to": to})


def test_rows_that_came_past_all_triggers_are_counted_at_the_next_change(database):
    """As a restore or a bulk load by the administrator brings them."""
    block = Block(homes=10)
    homes = list(block.world.properties["property_id"])
    with db.transaction(db.admin_url()) as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text("""INSERT INTO policy_decisions_log (tenant_id, storm_id, property_id, decision, reason,
            model_version) SELECT s.tenant_id, s.storm_id, p.property_id, 'treat', 'r', 'm' FROM storms s
            JOIN properties p USING (tenant_id) WHERE s.storm_id = :s AND p.property_id <> :h"""),
            {"s": block.storm_id, "h": homes[0]})  # fmt: skip
    block.run("INSERT INTO policy_decisions_log (storm_id, property_id, decision, reason, model_version)"
              " VALUES (:storm, :h, 'skip', 'r', 'm')", h=homes[0])  # fmt: skip
    assert block.rows("SELECT eligible, treated, held_out, skipped FROM policy_balances") == [(10, 9, 0, 1)]


def test_a_decision_names_a_run_of_its_own_storm(drawn):
    run = drawn.policy.history()["run_id"].iloc[0]
    later = drawn.another_storm("elsewhere")
    insert = ("INSERT INTO policy_decisions_log (storm_id, property_id, decision, reason, model_version, run_id)"
              " SELECT :later, property_id, 'skip', 'r', 'm', :run FROM properties LIMIT 1")  # fmt: skip
    with pytest.raises(DBAPIError, match="names a run that its storm has not"):
        drawn.run(insert, later=later, run=run)


def test_the_trail_is_only_added_to(drawn):
    for statement in ("UPDATE policy_decision_changes SET to_reason = 'x'", "DELETE FROM policy_decision_changes",
                      "UPDATE policy_runs SET made_by = 'x'", "DELETE FROM policy_runs"):  # fmt: skip
        with pytest.raises(NotAllowed):
            drawn.run(statement)

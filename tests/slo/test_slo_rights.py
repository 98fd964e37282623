"""Nobody counts, promises, alerts or listens for another company; what no kernel may say is refused.

Each refusal names its SQLSTATE, and beside it stands what the same login may do.
"""

from __future__ import annotations

from uuid import uuid4

import psycopg2
import pytest
from counted import counts, put, rows, tenant_id
from world import as_administrator, guests

from stormplay import accounts, broker, slo
from stormplay.errors import NotAllowed, UnknownTenant
from stormplay.slo import watching


@pytest.fixture(scope="module")
def sides(database):
    """Ours, in which ana is an admin, and theirs with an objective, counts, an alert, a contact and a message."""
    mine, theirs = (f"side-{uuid4().hex[:8]}" for _ in range(2))
    for slug in (mine, theirs):
        accounts.add_tenant(slug, f"Side {slug}", is_synthetic=True)
    with guests(mine, "admin", "ana"), guests(theirs, "admin", "ben"):
        put(theirs, "page_time", 0, 60)
        rows("""INSERT INTO slo_contacts (tenant_id, channel, address)
                VALUES (CAST(:t AS uuid), 'webhook', 'https://hooks.example/a-key') RETURNING 1""",
             t=tenant_id(theirs))  # fmt: skip
        rows("""INSERT INTO slo_objectives (tenant_id, service, target)
                VALUES (CAST(:t AS uuid), 'report_success', 0.9) RETURNING 1""", t=tenant_id(theirs))  # fmt: skip
        watching.turn()
        yield {"mine": tenant_id(mine), "theirs": tenant_id(theirs), "slug": mine, "other": theirs}


def ask(login, chosen, query, **values):
    """The rows of a statement as that login, in a company; or the SQLSTATE of its refusal."""
    link = psycopg2.connect(login.url)
    try:
        with link, link.cursor() as cursor:
            cursor.execute("SELECT set_config('app.tenant_id', %s, true)", (chosen,))
            cursor.execute(query, values)
            return cursor.fetchall() if cursor.description else cursor.rowcount
    except psycopg2.Error as error:
        return error.pgcode
    finally:
        link.close()


FORGED = {
    "counts": "INSERT INTO slo_counts VALUES (%(t)s, 'page_time', now(), 9, 9)",
    "better counts": "UPDATE slo_counts SET good = total",
    "no counts": "DELETE FROM slo_counts",
    "an alert": "INSERT INTO slo_alerts (tenant_id, service, severity, rule, cause, next_action, burn, bad, total, "
    "opened_at) VALUES (%(t)s, 'page_time', 'soon', 'x', 'x', 'x', 1, 1, 1, now())",
    "an alert closed": "UPDATE slo_alerts SET closed_at = now()",
    "an alert's cause": "UPDATE slo_alerts SET cause = 'nothing'",
    "another's acknowledgement": "UPDATE slo_alerts SET acknowledged_by = 'somebody else'",
    "a message": "INSERT INTO slo_outbox (tenant_id, alert_id, contact_id, kind) SELECT %(t)s, alert_id, "
    "gen_random_uuid(), 'opened' FROM slo_alerts",
    "a message told": "UPDATE slo_outbox SET status = 'sent'",
    "who set it": "UPDATE slo_objectives SET set_by = 'somebody else'",
    "an address read": "SELECT address FROM slo_contacts",
    "all of a contact": "SELECT * FROM slo_contacts",
    "an address changed": "UPDATE slo_contacts SET address = 'https://evil.example'",
    "pages": "SELECT sec.count_pages(gen_random_uuid(), '[]')",
    "a look": "SELECT sec.look_at_slo()",
    "a look at the stream": "SELECT sec.look_at_stream('{}', '{}')",
    "a count": "SELECT sec.count_slo(%(t)s, 'page_time', now(), 1, 1)",
    "all numbers": "SELECT * FROM sec.slo_windows(NULL)",
    "an opened alert": "SELECT sec.open_slo_alert(%(t)s, 'page_time', 'soon', 'x', 'x', 'x', 1, 1, 1, NULL)",
    "a quiet alert": "SELECT sec.quiet_slo_alert(%(t)s, 'page_time', NULL)",
    "messages": "SELECT * FROM sec.take_slo_messages(1)",
    "an ended message": "SELECT sec.end_slo_message(%(t)s, gen_random_uuid(), 'sent', '', NULL)",
    "folded": "SELECT sec.fold_slo()",
    "retired": "SELECT sec.retire_slo('1 year')",
    "the defaults": "UPDATE sec.slo_service SET target = 0.5",
    "the batches": "DELETE FROM sec.slo_batch",
}


@pytest.mark.parametrize("what", FORGED)
def test_a_kernel_forges_nothing_in_its_own_company_either(sides, as_person, what):
    login = as_person("ana")
    assert ask(login, sides["mine"], FORGED[what], t=sides["mine"]) == "42501"


def test_a_failed_plan_is_told_of_ones_own_company_alone(sides, as_person):
    login = as_person("ana")
    assert ask(login, sides["theirs"], "SELECT sec.count_failed_plan()") == "42501"
    assert ask(login, "", "SELECT sec.count_failed_plan()") == "42501"
    assert isinstance(ask(login, sides["mine"], "SELECT sec.count_failed_plan()"), list), "of one's own it is"
    broker_side = pytest.MonkeyPatch()
    broker_side.delenv("STORMPLAY_DATABASE_URL", raising=False)
    assert counts(sides["slug"], "route_generation") == (0, 1)
    assert counts(sides["other"], "route_generation") == (0, 0)
    broker_side.undo()


def test_anothers_objectives_alerts_and_contacts_are_not_there(sides, as_person):
    login = as_person("ana")
    for table in ("slo_objectives", "slo_counts", "slo_alerts", "slo_contacts", "slo_outbox"):
        query = f"SELECT count(*) FROM {table} WHERE tenant_id = %(t)s"
        assert ask(login, sides["mine"], query, t=sides["theirs"]) == [(0,)], table
        assert ask(login, sides["theirs"], query, t=sides["theirs"]) == "42501", table
    for act in (
        lambda: slo.standing(sides["other"]),
        lambda: slo.set_objective(sides["other"], "page_time", 0.5),
        lambda: slo.add_contact(sides["other"], "me@evil.example"),
    ):
        with pytest.raises(UnknownTenant):
            act()
    statement = "INSERT INTO slo_contacts (tenant_id, channel, address) VALUES (%(t)s, 'mail', 'me@evil.example')"
    assert ask(login, sides["mine"], statement, t=sides["theirs"]) == "42501"
    assert ask(login, sides["mine"], statement, t=sides["mine"]) == 1, "of one's own it is"


def test_only_admins_promise_and_say_who_is_told(sides, as_person):
    as_administrator(accounts.add_member, "vic", sides["slug"], "operator")
    as_person("vic")
    for act in (
        lambda: slo.set_objective(sides["slug"], "page_time", 0.5),
        lambda: slo.add_contact(sides["slug"], "me@evil.example"),
    ):
        with pytest.raises(NotAllowed):
            act()
    assert len(slo.standing(sides["slug"]).frame) == len(slo.SERVICES), "reading is for every member"
    as_administrator(accounts.remove_member, "vic", sides["slug"])


def test_the_stream_may_look_and_nothing_else(sides, database):
    service = broker.open_service("stream", 60)
    try:
        assert ask(service, "", "SELECT sec.look_at_stream('{}', '{}')") == [(0,)]
        for what in ("pages", "a count", "all numbers", "an opened alert", "messages"):
            assert ask(service, sides["theirs"], FORGED[what], t=sides["theirs"]) == "42501", what
    finally:
        broker.close_kernel(service.login)


def test_the_broker_reads_no_row(database):
    from stormplay import database as db

    link = psycopg2.connect(db.broker_url().set(drivername="postgresql").render_as_string(hide_password=False))
    for table in ("slo_objectives", "slo_counts", "slo_alerts", "slo_contacts", "slo_outbox"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege), link, link.cursor() as cursor:
            cursor.execute(f"SELECT 1 FROM public.{table}")
    link.close()

"""Nobody writes usage or an invoice, and nobody sees another company's: each way is tried by an admin of a company."""

from __future__ import annotations

from datetime import UTC, date, datetime

import psycopg2
import pytest
from world import make_world

from stormplay import accounts, billing, broker, tenancy
from stormplay.billing import closing, metering, subscribing
from stormplay.errors import UnknownTenant


@pytest.fixture(scope="module")
def sides(database):
    """Two companies with a plan, usage and an invoice; somebody is admin of the first alone."""
    made = []
    for _ in range(2):
        world = make_world(treat=4, hold_out=1, skip=1, suppressed=0, without_place=0)
        with tenancy.session(world.tenant) as connection:
            world.tenant_id = connection.info["tenant_id"]
        subscribing.subscribe(world.tenant, "starter", date(2024, 1, 1))
        metering.record(world.tenant, "reports", "a", 150, datetime(2024, 1, 9, tzinfo=UTC))
        closing.close_month(world.tenant, "2024-01")
        made.append(world)
    metering.meter_all()
    accounts.add_person("biller", "Bil Ler", "long-enough-1")
    accounts.add_member("biller", made[0].tenant, "admin")
    return made


@pytest.fixture
def link(sides):
    login = broker.open_kernel("biller", purpose="test")
    link = psycopg2.connect(login.url)
    link.cursor().execute("SELECT set_config('app.tenant_id', %s, true)", (str(sides[0].tenant_id),))
    yield link
    link.close()
    broker.close_kernel(login.login)


FORGERIES = [
    "INSERT INTO usage_events VALUES (%(mine)s, 'reports', 'x', 1, now(), now(), NULL)",
    "INSERT INTO usage_events VALUES (%(theirs)s, 'reports', 'x', 1, now(), now(), NULL)",
    "UPDATE usage_events SET quantity = 0",
    "DELETE FROM usage_events",
    "TRUNCATE usage_events",
    "SELECT * FROM usage_events FOR UPDATE",
    "UPDATE usage_hourly SET quantity = 0",
    "DELETE FROM usage_hourly",
    "SELECT * FROM sec.usage_pending",
    "DELETE FROM sec.usage_pending",
    "SELECT sec.record_usage(%(theirs)s, 'reports', 'x', 1, now(), NULL)",
    "SELECT sec.roll_up_usage()",
    "SELECT sec.measure_storage()",
    "SELECT sec.warn_usage()",
    "SELECT sec.retire_usage('500 days')",
    "SELECT * FROM sec.usage_days(%(theirs)s, '2000-01-01', '2100-01-01')",
    "SELECT * FROM sec.usage_standing(%(theirs)s, '2024-01-01', '2024-01-01')",
    "SELECT sec.check_cap(%(theirs)s, 'reports', 1)",
    "SELECT sec.meter_reports()",
    "UPDATE billing_accounts SET time_zone = 'UTC'",
    "UPDATE subscriptions SET terms = '{}'",
    "UPDATE subscriptions SET valid_until = '2024-02-01'",
    "INSERT INTO subscriptions SELECT tenant_id, '2023-01-01', '2023-02-01', plan, version, currency, 0, '{}' FROM subscriptions",
    "SELECT * FROM sec.plan",
    "UPDATE invoices SET total_cents = 0",
    "DELETE FROM invoices",
    "UPDATE invoice_lines SET amount_cents = 0",
    "INSERT INTO invoices (tenant_id, number) VALUES (%(mine)s, 2)",
    "INSERT INTO usage_warnings VALUES (%(mine)s, '2024-01-01', 'reports', 80, 1, 1, 'x')",
    "ALTER TABLE route_properties DISABLE TRIGGER meter_insert",
    "ALTER TABLE invoices DISABLE TRIGGER never_changed",
    "SET session_replication_role = replica",
]  # fmt: skip


@pytest.mark.parametrize("forgery", FORGERIES)
def test_no_statement_writes_what_is_billed(forgery, link, sides):
    cursor = link.cursor()
    cursor.execute("SELECT (SELECT count(*) FROM usage_events), (SELECT count(*) FROM invoices)")
    assert min(cursor.fetchone()) > 0  # the positive control: it may be read
    with pytest.raises(psycopg2.Error) as refused:
        cursor.execute(forgery, {"mine": str(sides[0].tenant_id), "theirs": str(sides[1].tenant_id)})
    assert refused.value.pgcode in ("42501", "SP006"), refused.value


def test_a_setting_hides_nothing_that_is_counted(link):
    """The words by which the rollup keeps its own writing out of the audit log are no way around a meter."""
    cursor = link.cursor()
    cursor.execute("SET LOCAL app.usage_hand = 'rollup'")
    query = "SELECT sum(quantity) FROM usage_events WHERE meter = 'scored_properties'"
    cursor.execute(query)
    before = cursor.fetchone()[0]
    cursor.execute("UPDATE lead_uplift SET expected_uplift = 0.1")
    cursor.execute(query)
    assert cursor.fetchone()[0] == before + 6


def test_another_companys_bill_is_as_if_it_were_not_there(link, sides, as_person):
    mine, theirs = sides
    cursor = link.cursor()
    for table in ("usage_events", "usage_hourly", "billing_accounts", "subscriptions", "invoices", "invoice_lines"):
        cursor.execute(f"SELECT count(*) FILTER (WHERE tenant_id <> %s), count(*) FROM {table}", (str(mine.tenant_id),))
        other, own = cursor.fetchone()
        assert other == 0 < own, table
    as_person("biller")
    assert len(billing.standing(mine.tenant).invoices) == 1
    for asked in (lambda: billing.standing(theirs.tenant), lambda: billing.invoice(theirs.tenant, 1),
                  lambda: billing.to_csv(theirs.tenant, 1), lambda: billing.to_pdf(str(theirs.tenant_id), 1)):  # fmt: skip
        with pytest.raises(UnknownTenant):
            asked()


def test_a_cap_is_asked_of_ones_own_company_alone(link, sides):
    cursor = link.cursor()
    cursor.execute("SELECT sec.check_my_stops(%s, '{}')", (sides[1].storm_id,))  # of a storm of theirs: nothing is told
    cursor.execute("SELECT set_config('app.tenant_id', %s, true)", (str(sides[1].tenant_id),))
    for function in ("sec.check_my_stops(%(storm)s, '{}')", "sec.my_usage('2024-01-01', '2024-02-01')"):
        cursor.execute("SAVEPOINT one")
        with pytest.raises(psycopg2.Error) as refused:
            cursor.execute(f"SELECT {function}", {"storm": sides[1].storm_id})
        assert refused.value.pgcode == "42501"
        cursor.execute("ROLLBACK TO one")

"""The catalogue is linted: a table whose author forgot the lock fails here, and each check is proved by a fault."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from stormplay import database as db
from stormplay import lint


@pytest.fixture
def connection(database):
    """An administrator's transaction that is always rolled back."""
    with db.engine(db.admin_url()).connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()


def test_the_schema_has_no_fault(connection):
    assert lint.faults(connection) == []


def test_every_table_of_the_contract_is_there(connection):
    tables = set(connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars())
    contract = (
        "tenants storms properties lead_uplift policy_decisions_log policy_outcomes routes route_properties jobs "
        "nurture_sequences customer_journeys"
    )
    assert set(contract.split()) <= tables


PLANTED = {
    "no policy": "CREATE TABLE planted (tenant_id uuid, id uuid, PRIMARY KEY (tenant_id, id))",
    "row security off": "ALTER TABLE jobs DISABLE ROW LEVEL SECURITY",
    "not forced": "ALTER TABLE jobs NO FORCE ROW LEVEL SECURITY",
    "policy dropped": "DROP POLICY reads ON jobs",
    "policy loosened": "ALTER POLICY reads ON jobs USING (true)",
    "a viewer may write": "ALTER POLICY adds ON jobs WITH CHECK (tenant_id = (SELECT sec.tenant_for('viewer')))",
    "anybody of the tenant may change": "ALTER POLICY changes ON jobs USING (tenant_id = (SELECT sec.tenant()))",
    "policy for one role alone": "ALTER POLICY reads ON jobs TO stormplay_owner",
    "second policy": "CREATE POLICY more ON jobs USING (true)",
    "check loosened": "ALTER POLICY adds ON jobs WITH CHECK (true)",
    "key without tenant": "ALTER TABLE jobs ADD CONSTRAINT planted UNIQUE (job_id)",
    "index without tenant": "CREATE INDEX planted ON jobs (status)",
    "foreign key across tenants": (
        "CREATE TABLE planted (tenant_id uuid, id uuid, who uuid REFERENCES sec.person, PRIMARY KEY (tenant_id, id));"
        "CALL sec.protect('planted', 'operator')"
    ),
    "no tenant column": "CREATE TABLE planted (id uuid PRIMARY KEY)",
    "tenant may be null": ("CREATE TABLE planted (tenant_id uuid, a int); CALL sec.protect('planted', 'admin')"),
    "delete granted": "GRANT DELETE ON jobs TO stormplay_kernel",
    "truncate granted": "GRANT TRUNCATE ON jobs TO PUBLIC",
    "update of a key granted": "GRANT UPDATE (tenant_id) ON jobs TO stormplay_kernel",
    "update of everything granted": "GRANT UPDATE ON jobs TO stormplay_kernel",
    "sec readable": "GRANT SELECT ON sec.membership TO stormplay_kernel",
    "minting granted": "GRANT EXECUTE ON FUNCTION sec.open_kernel(text, interval, text) TO stormplay_kernel",
    "definer view": "CREATE VIEW planted AS SELECT * FROM jobs",
    "materialised view": "CREATE MATERIALIZED VIEW planted AS SELECT * FROM jobs WITH NO DATA",
    "definer function open": (
        "CREATE FUNCTION planted() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';"
        "GRANT EXECUTE ON FUNCTION planted() TO PUBLIC"
    ),
    "kernel role bypasses": "ALTER ROLE stormplay_kernel BYPASSRLS",
    "owner bypasses": "ALTER ROLE stormplay_owner BYPASSRLS",
    "temp allowed": "DO $$ BEGIN EXECUTE format('GRANT TEMP ON DATABASE %I TO PUBLIC', current_database()); END $$",
    "create allowed": "GRANT CREATE ON SCHEMA public TO PUBLIC",
    "plpgsql allowed": "GRANT USAGE ON LANGUAGE plpgsql TO PUBLIC",
    "advisory locks allowed": "GRANT EXECUTE ON FUNCTION pg_advisory_lock(bigint) TO PUBLIC",
    "owner is a superuser": "ALTER TABLE jobs OWNER TO CURRENT_USER",
    "statistics on a personal column": "ALTER TABLE properties ALTER phone SET STATISTICS 100",
    "statistics on a number": "ALTER TABLE properties ALTER latitude SET STATISTICS 100",
    "statistics that were left": "ALTER TABLE properties ALTER zip_code SET STATISTICS 100;"
    "INSERT INTO properties (tenant_id, address, zip_code) SELECT tenant_id, 'x', '1' FROM tenants LIMIT 1;"
    "ANALYZE properties; ALTER TABLE properties ALTER zip_code SET STATISTICS 0",
    "the policy's first condition dropped": "ALTER POLICY reads ON jobs USING (tenant_id = (SELECT sec.tenant()))",
    "sequence": "CREATE SEQUENCE planted",
    "the policy's first condition no longer first": "ALTER FUNCTION sec.same(uuid, uuid) COST 1",
    "a definer function without its own path": "ALTER FUNCTION retire_planned_routes(uuid) "
    "SET search_path = pg_catalog, public",
    "audit dropped": "DROP TRIGGER audit_update ON jobs",
    "audit disabled": "ALTER TABLE jobs DISABLE TRIGGER audit_delete",
    "audit log readable": "GRANT SELECT ON sec.audit_entry TO stormplay_kernel",
    "a kernel in the owner's role": "CREATE ROLE planted; GRANT stormplay_owner TO planted",
    "somebody else in the kernels' role": "CREATE ROLE planted; GRANT stormplay_kernel TO planted",
    "somebody else in the stream's role": "CREATE ROLE planted; GRANT stormplay_stream TO planted",
    "a kernel writes the stream's ledger": "GRANT INSERT ON stream_events TO stormplay_kernel",
    "a kernel moves a position": "GRANT UPDATE (next_offset) ON stream_positions TO stormplay_kernel",
    "a kernel mends a letter's reason": "GRANT UPDATE (reason) ON stream_dead_letters TO stormplay_kernel",
    "the stream writes elsewhere": "GRANT INSERT ON storms TO stormplay_stream",
    "offsets readable by the stream": "GRANT SELECT ON sec.stream_offset TO stormplay_stream",
    "minting a service granted": "GRANT EXECUTE ON FUNCTION sec.open_service(text, interval) TO stormplay_kernel",
    "renewing granted": "GRANT EXECUTE ON FUNCTION sec.renew(name[], interval) TO stormplay_kernel",
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found(connection, fault):
    cursor = connection.connection.cursor()
    cursor.execute(PLANTED[fault])
    assert lint.faults(connection), f"the lint does not see: {fault}"

"""A database as it is usually built for many companies, to show that an attack is one: here each must succeed.

It is a second database on the same server, made once a session. What is usual, and wrong, in it:

- one login for all companies (`app`), and a second that owns the tables, for migrations (`owner`, not forced under
  its policies; `app` may SET ROLE to it); a pool that connects as the owner or the superuser and steps down;
- a policy on the bare setting; on `storms` one that means 'no tenant chosen: a job of our own, show all'; on `jobs`
  one whose checks say `true`; on `nurture_sequences` one through an IMMUTABLE function; on `lead_uplift` the better
  form, through (SELECT a function that raises); on `notes` none at all;
- keys, foreign keys and indexes without the tenant, a cascade, a sequence, statistics on everything;
- a view and a materialised view with their owner's rights, and `my_properties`, where the WHERE of a view is the lock;
- everything granted, functions and temporary tables open to everybody, a notification that carries the row;
- accounts, memberships, logins and the audit log in tables that everybody reads; roles by a statement's trigger.

The tables have the names and columns of ours, so that the same statement is played on both.
"""

from __future__ import annotations

from psycopg2 import sql

SCHEMA = """
GRANT ALL ON SCHEMA public TO PUBLIC;
CREATE SCHEMA sec;
GRANT ALL ON SCHEMA sec TO PUBLIC;

CREATE TABLE tenants (tenant_id uuid PRIMARY KEY, slug text UNIQUE, org_name text UNIQUE);
CREATE TABLE storms (
    tenant_id uuid NOT NULL DEFAULT current_setting('app.tenant_id')::uuid REFERENCES tenants ON DELETE CASCADE,
    storm_id uuid PRIMARY KEY DEFAULT uuidv7(), slug text UNIQUE, name text, status text DEFAULT 'active',
    event_date date);
CREATE TABLE properties (
    tenant_id uuid NOT NULL DEFAULT current_setting('app.tenant_id')::uuid REFERENCES tenants ON DELETE CASCADE,
    property_id uuid PRIMARY KEY DEFAULT uuidv7(), address text, city text, zip_code text, latitude float8,
    longitude float8, owner_name text, phone text, email text, roof_age_years float8);
CREATE TABLE lead_uplift (
    tenant_id uuid NOT NULL DEFAULT current_setting('app.tenant_id')::uuid,
    property_id uuid PRIMARY KEY REFERENCES properties ON DELETE CASCADE, expected_uplift float8,
    next_best_action text, model_version text);
CREATE TABLE routes (
    tenant_id uuid NOT NULL DEFAULT current_setting('app.tenant_id')::uuid, route_id uuid PRIMARY KEY DEFAULT uuidv7(),
    storm_id uuid REFERENCES storms ON DELETE CASCADE, route_name text, property_count int,
    status text DEFAULT 'planned', crew_name text);
CREATE SEQUENCE job_number;
CREATE TABLE jobs (
    tenant_id uuid NOT NULL DEFAULT current_setting('app.tenant_id')::uuid, job_id uuid PRIMARY KEY DEFAULT uuidv7(),
    storm_id uuid REFERENCES storms ON DELETE CASCADE, property_id uuid REFERENCES properties ON DELETE CASCADE,
    status text DEFAULT 'scheduled', notes text, claim_intel jsonb DEFAULT '{}',
    number bigint DEFAULT nextval('job_number'));
CREATE INDEX ON jobs (notes);
CREATE TABLE nurture_sequences (
    tenant_id uuid NOT NULL DEFAULT current_setting('app.tenant_id')::uuid, sequence_id uuid PRIMARY KEY
    DEFAULT uuidv7(), property_id uuid, sequence_type text, scheduled_at timestamptz);
CREATE TABLE notes (tenant_id uuid, body text);

CREATE FUNCTION my_tenant() RETURNS uuid LANGUAGE sql IMMUTABLE AS
    $$ SELECT nullif(current_setting('app.tenant_id', true), '')::uuid $$;
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE storms ENABLE ROW LEVEL SECURITY;
ALTER TABLE properties ENABLE ROW LEVEL SECURITY;
ALTER TABLE lead_uplift ENABLE ROW LEVEL SECURITY;
ALTER TABLE routes ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE nurture_sequences ENABLE ROW LEVEL SECURITY;
CREATE POLICY t ON tenants USING (tenant_id = current_setting('app.tenant_id')::uuid);
CREATE POLICY t ON properties USING (tenant_id = current_setting('app.tenant_id')::uuid);
CREATE FUNCTION chosen_tenant() RETURNS uuid LANGUAGE plpgsql STABLE AS $$ BEGIN
    RETURN current_setting('app.tenant_id')::uuid; END $$;
CREATE POLICY t ON lead_uplift USING (tenant_id = (SELECT chosen_tenant()));
CREATE POLICY t ON routes USING (tenant_id = current_setting('app.tenant_id')::uuid);
CREATE POLICY t ON storms USING (coalesce(current_setting('app.tenant_id', true), '') = ''
    OR tenant_id::text = current_setting('app.tenant_id', true));
CREATE POLICY t ON jobs USING (tenant_id = current_setting('app.tenant_id')::uuid) WITH CHECK (true);
CREATE POLICY t ON nurture_sequences USING (tenant_id = my_tenant());

CREATE VIEW open_jobs AS SELECT * FROM jobs;
CREATE MATERIALIZED VIEW job_notes AS SELECT tenant_id, notes FROM jobs;
CREATE VIEW my_properties AS SELECT * FROM properties WHERE tenant_id = current_setting('app.tenant_id')::uuid;
CREATE STATISTICS where_they_are (mcv) ON city, zip_code FROM properties;

CREATE TABLE sec.tenant_entry (tenant_id uuid PRIMARY KEY, slug text, org_name text);
CREATE TABLE sec.person (person_id uuid PRIMARY KEY DEFAULT uuidv7(), username text UNIQUE, display_name text,
    password_hash text, disabled_at timestamptz);
CREATE TABLE sec.membership (person_id uuid REFERENCES sec.person, tenant_id uuid, role text,
    PRIMARY KEY (person_id, tenant_id));
CREATE TABLE sec.login (login name PRIMARY KEY, person_id uuid, purpose text, opened_at timestamptz DEFAULT now(),
    expires_at timestamptz);
CREATE TABLE sec.login_right (login name, tenant_id uuid, role text);
CREATE TABLE sec.storm_entry (storm_id uuid, tenant_id uuid);
CREATE TABLE sec.account_entry (actor text, act text, subject text);
CREATE TABLE sec.audit_entry (at timestamptz DEFAULT now(), tenant_id uuid, username text, table_name text,
    action text, row_count bigint, changes jsonb);

CREATE FUNCTION sec.audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    INSERT INTO sec.audit_entry (tenant_id, username, table_name, action, row_count, changes)
    VALUES (NEW.tenant_id, current_setting('app.person', true), TG_TABLE_NAME, lower(TG_OP), 1, to_jsonb(NEW));
    RETURN NULL; END $$;
CREATE TRIGGER audit_update AFTER UPDATE ON properties FOR EACH ROW EXECUTE FUNCTION sec.audit();
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    PERFORM pg_notify('jobs', to_jsonb(NEW)::text); RETURN NULL; END $$;
CREATE TRIGGER tell AFTER UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION tell();

-- The role is asked once a statement, of the tenant that is chosen at that moment.
CREATE FUNCTION check_role() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    IF current_setting('app.check_roles', true) = 'on' AND NOT EXISTS (
        SELECT FROM sec.membership m JOIN sec.person p USING (person_id)
         WHERE p.username = current_setting('app.person', true) AND m.role <> 'viewer'
           AND m.tenant_id::text = current_setting('app.tenant_id', true)) THEN
        RAISE insufficient_privilege USING MESSAGE = 'a viewer writes nothing';
    END IF; RETURN NULL; END $$;
CREATE TRIGGER a_role BEFORE INSERT OR UPDATE ON properties FOR EACH STATEMENT EXECUTE FUNCTION check_role();
CREATE TRIGGER a_role BEFORE INSERT OR UPDATE ON routes FOR EACH STATEMENT EXECUTE FUNCTION check_role();

-- Asks an unqualified name with its owner's rights.
CREATE FUNCTION may_see(wanted uuid) RETURNS SETOF properties LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    IF EXISTS (SELECT FROM membership_now m WHERE m.tenant_id = wanted) THEN
        RETURN QUERY SELECT * FROM properties p WHERE p.tenant_id = wanted;
    END IF; END $$;
CREATE TABLE membership_now (tenant_id uuid);
CREATE FUNCTION retire_planned_routes(storm uuid) RETURNS SETOF uuid LANGUAGE sql SECURITY DEFINER AS
    $$ DELETE FROM routes WHERE storm_id = storm RETURNING route_id $$;
CREATE FUNCTION take_stop_off(storm uuid, home uuid) RETURNS uuid LANGUAGE sql SECURITY DEFINER AS
    $$ DELETE FROM jobs WHERE storm_id = storm AND property_id = home RETURNING job_id $$;

CREATE FUNCTION sec.open_kernel(person text, ttl interval, purpose text DEFAULT 'kernel', OUT login name,
    OUT password text) LANGUAGE sql AS $$ SELECT 'rival_login'::name, 'RIVAL password' $$;
CREATE FUNCTION sec.password_hash(name text, OUT hash text) LANGUAGE sql SECURITY DEFINER AS
    $$ SELECT password_hash FROM sec.person WHERE username = name $$;
CREATE FUNCTION sec.find_person(name text, OUT display_name text) LANGUAGE sql SECURITY DEFINER AS
    $$ SELECT display_name FROM sec.person WHERE username = name $$;
CREATE FUNCTION sec.change_password(name text, old_hash text, new_hash text) RETURNS boolean LANGUAGE sql
    SECURITY DEFINER AS $$ UPDATE sec.person SET password_hash = new_hash WHERE username = name RETURNING true $$;
CREATE FUNCTION sec.renew(logins name[], ttl interval) RETURNS SETOF name LANGUAGE sql SECURITY DEFINER AS
    $$ UPDATE sec.login SET expires_at = now() + ttl WHERE login = ANY (logins) RETURNING login $$;
CREATE FUNCTION sec.close_kernel(gone name) RETURNS boolean LANGUAGE sql SECURITY DEFINER AS
    $$ DELETE FROM sec.login WHERE login = gone RETURNING true $$;
CREATE FUNCTION sec.reap() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS
    $$ WITH gone AS (DELETE FROM sec.login RETURNING 1) SELECT count(*) FROM gone $$;
CREATE FUNCTION sec.tenant_for(needed text) RETURNS uuid LANGUAGE sql AS
    $$ SELECT current_setting('app.tenant_id')::uuid $$;
CREATE FUNCTION sec.my_tenants() RETURNS SETOF sec.tenant_entry LANGUAGE sql AS 'SELECT * FROM sec.tenant_entry';
CREATE FUNCTION sec.tenant_of_storm(storm uuid) RETURNS uuid LANGUAGE sql SECURITY DEFINER AS
    $$ SELECT tenant_id FROM storms WHERE storm_id = storm $$;
CREATE FUNCTION sec.audit_trail(since timestamptz, at_most int) RETURNS SETOF sec.audit_entry LANGUAGE sql AS
    $$ SELECT * FROM sec.audit_entry WHERE tenant_id = current_setting('app.tenant_id')::uuid AND at >= since
       LIMIT at_most $$;
"""

TABLES = "tenants storms properties lead_uplift routes jobs nurture_sequences notes".split()


def build(cursor, app: str, owner: str) -> None:
    """Lay out the schema, owned by `owner` but for what the superuser made in haste, all granted to `app`."""
    cursor.execute(SCHEMA)
    for name in (*TABLES, "job_number", "my_properties"):
        cursor.execute(sql.SQL("ALTER TABLE {} OWNER TO {}").format(sql.Identifier(name), sql.Identifier(owner)))
    for schema in ("public", "sec"):
        for kind in ("TABLES", "SEQUENCES", "FUNCTIONS"):
            statement = f"GRANT ALL ON ALL {kind} IN SCHEMA {schema} TO {{}}, {{}}"
            cursor.execute(sql.SQL(statement).format(sql.Identifier(app), sql.Identifier(owner)))
    # Without INHERIT: who inherits from a table's owner is not under its policies at all.
    cursor.execute(
        sql.SQL("GRANT {} TO {} WITH INHERIT FALSE, SET TRUE").format(sql.Identifier(owner), sql.Identifier(app))
    )

"""Who filters by hand: a role that row security does not bind, and the tables as views of one tenant."""

from __future__ import annotations

import secrets
from typing import Any

from calls import tenant_objects
from sqlalchemy import text
from tenants import as_administrator

from stormplay import database, embedded


def filter_by_hand(tenant_id: str) -> str:
    """Make the role, views and functions of who filters by hand. Returns its URL."""
    password, (tables, _) = secrets.token_hex(16), tenant_objects()
    as_administrator(
        "DROP SCHEMA IF EXISTS byhand CASCADE",
        """DO $$ BEGIN
               IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'byhand') THEN
                   CREATE ROLE byhand LOGIN BYPASSRLS;
               END IF;
               EXECUTE format('GRANT CONNECT ON DATABASE %I TO byhand', current_database());
           END $$""",
        f"ALTER ROLE byhand PASSWORD '{password}'",
        "CREATE SCHEMA byhand AUTHORIZATION byhand",
        "GRANT USAGE ON SCHEMA public TO byhand",
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO byhand",
        # Triggers name these; of who passes row security they ask no tenant.
        "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO byhand",
        "GRANT USAGE ON SCHEMA sec TO byhand",
        "GRANT EXECUTE ON FUNCTION sec.tenant() TO byhand",
        "GRANT USAGE ON LANGUAGE plpgsql, sql TO byhand",
        "SET ROLE byhand",
        *(f"CREATE VIEW byhand.{t} AS SELECT * FROM public.{t} WHERE tenant_id = '{tenant_id}'" for t in tables),
        *(f"ALTER VIEW byhand.{t} ALTER tenant_id SET DEFAULT '{tenant_id}'" for t in tables),
        """DO $$ DECLARE v record; BEGIN
               FOR v IN SELECT relname, pg_get_viewdef(oid) AS made FROM pg_class
                         WHERE relnamespace = 'public'::regnamespace AND relkind = 'v' LOOP
                   EXECUTE format('CREATE VIEW byhand.%I AS %s', v.relname, replace(v.made, ' public.', ' byhand.'));
               END LOOP;
           END $$""",
        """DO $$ DECLARE f record; BEGIN
               FOR f IN SELECT pg_get_functiondef(oid) AS made FROM pg_proc
                         WHERE pronamespace = 'public'::regnamespace AND prokind = 'f' LOOP
                   EXECUTE replace(replace(f.made, ' public.', ' byhand.'), $q$'public'$q$, $q$'byhand'$q$);
               END LOOP;
           END $$""",
        "RESET ROLE",
        "ALTER ROLE byhand SET search_path = byhand",
    )
    return embedded.url_for("byhand", password)


def check_views(hand: Any, tenant_id: str) -> None:
    """See that the planner takes each view for what it stands for.

    Raises:
        RuntimeError: It does not.
    """
    with hand, hand.cursor() as cursor:
        for table in tenant_objects()[0]:
            plans = []
            for source in (table, f"public.{table} WHERE tenant_id = '{tenant_id}'"):
                cursor.execute(f"EXPLAIN SELECT * FROM {source}")
                plans.append(cursor.fetchall())
            if plans[0] != plans[1]:
                raise RuntimeError(f"The view of {table} is not what a hand would write: {plans}")


def audit(is_on: bool) -> None:
    """Let the audit's triggers fire, or not."""
    act = "ENABLE" if is_on else "DISABLE"
    query = "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgname LIKE 'audit_%' AND NOT tgisinternal"
    with database.transaction(database.admin_url()) as connection:
        for table, trigger in connection.execute(text(query)).all():
            connection.execute(text(f"ALTER TABLE {table} {act} TRIGGER {trigger}"))

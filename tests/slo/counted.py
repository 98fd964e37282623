"""What tests of objectives do as the administrator: counts as they would have been, and what is in the tables."""

from __future__ import annotations

from contextlib import contextmanager

from sqlalchemy import text

from stormplay import database


@contextmanager
def admin():
    with database.transaction(database.admin_url()) as connection:
        yield connection


def tenant_id(slug):
    with admin() as connection:
        query = text("SELECT tenant_id::text FROM sec.tenant_entry WHERE slug = :slug")
        return connection.execute(query, {"slug": slug}).scalar_one()


def put(slug, service, good, total, minutes_ago=0):
    """Events of a minute, as if they had been counted then."""
    values = {"t": tenant_id(slug), "s": service, "good": good, "total": total, "ago": minutes_ago}
    with admin() as connection:
        connection.execute(
            text("""INSERT INTO slo_counts VALUES (CAST(:t AS uuid), :s,
                        date_trunc('minute', now() - make_interval(mins => :ago)), :good, :total)
                    ON CONFLICT (tenant_id, service, bucket_at) DO UPDATE SET good = slo_counts.good + excluded.good,
                        total = slo_counts.total + excluded.total"""),
            values,
        )


def counts(slug, service):
    """Good and all events."""
    with admin() as connection:
        query = text("""SELECT coalesce(sum(good), 0)::int, coalesce(sum(total), 0)::int FROM slo_counts
                         WHERE tenant_id = CAST(:t AS uuid) AND service = :s""")
        return tuple(connection.execute(query, {"t": tenant_id(slug), "s": service}).one())


def rows(query, **values):
    with admin() as connection:
        return [dict(row) for row in connection.execute(text(query), values).mappings()]

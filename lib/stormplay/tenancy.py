"""The only door to tenant data: who asks, which tenant, one transaction.

Who asks is the database login of this process: the one in `STORMPLAY_DATABASE_URL` (a kernel's own), or, on the
embedded database, one minted for the local person and ended with the process. Which tenant is said once per
transaction. Whether the two go together is decided by the database (`sec.tenant()`), never here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg2
from psycopg2 import sql
from psycopg2.extras import Json, execute_values
from sqlalchemy import text
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from stormplay import broker, bulk, database
from stormplay.errors import UnknownStorm, UnknownTenant
from stormplay.parameters import NEWEST
from stormplay.together import held, shared

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def session(tenant: str | UUID, login: URL | None = None) -> Iterator[Connection]:
    """One transaction in one tenant. Commits at the end, rolls back on any exception.

    Within `together.together()` all sessions of a tenant are one transaction, which ends with that.

    Args:
        tenant: The tenant's slug or id.
        login: The login to ask as, such as a service's; None: this process's own.

    Yields:
        A SQLAlchemy connection that sees and writes this tenant's rows alone.

    Raises:
        UnknownTenant: No tenant of that name is open to this person (a foreign one reads the same).
        NotAllowed: The database refused a statement.
        HeldOut, ArmFixed: A home of the control group would be visited, or an arm changed.
        DatabaseUnavailable: Nothing answers.
    """
    own = login or address()
    try:
        with shared((own, str(tenant)), lambda: _in_tenant(own, tenant)) as connection:
            yield connection
    except OperationalError as error:
        raise database.unavailable(error.orig) from None
    except DBAPIError as error:
        raise database.explained(error, error.orig) from None
    except psycopg2.Error as error:  # from a cursor of the driver's own, as in insert()
        raise database.explained(error, error) from None


@contextmanager
def _in_tenant(own: URL, tenant: str | UUID) -> Iterator[Connection]:
    with database.transaction(own) as connection:
        chosen = connection.info  # the pool keeps it with the connection, and this one may be dead at the end
        chosen["tenant_id"] = _choose(connection, tenant)
        try:
            yield connection
        finally:
            chosen.pop("tenant_id", None)


@contextmanager
def _asking() -> Iterator[Connection]:
    """A transaction for what the database tells about whoever asks; any that is held of theirs will do."""
    own = address()
    open_one = held(lambda key: isinstance(key, tuple) and key[0] == own)
    with nullcontext(open_one) if isinstance(open_one, Connection) else database.transaction(own) as connection:
        yield connection


@contextmanager
def as_person(username: str, purpose: str, ttl_s: int = 3_600) -> Iterator[None]:
    """Ask as a person for a while, here and in processes started meanwhile: through a login of their own.

    Where this process holds a kernel's login already, that one stays: nobody becomes somebody else.

    Args:
        username: Who; the caller has checked it.
        purpose: What the login is for, kept beside it and in the audit log.
        ttl_s: Seconds after which it ends by itself.

    Raises:
        NotAllowed: There is no open account of that name, or this process may not mint logins.
    """
    before = os.environ.get("STORMPLAY_DATABASE_URL")
    if before and str(database.configured_url().username).startswith("k_"):
        yield
        return
    login = broker.open_kernel(username, ttl_s=ttl_s, purpose=purpose)
    os.environ["STORMPLAY_DATABASE_URL"] = login.url
    try:
        yield
    finally:
        database.engine(database.configured_url()).dispose()
        if before is None:
            del os.environ["STORMPLAY_DATABASE_URL"]
        else:
            os.environ["STORMPLAY_DATABASE_URL"] = before
        broker.close_kernel(login.login)


def my_tenants() -> pd.DataFrame:
    """The tenants open to this person: tenant_id, slug, org_name, role, is_synthetic; empty where there are none."""
    columns = ["tenant_id", "slug", "org_name", "role", "is_synthetic"]
    with _asking() as connection:
        query = text("SELECT tenant_id::text, slug, org_name, role, is_synthetic FROM sec.my_tenants()")
        return bulk.table(connection.execute(query).fetchall(), columns)


def my_name() -> str:
    """The name of the person who asks, as people read it."""
    with _asking() as connection:
        return connection.execute(text("SELECT sec.my_name()")).scalar_one() or "nobody"


def tenant_of_storm(storm: str | UUID) -> str:
    """The tenant_id of a storm, for its members.

    Raises:
        UnknownStorm: No storm of that id is open to this person.
    """
    wanted = as_uuid(storm)
    if wanted is not None:
        with database.transaction(address()) as connection:
            found = connection.execute(text("SELECT sec.tenant_of_storm(:id)"), {"id": wanted}).scalar_one()
        if found is not None:
            return str(found)
    raise UnknownStorm(f"There is no storm '{storm}' open to you.", "Expected the id of one of your storms.")


def audit_trail(connection: Connection, since: datetime | None = None, at_most: int = 1_000) -> pd.DataFrame:
    """Who changed what in the session's tenant, newest first: at, username, purpose, table_name, action, row_count,
    changes (`[{"key": {...}, "set": {column: [old, new]}}]` for statements of up to 50 rows, else None).

    Personal columns are named and their values are not repeated. For admins of the tenant.

    Args:
        connection: An open session.
        since: The earliest moment; None for all there is.
        at_most: Rows, at most 10,000.
    """
    values = {"since": since or datetime.min.replace(tzinfo=UTC), "n": at_most}
    return frame(connection, "SELECT * FROM sec.audit_trail(:since, :n)", values)


def frame(connection: Connection, query: str, parameters: Mapping[str, object] | None = None) -> pd.DataFrame:
    """The rows of a query as a DataFrame; ids as text, so that they print and compare alike everywhere.

    A query of several tables also says `tenant_id = :tenant_id`, which is given here: it adds no right, but lets the
    planner know what the policy finds out only while the query runs.
    """
    chosen = {"tenant_id": connection.info.get("tenant_id")}
    result = connection.execute(text(query), chosen | dict(parameters or {}))
    return bulk.table(result.fetchall(), list(result.keys()))


def bulk_frame(connection: Connection, query: str, parameters: Mapping[str, object] | None = None) -> pd.DataFrame:
    """Like `frame`, for queries that join a storm's whole population.

    Fresh tables have no statistics yet, and the policy hides what there is: the planner then takes each side for
    one row and nests its loops, minutes instead of a tenth of a second. Here it may only hash or merge. Ids that the
    query selects as text (`job_id::text`) come several times quicker than those that the driver makes objects of.
    """
    # And hash in memory: with the server's 4 MB every join of such a size goes through files.
    connection.execute(text("SELECT set_config('enable_nestloop', 'off', true), set_config('work_mem', '64MB', true)"))
    result = connection.execute(text(query), {"tenant_id": connection.info.get("tenant_id")} | dict(parameters or {}))
    columns = list(result.keys())
    # Straight from the driver: a row object more each is a third of the time of a hundred thousand.
    rows = result.cursor.fetchall() if result.cursor is not None else []
    result.close()
    found = bulk.table(rows, columns)
    connection.execute(text("SELECT set_config('enable_nestloop', 'on', true)"))
    return found


def insert(connection: Connection, table: str, rows: pd.DataFrame) -> int:
    """Insert a DataFrame's rows, columns by name, in pages of 2,000. Returns how many.

    A missing value (NaN, NaT, None) becomes NULL; a dict or list becomes JSON.
    """
    if rows.empty:
        return 0
    if "tenant_id" in connection.info and "tenant_id" not in rows:
        # Else the column's default asks sec.tenant() once a row; the policy checks what is given here.
        rows = rows.assign(tenant_id=connection.info["tenant_id"])
    columns = sql.SQL(", ").join(sql.Identifier(str(name)) for name in rows.columns)
    statement = sql.SQL("INSERT INTO {} ({}) VALUES %s").format(sql.Identifier(table), columns)
    plain = rows.astype(object).where(rows.notna(), None)
    values = [[Json(value) if isinstance(value, dict | list) else value for value in row]
              for row in plain.itertuples(index=False, name=None)]  # fmt: skip
    execute_values(connection.connection.cursor(), statement, values, page_size=2_000)
    return len(values)


def because(connection: Connection, cause: str) -> None:
    """Say in words why this transaction does what it does: the score's history shows them where it changes a score."""
    connection.execute(text("SELECT set_config('app.score_cause', :cause, true)"), {"cause": cause})


def storm_id(connection: Connection, storm: str | UUID) -> str:
    """The id of a storm given by slug or id, or of the newest one ('newest'), in the session's tenant.

    Raises:
        UnknownStorm: This tenant has no such storm.
    """
    column, value = ("slug", str(storm)) if (wanted := as_uuid(storm)) is None else ("storm_id", wanted)
    query = text(f"SELECT storm_id FROM storms WHERE {column} = :value")  # noqa: S608 - one of two own words
    found = connection.execute(query, {"value": value}).scalar_one_or_none()
    if found is None:
        newest = "SELECT slug, storm_id FROM storms ORDER BY event_date DESC, slug LIMIT 5"
        have = connection.execute(text(newest)).all()
        if have and storm == NEWEST:
            return str(have[0].storm_id)
        raise UnknownStorm(
            f"This tenant has no storm '{storm}'.",
            f"It has {', '.join(row.slug for row in have)}." if have else "It has no storm yet.",
        )
    return str(found)


def _choose(connection: Connection, tenant: str | UUID) -> str:
    """Say which tenant, for this transaction only; nothing of it is left for the next user of a connection.

    Returns:
        The tenant's id. It chooses nothing by itself: whatever a statement says, the policy asks the database.
    """
    wanted = as_uuid(tenant)
    rows = connection.execute(text("SELECT tenant_id, slug FROM sec.my_tenants()")).all()
    for tenant_id, slug in rows:
        if tenant_id == wanted or (wanted is None and slug == tenant):
            connection.execute(text("SELECT set_config('app.tenant_id', :id, true)"), {"id": str(tenant_id)})
            return str(tenant_id)
    open_ones = ", ".join(slug for _, slug in rows)
    raise UnknownTenant(
        f"There is no tenant '{tenant}' open to you.",
        f"Open to you: {open_ones}." if open_ones else "No tenant is open to you.",
        "" if open_ones else "Ask your administrator for a membership.",
    )


def address() -> URL:
    """The address of this process's own login, for a connection beside the pool, as a listener needs.

    Raises:
        DatabaseUnavailable: The login of the embedded database has still to be minted, and nothing answers.
    """
    return database.configured_url() if not database.is_embedded() else broker.local_address()


def as_uuid(value: str | UUID) -> UUID | None:
    """What was given as an id; None where it is none."""
    try:
        return value if isinstance(value, UUID) else UUID(str(value))
    except ValueError:
        return None

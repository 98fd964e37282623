"""The administrator's side of billing: one transaction, one company's account held, and refusals as sentences."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from stormplay import database, tenancy
from stormplay.billing import facts
from stormplay.billing.facts import Account
from stormplay.errors import BadInput, Closed, StormplayError


@contextmanager
def administrator() -> Iterator[Connection]:
    """The administrator's transaction.

    Raises:
        Closed, BadInput: The database holds a rule of invoices or subscriptions against it.
        DatabaseUnavailable: Nothing answers.
    """
    try:
        with database.transaction(database.admin_url()) as connection:
            yield connection
    except DBAPIError as error:
        raise _refusal(error) from None


def _refusal(error: DBAPIError) -> Exception:
    """A rule that the database held, as a sentence; anything else as it was."""
    if database.sqlstate(error) != "SP006" or error.orig is None:
        return error
    diag = error.orig.diag  # type: ignore[attr-defined]
    said = str(diag.message_primary)
    kind: type[StormplayError] = BadInput if "credit" in said else Closed
    return kind(f"{said[:1].upper()}{said[1:]}.", remedy=diag.message_hint or "")


def locked(connection: Connection, tenant: str) -> Account:
    """The account of a company, held until the transaction ends: who comes at once waits.

    Args:
        connection: The administrator's transaction.
        tenant: The company's slug or id.

    Raises:
        BadInput: There is no such company.
    """
    known = tenancy.as_uuid(tenant)
    column = "slug" if known is None else "tenant_id"
    query = f"""SELECT a.tenant_id::text FROM billing_accounts a JOIN sec.tenant_entry e USING (tenant_id)
                 WHERE e.{column} = :value FOR UPDATE OF a"""  # noqa: S608 - one of two own words
    found = connection.execute(text(query), {"value": tenant if known is None else known}).scalar_one_or_none()
    if found is None:
        raise BadInput(f"There is no tenant '{tenant}'.", remedy="'stormplay tenant list' shows what there is.")
    return facts.read_account(connection, found)


def who() -> str:
    """The operating system's name of who runs this."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"

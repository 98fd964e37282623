"""The database: whether it answers, what it is at, who may do what, and what time it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import text

from stormplay import broker, database, embedded, lint, migrations
from stormplay.doctor.finding import UNKNOWN, WARNING, WELL, WRONG, Finding, Situation
from stormplay.errors import StormplayError

OFF_S, FAR_OFF_S = 2.0, 60.0
_NO_ANSWER = "The database does not answer, so this could not be looked at."
_NOT_ALL = "Only a superuser of the database can look at this."
_AS_ONE = "Set STORMPLAY_DATABASE_URL to one for this command."

_BROKER = """
SELECT r.rolcanlogin, r.rolsuper OR r.rolbypassrls AS passes_by,
       coalesce(has_function_privilege(r.oid, to_regprocedure('sec.open_kernel(text, interval, text)'), 'EXECUTE'),
                false) AS may_mint
  FROM pg_roles r WHERE r.rolname = 'stormplay_broker'"""
_APPLIED = "SELECT number, name, checksum, applied_at FROM public.schema_migrations ORDER BY number"


@contextmanager
def opened(at: Situation) -> Iterator[Finding]:
    """Open the database for the checks that need it. Yields what came of it; where it is not well, there is none."""
    if database.is_embedded() and not (embedded.home() / "secrets.json").exists():
        yield Finding(WRONG, "There is no database here yet.", "Run 'make up', or set STORMPLAY_DATABASE_URL.")
        return
    try:
        with database.transaction(database.admin_url()) as connection:
            at.connection = connection
            yield _known(at)
            at.connection = None
    except StormplayError as error:
        if at.connection is not None:
            raise
        yield Finding(WRONG, error.what, error.remedy)


def _known(at: Situation) -> Finding:
    connection = at.connection
    assert connection is not None  # noqa: S101 - for the types: `opened` has just set it
    version = int(connection.execute(text("SHOW server_version_num")).scalar_one())
    at.is_superuser = bool(
        connection.execute(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")).scalar_one()
    )
    kind = "embedded" if database.is_embedded() else "configured"
    said = f"The {kind} PostgreSQL {version // 10_000}.{version % 10_000} answers."
    if version // 10_000 < database.SERVER_VERSION:
        return Finding(WRONG, said, f"Upgrade it to {database.SERVER_VERSION} or later.")
    return Finding(WELL, said)


def schema(at: Situation) -> Finding:
    """Whether the database is what this program's files say."""
    if at.connection is None:
        return Finding(UNKNOWN, _NO_ANSWER)
    wanted = {one.number: one for one in migrations.files()}
    if not at.is_superuser:
        have = broker.schema_number()
        return _at_number(have, max(wanted))
    if at.connection.execute(text("SELECT to_regclass('public.schema_migrations') IS NULL")).scalar_one():
        return Finding(WRONG, "No migration was ever applied here.", "Run 'stormplay migrate'.")
    return _compared(wanted, {row.number: row for row in at.connection.execute(text(_APPLIED))})


def _compared(wanted: Mapping[int, migrations.Migration], applied: Mapping[int, Any]) -> Finding:
    unknown = [row.name for number, row in applied.items() if number not in wanted]
    changed = [row.name for number, row in applied.items() if number in wanted
               and row.checksum != wanted[number].checksum]  # fmt: skip
    missing = [one.name for number, one in wanted.items() if number not in applied]
    if unknown:
        return Finding(WRONG, f"The database is ahead of this program: it has {unknown[-1]}.",
                       "Upgrade Stormplay to the version that wrote it.")  # fmt: skip
    if changed:
        return Finding(WRONG, f"{changed[0]} was changed after it had been applied.",
                       "Put the file back as it was; a change is a new migration.")  # fmt: skip
    if missing:
        return Finding(WRONG, f"{len(missing)} of {len(wanted)} migrations are missing, {missing[0]} first.",
                       "Run 'stormplay backup', then 'stormplay migrate'.")  # fmt: skip
    return Finding(WELL, f"All {len(wanted)} migrations are applied, as they are here.")


def _at_number(have: int, wanted: int) -> Finding:
    if have < wanted:
        return Finding(WRONG, f"The schema is number {have}, and this program is made for {wanted}.",
                       "Run 'stormplay migrate' as the database's administrator.")  # fmt: skip
    if have > wanted:
        return Finding(WRONG, f"The database is ahead of this program: it is at number {have}, not {wanted}.",
                       "Upgrade Stormplay to the version that wrote it.")  # fmt: skip
    return Finding(WELL, f"The schema is number {have}, as this program expects.")


def roles(at: Situation) -> Iterator[Finding]:
    """Whether the server's role can do its work, and no more."""
    if at.connection is None:
        yield Finding(UNKNOWN, _NO_ANSWER)
        return
    found = at.connection.execute(text(_BROKER)).one_or_none()
    if found is None:
        yield Finding(WRONG, "There is no role stormplay_broker, as which the server runs.", "Run 'stormplay migrate'.")
    elif found.passes_by:
        yield Finding(WRONG, "The role stormplay_broker can read every company's rows.",
                      "ALTER ROLE stormplay_broker NOSUPERUSER NOBYPASSRLS;")  # fmt: skip
    elif not (found.rolcanlogin and found.may_mint):
        lacks = "sign in" if not found.rolcanlogin else "mint logins"
        remedy = "ALTER ROLE stormplay_broker LOGIN;" if not found.rolcanlogin else "Run 'stormplay migrate'."
        yield Finding(WRONG, f"The role stormplay_broker cannot {lacks}.", remedy)
    else:
        yield Finding(WELL, "The role stormplay_broker can mint logins and read no company's rows.")


def hardening(at: Situation) -> Iterator[Finding]:
    """What protects one company's rows from another, as the catalogue has it."""
    if at.connection is None or not at.is_superuser:
        yield Finding(
            UNKNOWN, _NO_ANSWER if at.connection is None else _NOT_ALL, "" if at.connection is None else _AS_ONE
        )
        return
    if at.connection.execute(text("SELECT to_regprocedure('sec.same(uuid, uuid)') IS NULL")).scalar_one():
        yield Finding(UNKNOWN, "The schema is not there yet, so its rights are not looked at.")
        return
    faults = lint.faults(at.connection)
    for fault in faults[:5]:
        yield Finding(WRONG, f"{fault[:1].upper()}{fault[1:]}.",
                      "One company may reach another's rows: stop the server, then see docs/SECURITY.md.")  # fmt: skip
    if not faults:
        yield Finding(WELL, "Every table has its lock, and nobody has a right too many.")


def clock(at: Situation) -> Finding:
    """Whether the machine's clock and the database's agree; logins end by the one, pages begin by the other."""
    if at.connection is None:
        return Finding(UNKNOWN, _NO_ANSWER)
    theirs = at.connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    off_s = (at.now() - theirs).total_seconds()
    said = f"This machine's clock is {abs(off_s):.1f} s {'ahead of' if off_s > 0 else 'behind'} the database's."
    if abs(off_s) > OFF_S:
        return Finding(WRONG if abs(off_s) > FAR_OFF_S else WARNING, said,
                       "Let both machines keep their time by NTP: 'timedatectl set-ntp true'.")  # fmt: skip
    if at.is_superuser and at.connection.execute(text("SELECT to_regclass('public.schema_migrations')")).scalar():
        newest = at.connection.execute(text("SELECT max(applied_at) FROM public.schema_migrations")).scalar()
        if newest is not None and (newest - theirs).total_seconds() > OFF_S:
            return Finding(WRONG, "The clock stands before the last migration: it was set back.",
                           "Set the time right; reports would be called older or fresher than they are.")  # fmt: skip
    return Finding(WELL, "This machine's clock and the database's agree.")

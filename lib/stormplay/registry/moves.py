"""Champion and challenger: who holds the place, and every move with who, when, why, from and to."""

from __future__ import annotations

import pandas as pd
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from stormplay import database, tenancy
from stormplay.errors import BadInput, Conflict, UnknownModel
from stormplay.registry.versions import Version, numbered

ALIASES = ("champion", "challenger")


def champion(connection: Connection, model_name: str) -> Version:
    """The version whose numbers are in force.

    Raises:
        UnknownModel: There is none yet.
    """
    return _holder(connection, model_name, "champion")


def challenger(connection: Connection, model_name: str) -> Version:
    """The version that waits to be promoted.

    Raises:
        UnknownModel: There is none yet.
    """
    return _holder(connection, model_name, "challenger")


def history(connection: Connection, model_name: str, alias: str | None = None) -> pd.DataFrame:
    """Every move, oldest first: alias, move_number, act, from_version, to_version, reason, moved_by, moved_at."""
    query = """SELECT alias, move_number, act, from_version, to_version, reason, moved_by, moved_at FROM model_aliases
                WHERE model_name = :model AND (:alias IS NULL OR alias = :alias) ORDER BY moved_at, move_number"""
    found = tenancy.frame(connection, query, {"model": model_name, "alias": alias})
    return found.astype({"from_version": "Int64", "to_version": "Int64"})


def promote(
    connection: Connection, model_name: str, version: int, reason: str, *, alias: str = "champion",
    seen: int | None = None,
) -> int:  # fmt: skip
    """Give a version the place of champion. For analysts.

    Args:
        connection: An open session.
        model_name: Which model.
        version: The version's number.
        reason: Why, in words; kept with the move.
        alias: 'champion' or 'challenger'.
        seen: The number of the move that was the newest when the caller looked; None: whatever is in force now.

    Returns:
        The number of this move.

    Raises:
        UnknownModel: There is no such version.
        BadInput: It has the place already, or a word is missing.
        Conflict: Somebody else moved it meanwhile.
    """
    target = numbered(connection, model_name, version)
    return _move(connection, target.model_name, alias, "promote", target.version, reason, seen)


def roll_back(
    connection: Connection, model_name: str, reason: str, *, alias: str = "champion", seen: int | None = None
) -> int:
    """Give the place back to whoever held it before. Twice goes back two steps. For analysts.

    Returns:
        The number of this move.

    Raises:
        BadInput: Nobody held it before.
        Conflict: Somebody else moved it meanwhile.
    """
    held = _held(history(connection, model_name, _known(alias)))
    if len(held) < 2:
        raise BadInput(f"There is no {alias} of '{model_name}' to go back to.", "Expected an earlier one.")
    return _move(connection, model_name, alias, "roll_back", held[-2], reason, seen)


def last_move(connection: Connection, model_name: str, alias: str = "champion") -> int:
    """The number of the newest move of an alias, to be given as `seen`; 0 where there was none."""
    query = text("SELECT coalesce(max(move_number), 0) FROM model_aliases WHERE model_name = :model AND alias = :alias")
    return int(connection.execute(query, {"model": model_name, "alias": _known(alias)}).scalar_one())


def _held(moves: pd.DataFrame) -> list[int]:
    """Who held the place, with everything that was rolled back taken off; the last one holds it."""
    stack: list[int] = []
    for act, version in zip(moves["act"], moves["to_version"], strict=True):
        if act == "roll_back":
            stack.pop()
        else:
            stack.append(int(version))
    return stack


def _holder(connection: Connection, model_name: str, alias: str) -> Version:
    held = _held(history(connection, model_name, alias))
    if not held:
        raise UnknownModel(f"The model '{model_name}' has no {alias} yet.", "", "Train one and promote it.")
    return numbered(connection, model_name, held[-1])


def reason_of(typed: str) -> str:
    """The reason of a move as it is kept.

    Raises:
        BadInput: There is none, or it is longer than 500 characters.
    """
    reason = typed.strip()
    if not 1 <= len(reason) <= 500:
        raise BadInput("A move needs a reason.", "Expected up to 500 characters; it is kept with the move.")
    return reason


def _move(
    connection: Connection, model_name: str, alias: str, act: str, version: int, reason: str, seen: int | None
) -> int:
    """One row more. Its number is its key, so of two who move at once the database lets one through."""
    reason = reason_of(reason)
    moves = history(connection, model_name, _known(alias))
    held = _held(moves)
    if seen is not None and seen != len(moves):
        raise _conflict(moves, alias)
    if held and held[-1] == version:
        raise BadInput(f"Version {version} of '{model_name}' is the {alias} already.")
    statement = text("""INSERT INTO model_aliases (tenant_id, model_name, alias, move_number, act, from_version,
                                                   to_version, reason)
                        VALUES (:tenant_id, :model, :alias, :number, :act, :before, :after, :reason)""")
    number = len(moves) + 1
    values = {"tenant_id": connection.info["tenant_id"], "model": model_name, "alias": alias, "number": number,
              "act": act, "before": held[-1] if held else None, "after": version, "reason": reason}  # fmt: skip
    try:
        with connection.begin_nested():
            connection.execute(statement, values)
    except IntegrityError as error:
        if database.sqlstate(error) != "23505":
            raise
        raise _conflict(history(connection, model_name, alias), alias) from None
    return number


def _conflict(moves: pd.DataFrame, alias: str) -> Conflict:
    said = "Somebody else moved it at this moment."
    if len(moves):
        newest = moves.iloc[-1]
        said = f"{newest['moved_by']} made version {newest['to_version']} the {alias}: {newest['reason']}"
    return Conflict(f"The {alias} has changed since you looked.", said, "Look again, then decide.")


def _known(alias: str) -> str:
    if alias not in ALIASES:
        raise BadInput(f"There is no place '{alias}'.", f"Expected {' or '.join(ALIASES)}.")
    return alias

"""Count what would go, and let it go: each kind in a transaction of its own, so that one that fails keeps none up."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import database, embedded
from stormplay.errors import BadInput
from stormplay.retention.rules import RULES, Rule

LONGEST = 36_500
_LOG = re.compile(r"[\w-]+\.jsonl(\.\d+)?")
_DAY_S = 86_400.0


@dataclass(frozen=True)
class Retired:
    """What has gone of one kind, or would go.

    Attributes:
        rule: Its kind.
        days: How long it is kept.
        count: Rows or files; None: this database does not know this kind yet.
    """

    rule: Rule
    days: int
    count: int | None


def days_of(given: Mapping[str, int], rules: Sequence[Rule] = RULES) -> dict[str, int]:
    """How long each kind is kept.

    Args:
        given: By name, what somebody wants otherwise.
        rules: All kinds.

    Raises:
        BadInput: There is no such kind, or it must be kept for longer.
    """
    known = {rule.name: rule for rule in rules}
    for name, days in given.items():
        if name not in known:
            raise BadInput(f"There is no history '{name}'.", f"Expected {', '.join(known)}.")
        if not known[name].least <= days <= LONGEST:
            raise BadInput(f"{known[name].what} cannot be kept for {days} days.",
                           f"Expected {known[name].least:,} to {LONGEST:,}. {known[name].why}")  # fmt: skip
    return {rule.name: given.get(rule.name, rule.days) for rule in rules}


def retire(given: Mapping[str, int] | None = None, *, is_real: bool, rules: Sequence[Rule] = RULES) -> list[Retired]:
    """Let go what is older than it is kept.

    Args:
        given: Days by name, where they differ from the rules'.
        is_real: False: it is done and taken back, so what is said is what would be.
        rules: All kinds.

    Raises:
        BadInput: As `days_of`.
        DatabaseUnavailable: Nothing answers.
    """
    days = days_of(given or {}, rules)
    return [Retired(rule, days[rule.name], _gone(rule, days[rule.name], is_real)) for rule in rules]


def _gone(rule: Rule, days: int, is_real: bool) -> int | None:
    if not rule.function:
        return _files(days, is_real)
    with database.transaction(database.broker_url()) as connection:
        if not _knows(connection, rule.function):
            return None
        count = int(connection.execute(text(f"SELECT {rule.function}(:older)"),
                                       {"older": timedelta(days=days)}).scalar_one())  # fmt: skip
        if not is_real:
            connection.rollback()
        return count


def _knows(connection: Connection, function: str) -> bool:
    return connection.execute(text("SELECT to_regprocedure(:name) IS NOT NULL"), {"name": f"{function}(interval)"}
                              ).scalar_one() is True  # fmt: skip


def _files(days: int, is_real: bool) -> int:
    """Files that nobody has written to for so long; the one that is written to is never among them."""
    folder = Path(os.environ.get("STORMPLAY_LOGS") or embedded.home() / "logs")
    if not folder.is_dir():
        return 0
    before_s = time.time() - days * _DAY_S
    old = [path for path in folder.iterdir() if _LOG.fullmatch(path.name) and path.stat().st_mtime < before_s]
    if is_real:
        for path in old:
            path.unlink(missing_ok=True)
    return len(old)

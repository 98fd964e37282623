"""Usage summed up, storage measured, warnings given: what a server does every hour, and a command at any time.

All of it may be done again and by several at once, and where it is ended half-way it is as if it had not begun.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from stormplay import database
from stormplay.billing import office
from stormplay.billing.meters import meter
from stormplay.errors import BadInput


@dataclass(frozen=True)
class Metered:
    """What a round did: hours summed up anew, companies whose storage was measured, warnings that are new."""

    hours: int
    measured: int
    warnings: int

    def __str__(self) -> str:
        return (f"{self.hours:,} hours of usage summed up, storage of {self.measured:,} companies measured, "
                f"{self.warnings:,} new warnings.")  # fmt: skip


def meter_all() -> Metered:
    """Measure what was not measured today, sum up what came since the last time, and warn. For a broker.

    Raises:
        DatabaseUnavailable: Nothing answers.
    """
    done = []
    for function in ("measure_storage", "roll_up_usage", "warn_usage"):  # each a transaction of its own
        with database.transaction(database.broker_url()) as connection:
            done.append(int(connection.execute(text(f"SELECT sec.{function}()")).scalar_one()))
    return Metered(done[1], done[0], done[2])


def record(
    tenant: str, name: str, key: str, quantity: int, at: datetime, detail: Mapping[str, Any] | None = None
) -> bool:
    """Count a fact from outside, such as what another system did for a company; for the administrator.

    Args:
        tenant: The company's slug or id.
        name: A meter.
        key: What it counts once under, up to 200 signs.
        quantity: Raw, 0 or more.
        at: When it happened, with its zone. In a month that is closed, it comes with the next invoice.
        detail: More about it, never personal data.

    Returns:
        Whether it was new; under a key that is known nothing is counted.

    Raises:
        BadInput: No such company or meter, a key or quantity that cannot be, or a moment without a zone.
    """
    of = meter(name)
    if not 1 <= len(key) <= 200 or quantity < 0 or at.tzinfo is None:
        raise BadInput("That cannot be counted.", "Expected a key of 1 to 200 signs, a quantity of 0 or more, and a "
                       "moment with its time zone.")  # fmt: skip
    with office.administrator() as connection:
        account = office.locked(connection, tenant)
        query = text("SELECT sec.record_usage(:tenant, :meter, :key, :quantity, :at, CAST(:detail AS jsonb))")
        values = {"tenant": account.tenant_id, "meter": of.name, "key": key, "quantity": quantity, "at": at,
                  "detail": None if detail is None else json.dumps(dict(detail))}  # fmt: skip
        return bool(connection.execute(query, values).scalar_one())

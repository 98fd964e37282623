"""One turn of the watch: look at what nobody counts, judge every objective, open and close alerts.

Done by the server every half minute, and by `stormplay slo watch`. Two at once do no harm: a look counts once, and a
service has one open alert at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection

from stormplay import database
from stormplay.slo.burn import Judgement, judge
from stormplay.slo.objectives import SERVICES, Objective, percent

_OPEN = text("""SELECT sec.open_slo_alert(:tenant, :service, :severity, :rule, :cause, :next_action, :burn, :bad,
                                          :total, :at)""")
_WINDOWS = text("SELECT * FROM sec.slo_windows(:at)")
_QUIET = text("SELECT sec.quiet_slo_alert(:tenant, :service, :at)")


@dataclass(frozen=True)
class Measured:
    """One service of one company, as it was counted.

    Attributes:
        tenant_id: Whose.
        objective: What is promised.
        good, total: Events of each window, in the order of `burn.WINDOWS_MIN`.
        severity: Of its open alert; None: there is none.
    """

    tenant_id: str
    objective: Objective
    good: tuple[int, ...]
    total: tuple[int, ...]
    severity: str | None


@dataclass
class Turn:
    """What a turn has found and done.

    Attributes:
        measured: Every service of which something was counted in 28 days.
        opened, worse, closed: Alerts, as 'service of tenant_id'.
    """

    measured: list[Measured] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    worse: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)


def turn(at: datetime | None = None) -> Turn:
    """Look, judge, and open or close alerts.

    Args:
        at: As of when it is judged; None: now.

    Raises:
        DatabaseUnavailable: Nothing answers.
        NotAllowed: This process is not the broker.
    """
    done = Turn()
    with database.transaction(database.broker_url()) as connection:
        connection.execute(text("SELECT sec.look_at_slo()"))
    with database.transaction(database.broker_url()) as connection:
        done.measured = [_measured(row) for row in connection.execute(_WINDOWS, {"at": at}).mappings()]
        for one in done.measured:
            found = judge(one.objective.target, one.good, one.total) if one.objective.is_on else None
            _settle(connection, one, found, at, done)
    return done


def fold() -> int:
    """Make minutes that no window asks for any more into hours. Returns how many rows went."""
    with database.transaction(database.broker_url()) as connection:
        return int(connection.execute(text("SELECT sec.fold_slo()")).scalar_one())


def cause(objective: Objective, found: Judgement) -> str:
    """What was measured, in a sentence."""
    service = objective.service
    return (
        f"In the last {found.rule.long} {found.bad:,} of {found.total:,} {service.event} were not "
        f"{_participle(service.rule(objective.threshold))}: {found.burn:,.1f} times as many as "
        f"{percent(objective.target)} allows. In the last {found.rule.short} it was {found.short_bad:,} of "
        f"{found.short_total:,}."
    )


def _participle(rule: str) -> str:
    """'found nothing older' -> 'such that they found nothing older'; 'made' stays."""
    return f"such that they {rule}" if rule.startswith("found ") else rule


def _settle(connection: Connection, one: Measured, found: Judgement | None, at: datetime | None, done: Turn) -> None:
    service = one.objective.service
    name = f"{service.name} of {one.tenant_id}"
    values: dict[str, Any] = {"tenant": one.tenant_id, "service": service.name, "at": at}
    if found is None:
        if one.severity is not None and connection.execute(_QUIET, values).scalar_one():
            done.closed.append(name)
        return
    values |= {
        "severity": found.rule.severity, "rule": found.rule.name, "cause": cause(one.objective, found),
        "next_action": service.action, "burn": found.burn, "bad": found.bad, "total": found.total,
    }  # fmt: skip
    changed = connection.execute(_OPEN, values).scalar_one()
    if changed == "opened":
        done.opened.append(name)
    elif changed == "urgent":
        done.worse.append(name)


def _measured(row: Mapping[Any, Any]) -> Measured:
    objective = Objective(SERVICES[row["service"]], row["target"], row["threshold"], row["is_on"])
    return Measured(str(row["tenant_id"]), objective, tuple(row["good"]), tuple(row["total"]), row["open_severity"])

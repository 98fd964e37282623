"""How a company's services stand: objectives, budgets, burn rates and alerts, under the rights of whoever asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pandas as pd
from sqlalchemy.engine import Connection

from stormplay import clock, tenancy
from stormplay.slo.budgets import Budget, budget
from stormplay.slo.objectives import SERVICES, Objective

_COUNTS = """
SELECT service, sum(good)::bigint AS good, sum(total)::bigint AS total, max(bucket_at) AS measured_at,
       coalesce(sum(good) FILTER (WHERE bucket_at > CAST(:at AS timestamptz) - interval '3 days'), 0)::bigint
           AS good_3d,
       coalesce(sum(total) FILTER (WHERE bucket_at > CAST(:at AS timestamptz) - interval '3 days'), 0)::bigint
           AS total_3d
  FROM slo_counts
 WHERE tenant_id = :tenant_id AND bucket_at > CAST(:at AS timestamptz) - interval '28 days'
   AND bucket_at <= CAST(:at AS timestamptz)
 GROUP BY service
"""
_ALERTS = """
SELECT alert_id, opened_at, service, severity, rule, cause, next_action, burn, bad, total, closed_at,
       acknowledged_at, acknowledged_by,
       CASE WHEN closed_at IS NOT NULL THEN 'closed' WHEN acknowledged_at IS NOT NULL THEN 'acknowledged'
            ELSE 'open' END AS state
  FROM slo_alerts
 WHERE tenant_id = :tenant_id AND opened_at <= CAST(:at AS timestamptz)
   AND (closed_at IS NULL OR closed_at > CAST(:at AS timestamptz) - interval '28 days')
 ORDER BY closed_at IS NOT NULL, severity = 'soon', opened_at DESC LIMIT 200
"""
_TOLD = """
SELECT c.contact_id, c.channel, c.shown, c.added_by, c.added_at,
       count(m.message_id) FILTER (WHERE m.status = 'sent') AS sent,
       count(m.message_id) FILTER (WHERE m.status = 'waiting') AS waiting,
       count(m.message_id) FILTER (WHERE m.status = 'kept aside') AS kept_aside,
       (array_agg(m.said ORDER BY m.made_at DESC) FILTER (WHERE m.said IS NOT NULL))[1] AS said
  FROM slo_contacts c LEFT JOIN slo_outbox m ON m.tenant_id = c.tenant_id AND m.contact_id = c.contact_id
 WHERE c.tenant_id = :tenant_id AND c.removed_at IS NULL
 GROUP BY c.tenant_id, c.contact_id, c.channel, c.shown, c.added_by, c.added_at ORDER BY c.contact_id
"""


@dataclass(frozen=True)
class Standing:
    """How a company's services stand at a moment.

    Attributes:
        budgets: One a service, in the order of `SERVICES`.
        frame: One row a service: service, title, objective (sentence), target, threshold, unit, good, total (events
            of 28 days), attained (share), budget_left (share of the budget; less than 0 where it was overdrawn), burn
            (times the allowed rate, last 3 days), state, verdict (sentence), page (notebook to look at), next_action,
            measured_at. Missing where there are not enough events.
        alerts: Open ones first, then those closed in the last 28 days: alert_id, opened_at, service, severity, rule,
            cause, next_action, burn, bad, total, closed_at, acknowledged_at, acknowledged_by, state ('open',
            'acknowledged', 'closed').
        contacts: Who is told: contact_id, channel, shown, added_by, added_at, sent, waiting, kept_aside, said.
    """

    budgets: tuple[Budget, ...]
    frame: pd.DataFrame
    alerts: pd.DataFrame
    contacts: pd.DataFrame

    @property
    def sentence(self) -> str:
        """The answer first: whether all is kept, and what is not."""
        open_ones = self.alerts[self.alerts["state"] != "closed"]
        measured = [one for one in self.budgets if one.total and one.state != "switched off"]
        if not measured:
            return "Nothing has been measured of this company's services yet."
        bad = [one.objective.service.title for one in measured if one.state in ("used up", "going fast")]
        few = sum(one.state == "not enough events" for one in measured)
        aside = f" Of {few} there are not enough events to say." if few else ""
        alerts = f"{len(open_ones)} alert{'' if len(open_ones) == 1 else 's'} open. " if len(open_ones) else ""
        if bad:
            return f"{alerts}{len(bad)} of {len(measured)} measured objectives in danger: {', '.join(bad)}.{aside}"
        return f"{alerts}{len(measured) - few} of {len(measured)} measured objectives are kept.{aside}"


def standing(tenant: str | UUID) -> Standing:
    """How a company's services stand.

    Args:
        tenant: Slug or id of a company that is open to this person.

    Raises:
        UnknownTenant: There is none of that name.
        DatabaseUnavailable: Nothing answers.
    """
    at = {"at": clock.now()}
    with tenancy.session(tenant) as connection:
        promised = objectives(connection)
        counts = _counts(tenancy.frame(connection, _COUNTS, at))
        alerts, contacts = tenancy.frame(connection, _ALERTS, at), tenancy.frame(connection, _TOLD)
    budgets = tuple(_budget(one, counts) for one in promised.values())
    return Standing(budgets, _frame(budgets, counts), alerts, contacts)


def objectives(connection: Connection) -> dict[str, Objective]:
    """The objectives of the session's company by service: its own, else the defaults."""
    query = "SELECT service, target, threshold, is_on FROM slo_objectives WHERE tenant_id = :tenant_id"
    own = {str(row["service"]): row for row in tenancy.frame(connection, query).to_dict("records")}
    found = {}
    for name, service in SERVICES.items():
        row = own.get(name)
        if row is None:
            found[name] = Objective(service, service.target, service.threshold)
        else:
            threshold = service.threshold if pd.isna(row["threshold"]) else float(row["threshold"])
            found[name] = Objective(service, float(row["target"]), threshold, bool(row["is_on"]))
    return found


def _counts(rows: pd.DataFrame) -> dict[str, dict[str, Any]]:
    return {str(row["service"]): {str(name): value for name, value in row.items()} for row in rows.to_dict("records")}


def _budget(objective: Objective, counts: Mapping[str, Mapping[str, Any]]) -> Budget:
    row = counts.get(objective.service.name, {})
    good, total, good_3d, total_3d = (int(row.get(name, 0)) for name in ("good", "total", "good_3d", "total_3d"))
    return budget(objective, good, total, good_3d, total_3d)


def _frame(budgets: tuple[Budget, ...], counts: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    rows = [
        {
            "service": (service := one.objective.service).name, "title": service.title,
            "objective": one.objective.sentence, "target": one.objective.target,
            "threshold": one.objective.threshold, "unit": service.unit, "good": one.good, "total": one.total,
            "attained": one.attained, "budget_left": one.left, "burn": one.burn, "state": one.state,
            "verdict": one.verdict, "page": service.page, "next_action": service.action,
            "measured_at": counts.get(service.name, {}).get("measured_at", pd.NaT),
        }
        for one in budgets
    ]  # fmt: skip
    numbers = ["threshold", "attained", "budget_left", "burn"]
    return pd.DataFrame(rows).astype(dict.fromkeys(numbers, "float64"))

"""All storms that are open to somebody, with how each stands: one query a company, nothing of another's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import pandas as pd

from stormplay import clock, quality, tenancy
from stormplay.errors import StormplayError, UnknownTenant
from stormplay.home.steps import Step, next_step
from stormplay.score import Counts, Standing
from stormplay.score.standing import standing

CHANGE_DAYS = 7  # the change of a score is told against so many days ago
STATUSES = ("active", "watching", "closed")
"""The order of cards: what is open comes first."""
_COUNTS = tuple(one.name for one in fields(Counts))
# A storm that has not been counted yet has no row of its own, and reads as nothing measurable.
STORMS = f"""
WITH hit AS (
    SELECT i.storm_id, count(*) AS homes, count(*) FILTER (WHERE i.sii_score > 0) AS homes_hit
      FROM property_impacts i WHERE i.tenant_id = :tenant_id GROUP BY i.storm_id)
SELECT s.storm_id, s.slug, s.name, s.status, s.event_date, coalesce(hit.homes, 0) AS homes,
       coalesce(hit.homes_hit, 0) AS homes_hit, {", ".join(f"k.{name}" for name in _COUNTS)},
       k.cause, k.changed_by, k.changed_at, k.computed_at, before.score AS score_before,
       {quality.since_newest_sql("s.storm_id")} AS since
  FROM storms s
  LEFT JOIN storm_scores k ON k.tenant_id = :tenant_id AND k.storm_id = s.storm_id
  LEFT JOIN hit ON hit.storm_id = s.storm_id
  LEFT JOIN LATERAL (
    SELECT h.score FROM score_history h
     WHERE h.tenant_id = :tenant_id AND h.storm_id = s.storm_id AND h.changed_at <= :before
     ORDER BY h.changed_at DESC, h.change_id DESC LIMIT 1) before ON true
 WHERE s.tenant_id = :tenant_id
"""  # noqa: S608 - own words only


@dataclass(frozen=True)
class Card:
    """A storm of a company, as its card tells it.

    Attributes:
        tenant, company: Slug and name of the company. role: The reader's there.
        is_synthetic: Whether its homes, owners and outcomes are made up.
        storm_id, slug, name, status, event_date: Of the storm.
        homes, homes_hit: Homes that were looked at, and those of them that it is modelled to have hit.
        standing: Its score, and the counts behind it.
        change: Points against `CHANGE_DAYS` days ago; None: there was no score then.
        step: What to do next.
    """

    tenant: str
    company: str
    role: str
    is_synthetic: bool
    storm_id: str
    slug: str
    name: str
    status: str
    event_date: date
    homes: int
    homes_hit: int
    standing: Standing
    change: float | None
    step: Step


@dataclass(frozen=True)
class Home:
    """What somebody's day begins with.

    Attributes:
        cards: Every storm, open ones first, the newest first.
        companies: Those that were asked: tenant_id, slug, org_name, role, is_synthetic.
        failed: By company, why it cannot be read just now.
    """

    cards: tuple[Card, ...]
    companies: pd.DataFrame
    failed: Mapping[str, str]

    @property
    def as_of(self) -> datetime | None:
        """When anything behind any score last changed."""
        return max((one.standing.as_of for one in self.cards if one.standing.as_of is not None), default=None)

    def frame(self) -> pd.DataFrame:
        """One row a storm: tenant, company, storm, name, status, event_date, score (NaN: not measurable), change,
        homes, homes_hit, decided, treated, jobs, jobs_completed, known, signed, as_of, next, why, page."""
        rows = [_row(one) for one in self.cards]
        return pd.DataFrame(rows, columns=list(_row_names()))


def storms_of_mine(tenant: str | UUID | None = None, storm: str | UUID | None = None) -> Home:
    """All storms of all companies that this person is a member of, and what to do next for each.

    Args:
        tenant: Slug or id of the one company to ask; None: all.
        storm: Slug or id of the one storm to tell of, 'newest' for a company's newest; None: all.

    Raises:
        UnknownTenant: No company of that name is open to this person.
        UnknownStorm: The one company has no such storm.
    """
    mine = tenancy.my_tenants()
    if tenant is not None:
        mine = mine[(mine["slug"] == str(tenant)) | (mine["tenant_id"] == str(tenant))].reset_index(drop=True)
        if mine.empty:
            raise UnknownTenant(f"There is no tenant '{tenant}' open to you.")
    cards: list[Card] = []
    failed: dict[str, str] = {}
    for one in mine.to_dict("records"):
        try:
            cards += _cards(one, storm)
        except StormplayError as error:
            if tenant is not None:
                raise
            failed[str(one["org_name"])] = str(error)
    order = {status: place for place, status in enumerate(STATUSES)}
    cards.sort(key=lambda card: (card.company, card.slug))
    cards.sort(key=lambda card: card.event_date, reverse=True)
    cards.sort(key=lambda card: order.get(card.status, len(order)))
    return Home(tuple(cards), mine, failed)


def _cards(company: Mapping[Any, Any], storm: str | UUID | None) -> list[Card]:
    with tenancy.session(str(company["tenant_id"])) as connection:
        wanted = None if storm is None else tenancy.storm_id(connection, storm)
        now = clock.now()
        found = tenancy.frame(connection, STORMS, {"now": now, "before": now - timedelta(days=CHANGE_DAYS)})
    rows = found.to_dict("records")
    return [_card(company, row) for row in rows if wanted in (None, str(row["storm_id"]))]


def _card(company: Mapping[Any, Any], row: Mapping[Any, Any]) -> Card:
    counts, told = Counts(), {}
    if not pd.isna(row["decided"]):
        counts = Counts(**{name: int(row[name]) for name in _COUNTS})
        told = {"as_of": row["computed_at"], "changed_at": row["changed_at"], "cause": str(row["cause"]),
                "changed_by": str(row["changed_by"])}  # fmt: skip
    since = quality.SINCE.get(row["since"], "")
    now = standing(counts, **told, since=since)
    change = None if pd.isna(row["score_before"]) else now.score - float(row["score_before"])
    return Card(
        tenant=str(company["slug"]),
        company=str(company["org_name"]),
        role=str(company["role"]),
        is_synthetic=bool(company["is_synthetic"]),
        storm_id=str(row["storm_id"]),
        slug=str(row["slug"]),
        name=str(row["name"]),
        status=str(row["status"]),
        event_date=row["event_date"],
        homes=int(row["homes"]),
        homes_hit=int(row["homes_hit"]),
        standing=now,
        change=change,
        step=next_step(str(row["status"]), int(row["homes_hit"]), counts, since),
    )


def _row(one: Card) -> dict[str, Any]:
    counts = one.standing.counts
    return {
        "tenant": one.tenant, "company": one.company, "storm": one.slug, "name": one.name, "status": one.status,
        "event_date": one.event_date, "score": round(one.standing.score, 2) if one.standing.is_measurable else None,
        "change": None if one.change is None else round(one.change, 2), "homes": one.homes, "homes_hit": one.homes_hit,
        "decided": counts.decided, "treated": counts.treat, "jobs": counts.total, "jobs_completed": counts.completed,
        "known": counts.treat_known + counts.control_known,
        "signed": counts.treat_converted + counts.control_converted, "as_of": one.standing.as_of,
        "next": one.step.do, "why": one.step.why, "page": one.step.page,
    }  # fmt: skip


def _row_names() -> tuple[str, ...]:
    return ("tenant", "company", "storm", "name", "status", "event_date", "score", "change", "homes", "homes_hit",
            "decided", "treated", "jobs", "jobs_completed", "known", "signed", "as_of", "next", "why",
            "page")  # fmt: skip

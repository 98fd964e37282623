"""Months of made-up use by two companies, and what they cost: worked out in plain Python from the raw facts alone."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal, getcontext
from random import Random
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import text

from stormplay import accounts
from stormplay import database as db

getcontext().prec = 60
GIGA = 10**9
# A catalogue of the test's own, so that its figures are all reached.
TERMS = {
    "small": (9_900, {
        "reports": {"included": 10, "per": 1, "tiers": [{"up_to": None, "micros": 199_999}]},
        "routed_stops": {"included": 40, "per": 1, "tiers": [{"up_to": 30, "micros": 41_337},
                                                             {"up_to": None, "micros": 33_333}]},
        "scored_properties": {"included": 1_000, "per": 1_000, "tiers": [{"up_to": None, "micros": 411_111}]},
        "active_users": {"included": 2, "per": 1, "tiers": [{"up_to": None, "micros": 15_000_001}]},
        "stream_events": {"included": 500, "per": 1_000, "tiers": [{"up_to": 2_000, "micros": 57_777},
                                                                   {"up_to": None, "micros": 21_111}]},
        "storage_bytes": {"included": 20 * GIGA, "per": GIGA, "tiers": [{"up_to": None, "micros": 8_123}]}}),
    "large": (29_999, {
        "reports": {"included": 25, "per": 1, "tiers": [{"up_to": None, "micros": 150_001}]},
        "routed_stops": {"included": 90, "per": 1, "tiers": [{"up_to": 20, "micros": 31_313},
                                                             {"up_to": 60, "micros": 22_222},
                                                             {"up_to": None, "micros": 15_151}]},
        "scored_properties": {"included": 2_500, "per": 1_000, "tiers": [{"up_to": None, "micros": 303_030}]},
        "active_users": {"included": 3, "per": 1, "tiers": [{"up_to": None, "micros": 12_345_678}]},
        "stream_events": {"included": 900, "per": 1_000, "tiers": [{"up_to": None, "micros": 19_191}]},
        "storage_bytes": {"included": 55 * GIGA, "per": GIGA, "tiers": [{"up_to": None, "micros": 6_789}]}}),
}  # fmt: skip


@dataclass
class Company:
    """One of the two: its zone, its plans as (name, first day, day after the last), and the facts that were counted."""

    zone: str
    plans: list[tuple[str, date, date | None]]
    slug: str = field(default_factory=lambda: f"billed-{uuid4().hex[:8]}")
    tenant_id: str = ""
    facts: dict[tuple[str, str], tuple[int, datetime]] = field(default_factory=dict)

    def __post_init__(self):
        self.tenant_id = accounts.add_tenant(self.slug, f"Company {self.slug}", is_synthetic=True, time_zone=self.zone)

    def count(self, facts):
        """Let the database count facts (meter, key, quantity, moment), and keep the first of each key here."""
        for meter, key, quantity, at in facts:
            self.facts.setdefault((meter, key), (quantity, at))
        with db.transaction(db.admin_url()) as connection:
            connection.execute(
                text("""SELECT count(sec.record_usage(:tenant, f->>0, f->>1, (f->>2)::bigint, (f->>3)::timestamptz,
                                                      NULL))
                          FROM jsonb_array_elements(CAST(:facts AS jsonb)) f"""),
                {"tenant": self.tenant_id, "facts": json.dumps([[m, k, q, at.isoformat()] for m, k, q, at in facts])},
            )


def made_up(company, months, seed):
    """Facts of some months, thickest around midnights, month ends and the changes of the clocks; many of them twice."""
    rng, zone, facts = Random(seed), ZoneInfo(company.zone), []
    for year, month in months:
        first = datetime(year, month, 1, tzinfo=zone)
        after = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=zone)
        begins, ends = first.astimezone(UTC), after.astimezone(UTC)
        edges = [begins, ends, datetime(year, month, 8, 8, tzinfo=UTC), datetime(year, month, 5, 7, tzinfo=UTC),
                 datetime(year, month, 12, tzinfo=zone).astimezone(UTC)]  # fmt: skip

        def moment(begins=begins, ends=ends, edges=edges):
            if rng.random() < 0.4:
                at = rng.choice(edges) + timedelta(seconds=rng.choice([-3_601, -1, 0, 1, 1_799, 1_800, 3_600]))
            else:
                at = begins + (ends - begins) * rng.random()
            return at.replace(microsecond=rng.choice([0, 1, 999_999]))

        facts += [("reports", str(uuid4()), 1, moment()) for _ in range(32)]
        facts += [("routed_stops", f"s:{rng.randrange(150)}:{month}", 1, moment()) for _ in range(160)]
        facts += [("scored_properties", str(uuid4()), rng.randrange(1, 900), moment()) for _ in range(12)]
        facts += [("active_users", f"{year}-{month}:{rng.randrange(6)}", 1, moment()) for _ in range(20)]
        facts += [("stream_events", str(uuid4()), rng.randrange(1, 400), moment()) for _ in range(25)]
        day = first.date()
        while day < after.date():
            if rng.random() < 0.9:
                noon = datetime(day.year, day.month, day.day, 12, tzinfo=zone).astimezone(UTC)
                facts.append(("storage_bytes", day.isoformat(), rng.randrange(GIGA // 2, 3 * GIGA), noon))
            day += timedelta(days=1)
    facts += [
        (m, k, q + 7, at + timedelta(hours=1)) for m, k, q, at in facts if rng.random() < 0.3
    ]  # said again, otherwise
    return facts


def bill(company, year, month):
    """What the month costs: [(meter or 'base', quantity, cents)] and the total, from the facts, day by day."""
    day, days = date(year, month, 1), []
    while day.month == month:
        days.append(day)
        day += timedelta(days=1)
    parts = []  # [plan, its days], as they follow each other
    for one in days:
        name = next((p for p, a, b in company.plans if a <= one and (b is None or one < b)), None)
        if name and (not parts or parts[-1][0] != name or parts[-1][1][-1] + timedelta(days=1) != one):
            parts.append([name, []])
        if name:
            parts[-1][1].append(one)
    zone, lines = ZoneInfo(company.zone), []
    by_day = {}
    for (meter, _), (quantity, at) in company.facts.items():
        by_day.setdefault(meter, {}).setdefault(at.astimezone(zone).date(), []).append(quantity)
    for number, (name, mine) in enumerate(parts):
        base, terms = TERMS[name]
        lines.append(("base", None, Decimal(base) * len(mine) / len(days)))
        for meter, term in terms.items():
            if meter == "active_users" and number < len(parts) - 1:
                continue
            counted = [one for _, days_of in parts for one in days_of] if meter == "active_users" else mine
            if meter == "active_users":
                counted = [one for one in days if counted[0] <= one <= counted[-1]]
            found = [q for one in counted for q in by_day.get(meter, {}).get(one, [])]
            whole = meter == "active_users"
            quantity = sum(found)
            if meter == "storage_bytes":
                quantity = sum(found) * len(mine) // len(found) if found else 0
            share = 1 if whole else None
            included = term["included"] if share else ceil_div(term["included"] * len(mine), len(days))
            beyond, at, micros = max(0, quantity - included), 0, Decimal(0)
            for tier in term["tiers"]:
                bound = None if tier["up_to"] is None else (
                    tier["up_to"] if share else ceil_div(tier["up_to"] * len(mine), len(days)))  # fmt: skip
                take = beyond - at if bound is None else max(0, min(beyond, bound) - at)
                micros += Decimal(take) * tier["micros"] / term["per"]
                at += take
            lines.append((meter, quantity, micros / 10_000))
    total = int(sum((cents for _, _, cents in lines), Decimal(0)).quantize(Decimal(1), ROUND_HALF_UP))
    whole_cents = [int(cents.quantize(Decimal(1), ROUND_FLOOR)) for _, _, cents in lines]
    rest = sorted(range(len(lines)), key=lambda at: -(lines[at][2] - whole_cents[at]))
    for at in rest[: total - sum(whole_cents)]:
        whole_cents[at] += 1
    return [(meter, quantity, cents) for (meter, quantity, _), cents in zip(lines, whole_cents, strict=True)], total


def ceil_div(a, b):
    return (a + b - 1) // b

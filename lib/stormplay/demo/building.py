"""Put the demo together: two tenants, three real storms, synthetic homes; the same for the same seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

import numpy as np
import pandas as pd

from stormplay.demo import decisions, defects, fieldwork, outcomes, people, streets, tables
from stormplay.demo.cast import COMPANIES, MAIN_STORM, SEED, STORMS, Company, Storm
from stormplay.demo.words import HISTORY_ZIPS, MAIN_ZIPS, OUTSIDE_ZIPS
from stormplay.storms import Swath, read_reports

_NAMESPACE = UUID("5b1f5d53-3f0e-4c58-9f3e-6d1c5f7a2c11")


@dataclass(frozen=True)
class TenantDemo:
    """One tenant's rows.

    Attributes:
        company: What it was made from.
        tables: Table name to rows, in an order in which they can be inserted. Columns are those of the table
            without tenant_id; a storm is given by its slug in the column `storm`, for the database makes its id.
        planted: One row a decided storm: storm, treat, hold_out, average_effect and average_base_rate (the ground
            truth over treated and held-out homes).
        defects: Fault to number of spoiled records.
    """

    company: Company
    tables: dict[str, pd.DataFrame]
    planted: pd.DataFrame
    defects: Mapping[str, int]

    @property
    def size(self) -> int:
        """How many rows there are in all tables."""
        return sum(map(len, self.tables.values()))


@dataclass(frozen=True)
class Demo:
    """Everything that the demo puts into a database, by tenant slug."""

    seed: int
    tenants: dict[str, TenantDemo]


@dataclass(frozen=True)
class _Book:
    """A tenant's homes, who among them said no, and the sources of chance and of ids."""

    company: Company
    rng: streets.Rng
    space: UUID
    homes: pd.DataFrame
    said_no: pd.DataFrame


def build(seed: int = SEED, companies: Sequence[Company] = COMPANIES) -> Demo:
    """Make the demo's rows without a database.

    Args:
        seed: Same seed and companies, same rows; ids too.
        companies: The tenants to make; together they have at most 4,000 telephone numbers.
    """
    land = streets.Land(np.random.default_rng(seed))
    phones = people.phone_numbers(np.random.default_rng([seed, 1]))
    swaths = {storm.slug: Swath.from_reports(read_reports(storm.day)) for storm in STORMS}
    tenants = {}
    for number, company in enumerate(companies):
        own, phones = phones[: company.phones], phones[company.phones :]
        book = _open_book(company, seed, number, land, own)
        tenants[company.slug] = _tenant(book, [_season(book, storm, swaths[storm.slug]) for storm in STORMS])
    return Demo(seed, tenants)


def _open_book(company: Company, seed: int, number: int, land: streets.Land, phones: list[str]) -> _Book:
    rng = np.random.default_rng([seed, 2, number])
    space = uuid5(_NAMESPACE, f"{seed}/{company.slug}")
    copies = defects.duplicate_count(sum(company.homes))
    main, history, outside = company.homes
    areas = ((MAIN_ZIPS, main - copies), (HISTORY_ZIPS, history), (OUTSIDE_ZIPS, outside))
    homes = pd.concat([streets.build_homes(land, *area) for area in areas], ignore_index=True)
    homes = people.add_roofs(rng, people.add_owners(rng, homes, phones, first_number=1 + 10_000 * number))
    homes = defects.with_duplicates(rng, homes, copies)
    homes = homes.assign(property_id=[str(uuid5(space, f"home {place}")) for place in range(len(homes))])
    return _Book(company, rng, space, homes, people.refusals(rng, homes))


def _tenant(book: _Book, seasons: list[dict[str, pd.DataFrame]]) -> TenantDemo:
    main = seasons[0]["homes"]
    spoiled, counts = defects.damage(book.rng, book.homes)
    rows = {
        "storms": tables.storms(),
        "properties": tables.properties(book.rng, spoiled),
        "lead_uplift": tables.beliefs(main, tables.refused_by(main, book.said_no)),
        "suppressions": pd.concat([book.said_no, tables.later_refusals(book.rng, main)], ignore_index=True),
    }
    for name in SEASON_TABLES:
        rows[name] = pd.concat([season[name] for season in seasons if name in season], ignore_index=True)
    planted = pd.concat([season["planted"] for season in seasons if "planted" in season], ignore_index=True)
    duplicates = {"duplicate": defects.duplicate_count(len(book.homes))}
    return TenantDemo(book.company, rows, planted, {**duplicates, **counts})


SEASON_TABLES = (
    "property_impacts",
    "policy_draws",
    "policy_runs",
    "policy_decisions_log",
    "policy_outcomes",
    "routes",
    "route_properties",
    "jobs",
    "customer_journeys",
)


def _season(book: _Book, storm: Storm, swath: Swath) -> dict[str, pd.DataFrame]:
    """All that one storm brought one tenant, by table; 'homes' and 'planted' beside them."""
    homes = book.homes
    hail_in = swath.hail_in(homes["latitude"], homes["longitude"]).round(3)
    uplift = decisions.estimate_uplift(book.rng, hail_in, homes["roof_age_years"].to_numpy())
    hit = homes.assign(hail_in=hail_in, expected_uplift=uplift)
    season = {"homes": hit, "property_impacts": tables.impacts(storm, hit)}
    if storm.slug in book.company.undecided:
        return season
    refused = tables.refused_by(hit, book.said_no)
    decided = decisions.decide(storm.slug, hit, refused["door"] | refused["all"])
    run_id = str(uuid5(book.space, f"policy run {storm.slug}"))
    season["policy_draws"] = tables.policy_draw(storm)
    season["policy_runs"] = tables.policy_run(storm, decided, run_id)
    season["policy_decisions_log"] = tables.decisions_log(storm, decided, run_id)
    season["homes"] = hit = hit.assign(decision=decided["decision"])
    arms = hit[hit["decision"] != "skip"].reset_index(drop=True)
    season["planted"] = tables.planted(storm, arms)
    return season | _aftermath(book, storm, arms)


def _aftermath(book: _Book, storm: Storm, arms: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Outcomes and touches; for a past storm all of them, and the routes and jobs that led there."""
    is_main = storm.slug == MAIN_STORM
    drawn = outcomes.draw_outcomes(book.rng, storm.midnight, arms)
    share = book.company.known_share
    known = outcomes.known_so_far(book.rng, drawn, storm.slug, share) if is_main else drawn
    touched = arms.merge(known[["property_id", "actual_converted", "observed_at"]], on="property_id")
    refused = tables.refused_by(touched, book.said_no)
    touches = outcomes.draw_touches(book.rng, storm.midnight, touched, field=not is_main, refused=refused)
    found = {
        "policy_outcomes": known.assign(storm=storm.slug),
        "customer_journeys": touches.assign(storm=storm.slug),
    }
    treated = arms[arms["decision"] == "treat"]
    return found if is_main or treated.empty else found | _fieldwork(book, storm, treated, drawn)


def _fieldwork(book: _Book, storm: Storm, treated: pd.DataFrame, drawn: pd.DataFrame) -> dict[str, pd.DataFrame]:
    routes, stops = fieldwork.drive_routes(uuid5(book.space, storm.slug), treated)
    jobs = fieldwork.finish_jobs(book.rng, storm.midnight, stops, drawn)
    driven_at = storm.midnight + pd.Timedelta(days=2, hours=14)
    ended_at = jobs["completed_at"].fillna(storm.midnight + pd.Timedelta(days=23))
    return {
        "routes": routes.assign(storm=storm.slug, status="done", assigned_at=driven_at, created_at=driven_at),
        "route_properties": stops,
        "jobs": jobs.assign(
            storm=storm.slug,
            created_at=driven_at,
            updated_at=ended_at,
            status_since=ended_at,
        ),
    }

"""The treatment policy and the data-quality checks on a storm of 100,000 homes.

    python benchmarks/policy.py
    python benchmarks/policy.py --homes 20000

An embedded Postgres of its own is filled with one company whose homes were all hit and scored. Each row is a call of
the library as a kernel makes it. Beside the time on the clock stands the processor time of this process and of the
database: on a machine that others use, the two differ. The bounds are about the clock. Beside them a peer: the homes
and what is known of them read by plain SQL as administrator, without a lock, a decision or a row written.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table
from sqlalchemy import text
from tenancy import use_home

from stormplay import TreatmentPolicy, accounts, database, migrations, quality
from stormplay.policy import facts

BOUND_S = {"dry run": 3.0, "apply": 3.0, "quality": 2.0}
_FILL = (
    """INSERT INTO properties (tenant_id, address, city, zip_code, latitude, longitude, owner_name, phone, email,
                               roof_age_years, roof_area_sqft, is_synthetic)
       SELECT :tenant, n || ' Made Up Lane', 'Keller', '76137', 32.8 + random() / 10, -97.3 + random() / 10, 'Made Up',
              '(817) 555-0142', 'owner@example.com', random() * 30, 2000 + random() * 1000, true
         FROM generate_series(1, :homes) n""",
    """INSERT INTO property_impacts (tenant_id, storm_id, property_id, hail_in, sii_score)
       SELECT tenant_id, :storm, property_id, 0.6 + random() * 2, 50 FROM properties""",
    """INSERT INTO lead_uplift (tenant_id, property_id, storm_id, expected_uplift, next_best_action, model_version)
       SELECT tenant_id, property_id, :storm, random() * 0.3, 'door_visit', 'made up' FROM properties""",
    """INSERT INTO suppressions (tenant_id, property_id, channel, reason)
       SELECT tenant_id, property_id, 'door', 'made up' FROM properties WHERE random() < 0.03""",
)


@dataclass(frozen=True)
class Taken:
    """What a call took, in seconds: on the clock, and of processors."""

    name: str
    clock_s: float
    processor_s: float

    @property
    def bound_s(self) -> float | None:
        """Below what it should be; None: not bound."""
        return next((bound for word, bound in BOUND_S.items() if self.name.startswith(word)), None)


def load(homes: int) -> dict[str, object]:
    """Fill the database as administrator; the ids of the company and its storm."""
    migrations.migrate()
    values: dict[str, object] = {"tenant": accounts.add_tenant("subject", "Subject", is_synthetic=True), "homes": homes}
    with database.transaction(database.admin_url()) as connection:
        query = """INSERT INTO storms (tenant_id, slug, name, event_date) VALUES (:tenant, 'hail', 'Hail', '2021-04-28')
                   RETURNING storm_id"""
        values["storm"] = connection.execute(text(query), values).scalar_one()
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # the rows fit; nobody did this
        for statement in _FILL:
            connection.execute(text(statement), values)
    return values


def processor_s() -> float:
    """Processor time of this process and of all the database's, so far."""
    with database.transaction(database.admin_url()) as connection:
        folder = connection.execute(text("SHOW data_directory")).scalar_one()
    server = int((Path(folder) / "postmaster.pid").read_text().splitlines()[0])
    times = [one.cpu_times() for one in (psutil.Process(), *psutil.Process(server).children())]
    return sum(one.user + one.system for one in times)


def measure(name: str, call: Callable[[], object]) -> Taken:
    """One call."""
    before, began = processor_s(), time.perf_counter()
    call()
    return Taken(name, time.perf_counter() - began, processor_s() - before)


def peer(values: dict[str, object]) -> None:
    """The homes and what is known of them, as plain as can be."""
    with database.transaction(database.admin_url()) as connection:
        connection.execute(text("SET LOCAL enable_nestloop = off"))
        given = {"tenant_id": values["tenant"], "storm_id": values["storm"], "least_jobs": facts.LEAST_JOBS}
        connection.execute(text(facts.HOMES), given).fetchall()


def run(homes: int) -> list[Taken]:
    """All calls, each as it comes after the one before."""
    values = load(homes)
    policy = TreatmentPolicy("subject", "hail")
    other = replace(policy.rules, uplift_min=0.1, crew_days=homes / 500)
    return [
        measure("peer: reading alone", lambda: peer(values)),
        measure("dry run", policy.dry_run),
        measure("apply, every home new", policy.apply),
        measure("dry run of other rules", lambda: policy.dry_run(other)),
        measure("apply other rules, most homes change", lambda: policy.apply(other)),
        measure("apply again, nothing changes", lambda: policy.apply(other)),
        measure("uplift curve", policy.uplift_curve),
        measure("decisions", policy.decisions),
        measure("quality, all checks", lambda: quality.run("subject", "hail")),
    ]


def show(taken: list[Taken], homes: int) -> bool:
    """Print the figures. Returns whether the bounds are kept."""
    table = Table(title=f"{homes:,} homes")
    for head in ("call", "clock s", "processors s", "bound s", ""):
        table.add_column(head, justify="left" if head in ("call", "") else "right")
    kept = [one.bound_s is None or one.clock_s < one.bound_s for one in taken]
    for one, is_kept in zip(taken, kept, strict=True):
        word = "" if one.bound_s is None else "kept" if is_kept else "BROKEN"
        bound = "" if one.bound_s is None else f"{one.bound_s:.1f}"
        table.add_row(one.name, f"{one.clock_s:.2f}", f"{one.processor_s:.2f}", bound, word)
    Console(width=100).print(table)
    return all(kept)


def main(arguments: list[str] | None = None) -> int:
    """Run and print; 0 when the bounds are kept, 1 when one is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--homes", type=int, default=100_000, help="homes of the storm (default 100,000)")
    homes = parser.parse_args(arguments).homes
    use_home(None)
    return 0 if show(run(homes), homes) else 1


if __name__ == "__main__":
    sys.exit(main())

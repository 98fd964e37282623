"""What the product asks of its database: its calls, and the statements that they really send."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import psycopg2.extensions
import sqlalchemy
from sqlalchemy import text
from sqlalchemy.engine.default import DefaultDialect
from tenants import new_ids

from stormplay import RouteBuilder, database, list_storms, parameters, tenancy
from stormplay.demo.cast import MAIN_STORM

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
PAGE = 2_000  # rows of one INSERT of `tenancy.insert`
AS_WRITTEN = "as written:"  # a query of the guide that the product sends otherwise


@dataclass(frozen=True)
class Subject:
    """Of what the product is asked: the tenant of median size, its storm at hand, a planned route and a job on it."""

    tenant: str
    tenant_id: str
    storm: str
    storm_id: str
    route_id: str
    property_id: str
    job_id: str

    @classmethod
    def median(cls) -> Subject:
        """The one in the database at hand."""
        query = """
            WITH size AS (SELECT tenant_id, count(*) AS homes FROM properties GROUP BY tenant_id),
            median AS (SELECT tenant_id FROM size ORDER BY homes OFFSET (SELECT count(*) / 2 FROM size) LIMIT 1)
            SELECT t.slug, t.tenant_id, s.slug, s.storm_id, r.route_id, j.property_id, j.job_id
              FROM median JOIN tenants t USING (tenant_id) JOIN storms s USING (tenant_id)
              JOIN routes r USING (tenant_id, storm_id) JOIN jobs j USING (tenant_id, route_id)
             WHERE s.slug = :storm ORDER BY j.completed_at IS NULL DESC, r.route_id, j.property_id LIMIT 1"""
        with database.transaction(database.admin_url()) as connection:
            return cls(*map(str, connection.execute(text(query), {"storm": MAIN_STORM}).one()))

    @property
    def routes(self) -> RouteBuilder:
        """The storm's route builder."""
        return RouteBuilder(self.tenant, self.storm)


Call = Callable[[Subject], object]


def asking(query: str, *without: str) -> Call:
    """A query that the product will send one day; planned without some ways, as `tenancy.bulk_frame` does it."""

    def run(s: Subject) -> None:
        with tenancy.session(s.tenant) as connection:
            for way in without:
                connection.execute(text("SELECT set_config(:way, 'off', true)"), {"way": f"enable_{way}"})
            connection.execute(text(query), vars(s))

    return run


def running(notebook: Path) -> Call:
    """A notebook run to its end as a report."""

    import nbformat  # noqa: PLC0415 - after `parameters`, which spares it a second

    def run(s: Subject) -> None:
        known = parameters.contract(notebook)
        given = {"tenant": s.tenant, "storm": s.storm, "interactive": False}
        values = {name: given.get(name, one.default) for name, one in known.items()}
        for cell in nbformat.read(notebook, as_version=4).cells:
            if cell.cell_type == "code" and "parameters" not in cell.metadata.get("tags", []):
                exec(compile(cell.source, notebook.name, "exec"), values)

    return run


def import_homes(s: Subject) -> None:
    """A page of new homes with their decisions, as every bulk insert goes."""
    homes = pd.DataFrame({"property_id": new_ids(np.random.default_rng(1), PAGE), "address": "1 New Street"})
    decided = homes[["property_id"]].assign(
        storm_id=s.storm_id, decision="treat", reason="uplift", model_version="made up"
    )
    with tenancy.session(s.tenant) as connection:
        tenancy.insert(connection, "properties", homes.assign(latitude=32.8, longitude=-97.3))
        tenancy.insert(connection, "policy_decisions_log", decided)


# In the words of the wiring guide that the product follows: nothing in them tells the planner which tenant it is.
_TREATED = """
    SELECT p.property_id, p.zip_code, p.latitude, p.longitude, lu.expected_uplift, pdl.decision
      FROM properties p
      JOIN lead_uplift lu ON p.property_id = lu.property_id
      JOIN policy_decisions_log pdl ON p.property_id = pdl.property_id
     WHERE pdl.decision = 'treat' AND pdl.storm_id = :storm_id"""
_UNCONVERTED = """
    SELECT p.property_id, p.address, p.zip_code, lu.expected_uplift, lu.next_best_action, j.status AS job_status
      FROM properties p
      JOIN lead_uplift lu ON p.property_id = lu.property_id
      JOIN policy_decisions_log pdl ON p.property_id = pdl.property_id
      LEFT JOIN jobs j ON p.property_id = j.property_id
      LEFT JOIN policy_outcomes po ON p.property_id = po.property_id
     WHERE pdl.decision = 'treat' AND (po.actual_converted = FALSE OR po.actual_converted IS NULL)
       AND lu.expected_uplift > 0.15
     ORDER BY lu.expected_uplift DESC"""


def with_tenant(query: str) -> str:
    """The query as the product sends it: joined by tenant, and the tenant named once."""
    joined = re.sub(r"ON p\.property_id = (\w+)\.property_id", r"ON \1.tenant_id = p.tenant_id AND \g<0>", query)
    return joined.replace("AND ON ", "AND ").replace("WHERE ", "WHERE p.tenant_id = :tenant_id AND ", 1)


# To add a query: a notebook is here by itself; for another public call, or a query to come, add a line.
CALLS: dict[str, Call] = {
    "my_tenants": lambda s: (tenancy.my_tenants(), tenancy.my_name(), tenancy.tenant_of_storm(s.storm_id)),
    "list_storms": lambda s: list_storms(s.tenant),
    "RouteBuilder": lambda s: (s.routes, RouteBuilder(s.tenant_id, s.storm_id)),
    "get_routes": lambda s: s.routes.get_routes(),
    "get_stops(one)": lambda s: s.routes.get_stops(s.route_id),
    "get_stops()": lambda s: s.routes.get_stops(),
    "get_ledger": lambda s: s.routes.get_ledger(),
    "as_of": lambda s: s.routes.as_of,
    "assign_crew": lambda s: s.routes.assign_crew(s.route_id, "Crew 9"),
    "export_route_csv": lambda s: s.routes.export_route_csv(s.route_id),
    "generate_routes": lambda s: s.routes.generate_routes(time_limit_s=0.0),
    "import of homes": import_homes,
    **{path.stem: running(path) for path in sorted(NOTEBOOKS.glob("*.ipynb"))},
    # The phases to come.
    "phase 3 join": asking(with_tenant(_TREATED)),
    "phase 5 list": asking(with_tenant(_UNCONVERTED)),
    "phase 5 top 100": asking(with_tenant(_UNCONVERTED + " LIMIT 100"), "nestloop"),
    f"{AS_WRITTEN} phase 3 join": asking(_TREATED),
    f"{AS_WRITTEN} phase 5 list": asking(_UNCONVERTED),
    f"{AS_WRITTEN} phase 5 top 100": asking(_UNCONVERTED + " LIMIT 100"),
    "phase 4 job": asking("""
        SELECT j.job_id, j.status, j.notes, j.photos, j.claim_intel, p.address, lu.expected_uplift
          FROM jobs j
          JOIN properties p ON j.property_id = p.property_id
          JOIN lead_uplift lu ON p.property_id = lu.property_id
         WHERE j.property_id = :property_id"""),
    "phase 4 save": asking("""
        UPDATE jobs SET status = 'completed', notes = 'Roof inspected, hail damage confirmed', photos = '["a.jpg"]',
               claim_intel = '{"damage_type": "hail"}', completed_at = now()
         WHERE job_id = :job_id"""),
    "phase 4 progress": asking("""
        SELECT count(*), count(*) FILTER (WHERE status = 'completed') FROM jobs WHERE route_id = :route_id"""),
    "phase 5 nurture": asking("""
        INSERT INTO nurture_sequences (property_id, sequence_type, scheduled_at)
        VALUES (:property_id, 'mail', now() + interval '2 days')"""),
    "score: treated": asking("""
        SELECT count(*) FROM policy_decisions_log WHERE storm_id = :storm_id AND decision = 'treat'"""),
    "score: high uplift": asking("SELECT count(*) FROM lead_uplift WHERE expected_uplift > 0.15"),
    "score: jobs": asking("""
        SELECT count(*), count(*) FILTER (WHERE status = 'completed') FROM jobs WHERE storm_id = :storm_id"""),
    "score: conversions": asking("""
        SELECT pdl.decision, count(*), count(*) FILTER (WHERE po.actual_converted)
          FROM policy_decisions_log pdl
          LEFT JOIN policy_outcomes po ON po.storm_id = pdl.storm_id AND po.property_id = pdl.property_id
         WHERE pdl.storm_id = :storm_id AND pdl.decision IN ('treat', 'hold_out') GROUP BY pdl.decision"""),
    "journey": asking("""
        SELECT channel FROM customer_journeys WHERE property_id = :property_id AND storm_id = :storm_id
         ORDER BY timestamp"""),
}


@dataclass
class Statement:
    """One statement as it went over the wire.

    Attributes:
        call: What sent it.
        sent: Its text with the values in it.
        written: Its text before that, of an INSERT the part before VALUES.
        rows: How many it gave or changed.
        is_write: Whether it changes rows.
        is_ours: Whether it asks a tenant's table.
        ms: The times that it took when it was played again, by lane.
    """

    call: str
    sent: bytes
    written: str
    rows: int
    is_write: bool
    is_ours: bool
    ms: dict[str, list[float]] = field(default_factory=dict)

    @property
    def is_door(self) -> bool:
        """Whether it only opens the door, which nobody has who filters by hand."""
        return b"sec." in self.sent or b"app.tenant_id" in self.sent

    @property
    def is_setting(self) -> bool:
        """Whether it only sets what the next ones run under."""
        return b"set_config(" in self.sent or self.sent.lstrip().upper().startswith(b"SET ")

    @property
    def name(self) -> str:
        """Its call, verb and table, or its function."""
        flat, before = self.written, ""
        while flat != before:
            flat, before = re.sub(r"\([^()]*\)", " ", flat), flat
        found = re.search(r"\b(INSERT INTO|UPDATE|FROM)\s+\"?(\w+)", flat) or re.search(r"(SELECT) (\w+)", flat)
        if not found:
            return self.call
        return f"{self.call}: {found[1].split()[0].lower().replace('from', 'select')} {found[2]}"


Transaction = list[Statement]


def capture(s: Subject, calls: Mapping[str, Call]) -> list[Transaction]:
    """Run calls, keep what they send, and let none of it last.

    Returns:
        The transactions in order. A statement that was sent before is left out of a later one, unless that stands on
        it: settings and changes stay.
    """
    recorder = _Recorder()
    tenancy.my_tenants()  # mints this process's login, which must last
    sqlalchemy.event.listen(sqlalchemy.pool.Pool, "checkout", recorder.attach)
    try:
        with mock.patch.object(DefaultDialect, "do_commit", lambda _, connection: connection.rollback()):
            for name, call in calls.items():
                recorder.call = name
                call(s)
    finally:
        sqlalchemy.event.remove(sqlalchemy.pool.Pool, "checkout", recorder.attach)
    return _unseen(recorder.kept)


class _Recorder:
    """Keeps what goes through the driver's cursors, also what SQLAlchemy does not see (`execute_values`)."""

    def __init__(self) -> None:
        tables, functions = tenant_objects()
        changes = [r"INSERT\s+INTO", r"DELETE\s+FROM", r"MERGE\s+INTO", r"UPDATE\s+\w+\s+SET", *functions]
        self._ours = re.compile(rf"\b({'|'.join([*tables, *functions])})\b")
        self._changes = re.compile(rf"\b({'|'.join(changes)})\b", re.I)
        self._open: dict[int, Transaction] = {}
        self.kept: list[Transaction] = []
        self.call = ""

    def attach(self, dbapi_connection: Any, *_: object) -> None:
        """Record a connection from now on."""
        recorder = self

        class Cursor(psycopg2.extensions.cursor):
            def execute(self, query: Any, values: Any = None) -> None:
                is_first = self.connection.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_IDLE
                super().execute(query, values)
                if not self.connection.autocommit:
                    recorder.keep(id(self.connection), is_first, query, self.query or b"", self.rowcount)

        dbapi_connection.cursor_factory = Cursor

    def keep(self, connection: int, is_first: bool, query: str | bytes, sent: bytes, rows: int) -> None:
        """Keep one statement."""
        if is_first:
            self._open[connection] = []
            self.kept.append(self._open[connection])
        written = re.sub(r"VALUES.*", "", query.decode(), flags=re.S) if isinstance(query, bytes) else str(query)
        is_write, is_ours = self._changes.search(written) is not None, self._ours.search(written) is not None
        self._open[connection].append(Statement(self.call, bytes(sent), written, rows, is_write, is_ours))


def tenant_objects() -> tuple[list[str], list[str]]:
    """The tenants' tables, and the functions that change rows in them."""
    tables = """SELECT relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
                 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY relname"""
    functions = "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND provolatile = 'v'"
    with database.transaction(database.admin_url()) as connection:
        found = [connection.execute(text(query)).scalars().all() for query in (tables, functions)]
        return list(found[0]), list(found[1])


def _unseen(transactions: list[Transaction]) -> list[Transaction]:
    seen: set[bytes] = set()
    found = []
    for transaction in transactions:
        new = {each.sent for each in transaction} - seen
        seen |= new
        kept = [each for each in transaction if each.sent in new or each.is_setting or each.is_write or each.is_door]
        if any(each.sent in new and (each.is_ours or each.is_door) for each in transaction):
            found.append(kept)
    return found

"""One company's health: everything read in one session, judged, and what a page asks beside that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import pandas as pd
from sqlalchemy.engine import Connection

from stormplay import billing, clock, exports, quality, slo, tenancy
from stormplay.errors import BadInput
from stormplay.health import dimensions, judging, people, promises, reading
from stormplay.health.dimensions import Dimension, Verdict

MAX_AGE_H = 168.0  # a weekly schedule


@dataclass(frozen=True)
class Health:
    """How a company stands.

    Attributes:
        tenant: Its slug. company: Its name.
        role: The reader's role there.
        is_synthetic: Whether its rows are made up.
        at: The moment that this speaks of.
        verdict: All dimensions in a sentence.
        dimensions: Each one judged, the worst first.
        storms: storm_id, slug, name, status, event_date, changed_at; the newest first.
        checked: The newest checks of each storm's data: storm_id, made_at, made_by, checks, issues.
        services: As `slo.standing` returns it.
        usage: As `billing.standing` returns it, for this month.
        people: As `people.told` returns it; None where the reader is not an admin there.
    """

    tenant: str
    company: str
    role: str
    is_synthetic: bool
    at: datetime
    verdict: Verdict
    dimensions: tuple[Dimension, ...]
    storms: pd.DataFrame
    checked: pd.DataFrame
    services: slo.Standing
    usage: billing.Standing
    people: pd.DataFrame | None

    def dimension(self, name: str) -> Dimension | None:
        """One of them by name; None where it is not judged for this reader."""
        return next((one for one in self.dimensions if one.name == name), None)

    def frame(self) -> pd.DataFrame:
        """One row a dimension, the worst first: dimension, state, figure, said, action, page, storm, command, as_of."""
        return dimensions.table(self.dimensions)

    def numbers(self) -> dict[str, int | float | str | None]:
        """All numbers, as plain scalars."""
        return dimensions.numbers(self.dimensions)


class TenantHealth:
    """Whether a company is well, and if not, what is the next action.

    Args:
        tenant: Slug or id of a company that is open to this person; a selection, never an authority.
        max_age_h: Hours after which a report is no longer fresh.

    Raises:
        UnknownTenant: There is none of that name.
        BadInput: A report may be no hours old.
    """

    def __init__(self, tenant: str | UUID, *, max_age_h: float = MAX_AGE_H) -> None:
        if not max_age_h > 0:
            raise BadInput(f"A report may be {max_age_h:g} hours old.", "Expected more than 0.")
        self._tenant, self._max_age_h = tenant, max_age_h
        with tenancy.session(tenant) as connection:
            mine, wanted = tenancy.my_tenants(), connection.info["tenant_id"]
        self._row = mine[mine["tenant_id"] == wanted].iloc[0]

    def read(self) -> Health:
        """Read and judge all of it."""
        role, now = str(self._row["role"]), clock.now()
        with tenancy.session(self._tenant) as connection:
            storms = reading.storms(connection)
            checked = reading.quality(connection)
            judged = self._judged(connection, storms, checked, now)
            found = people.told(reading.people(connection), now) if role == "admin" else None
        services, usage = slo.standing(self._tenant), billing.standing(self._tenant)
        judged += [promises.services(services), promises.usage(usage, now)]
        if found is not None:
            judged.append(people.judged(found))
        company = str(self._row["org_name"])
        return Health(
            tenant=str(self._row["slug"]),
            company=company,
            role=role,
            is_synthetic=bool(self._row["is_synthetic"]),
            at=now,
            verdict=dimensions.verdict(company, judged),
            dimensions=tuple(dimensions.worst_first(judged)),
            storms=storms,
            checked=checked,
            services=services,
            usage=usage,
            people=found,
        )

    def _judged(
        self, connection: Connection, storms: pd.DataFrame, checked: pd.DataFrame, now: datetime
    ) -> list[Dimension]:
        positions, letters, last = reading.stream(connection)
        return [
            judging.data_quality(storms, checked, now),
            judging.freshness(storms, now),
            judging.stream(storms, positions, letters, last, now),
            judging.jobs(storms, reading.jobs(connection)),
            judging.reports(storms, reading.reports(connection), self._max_age_h, now),
        ]

    def get_checks(self, storm: str | UUID) -> pd.DataFrame:
        """What the newest checks of a storm's data counted; see `quality.latest`. Empty: never checked."""
        return quality.latest(self._tenant, storm)

    def run_checks(self, storm: str | UUID) -> pd.DataFrame:
        """Check a storm's data now, and keep what was counted; see `quality.run`.

        Raises:
            NotAllowed: This person may only read.
        """
        return quality.run(self._tenant, storm)

    def acknowledge(self, alert_id: str | UUID) -> None:
        """Say that this person sees to an alert of `Health.services.alerts`; see `slo.acknowledge`.

        Raises:
            BadInput: There is no open alert of that id.
            NotAllowed: This person may only read, or somebody has said so already.
        """
        slo.acknowledge(self._tenant, alert_id)

    def get_invoice(self, number: int, kind: str) -> tuple[str, str | bytes, str]:
        """An invoice or credit note as a file: its name, its content, its media type.

        Args:
            number: As in `Health.usage.invoices`.
            kind: 'csv' or 'pdf'.

        Raises:
            BadInput: The company has none of that number, or another kind was asked for.
        """
        if kind not in ("csv", "pdf"):
            raise BadInput(f"An invoice cannot be made as '{kind}'.", "Expected csv or pdf.")
        name = f"invoice-{self._row['slug']}-{number}.{kind}"
        if kind == "pdf":
            return name, billing.to_pdf(self._tenant, number), "application/pdf"
        return name, billing.to_csv(self._tenant, number), "text/csv"

    def export_csv(self) -> str:
        """The dimensions as CSV that is safe to open in a spreadsheet."""
        found = self.read().frame()
        found["as_of"] = [None if pd.isna(moment) else pd.Timestamp(moment).isoformat() for moment in found["as_of"]]
        return exports.to_csv(found)

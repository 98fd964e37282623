"""Whether a company is well, dimension by dimension, and where it is not, the one next action.

dimensions  a dimension and the verdict over all of them (pure)
judging     what was read, judged: data quality, freshness, reports, stream, jobs, people (pure)
promises    service levels and usage against the plan, judged (pure)
reading     what is read of a company, a query each
tenant      `TenantHealth`: all of it in one session, the checks run, the table as a file
companies   `companies_of_mine`: the companies in which somebody is admin, the worst first
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormplay import lazy

if TYPE_CHECKING:
    from stormplay.health.companies import companies_of_mine
    from stormplay.health.dimensions import Dimension, Verdict
    from stormplay.health.tenant import Health, TenantHealth

__all__ = ["Dimension", "Health", "TenantHealth", "Verdict", "companies_of_mine"]

__getattr__ = lazy.names(
    __name__,
    {
        "companies": "companies_of_mine",
        "dimensions": "Dimension, Verdict",
        "tenant": "Health, TenantHealth",
    },
)

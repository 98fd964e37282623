"""What a check is, and how its query is read. One check asks one rule of one kind of record, each record once."""

from __future__ import annotations

from dataclasses import dataclass

EXAMPLES = 5

# The homes that a storm is about: decided for it, or hit by it.
HOMES = """
home AS (                  -- whoever the storm is about: decided for it, or hit by it
    SELECT p.* FROM properties p
     WHERE p.tenant_id = :tenant_id AND p.property_id IN (
        SELECT property_id FROM policy_decisions_log WHERE tenant_id = :tenant_id AND storm_id = :storm_id
        UNION ALL SELECT property_id FROM property_impacts WHERE tenant_id = :tenant_id AND storm_id = :storm_id)
)"""
ARMS = """
arm AS (                   -- who is part of the storm's experiment: treated or held out
    SELECT * FROM policy_decisions_log
     WHERE tenant_id = :tenant_id AND storm_id = :storm_id AND decision <> 'skip'
)"""
_COUNT = f"""
SELECT count(*) AS checked, count(*) FILTER (WHERE is_issue) AS issues,
       (array_agg(record_id::text ORDER BY record_id) FILTER (WHERE is_issue))[1:{EXAMPLES}] AS examples
  FROM asked
"""


@dataclass(frozen=True)
class Check:
    """One rule.

    Attributes:
        title: What is wrong where it does not hold, in a few words.
        why: Why it matters.
        remedy: What to do about it.
        steps: Named steps of SQL over `:tenant_id` and `:storm_id`. The last one, `asked`, has one row a record that
            the rule is asked of: record_id, is_issue. A single value is read by a subquery, never joined: bulk reads
            may not nest loops, and would work it out again for every row.
    """

    title: str
    why: str
    remedy: str
    steps: str

    @property
    def sql(self) -> str:
        """The whole query: checked (records that were asked), issues, examples (up to 5 ids)."""
        return f"WITH {self.steps.strip()}{_COUNT}"

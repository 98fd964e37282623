"""The list that nurture starts from: treated, not converted, uplift above a threshold, best first, page by page.

It is the seed's Phase 5 query for one storm. As written the seed's query joins decisions, jobs and outcomes on the
property alone, so a home that was in two storms comes out once for each combination of their rows, and a signature for
one storm does not keep it from being listed through the other. Here the three tables that belong to a storm are
narrowed to the storm of the page before they are joined. So the exact statement is:

    page of storm S = the seed's query, letter for letter, over
                      policy_decisions_log, jobs and policy_outcomes narrowed to storm_id = S

with ties in uplift ordered by property_id. Each has one row a home and storm, so a home is listed once. A tenant with
one storm gets the seed's rows as they are. `tests/nurture/test_nurture_listing.py` runs both.
"""

from __future__ import annotations

import math

import pandas as pd

from stormplay import tenancy
from stormplay.errors import BadInput
from stormplay.nurture.facts import Scope
from stormplay.ordering import Order, order_by

_FROM = """
  FROM lead_uplift lu
  JOIN policy_decisions_log d ON d.tenant_id = lu.tenant_id AND d.property_id = lu.property_id
   AND d.storm_id = :storm_id AND d.decision = 'treat'
  LEFT JOIN policy_outcomes o ON o.tenant_id = lu.tenant_id AND o.property_id = lu.property_id
   AND o.storm_id = :storm_id {address}
 WHERE (o.actual_converted = FALSE OR o.actual_converted IS NULL) AND lu.expected_uplift > :threshold {search}
"""
_USUAL = "lu.expected_uplift DESC, lu.property_id"
_KNOWN = {"address": "q.address_key", "zip": "q.zip_code", "uplift": "lu.expected_uplift",
          "advice": "lu.next_best_action", "job": "j.status"}  # fmt: skip
_JOB = """LEFT JOIN jobs j ON j.tenant_id = lu.tenant_id AND j.property_id = lu.property_id
   AND j.storm_id = :storm_id"""
# Only what is searched needs the address of every home.
_ADDRESS = "JOIN properties q ON q.tenant_id = lu.tenant_id AND q.property_id = lu.property_id"
_SEARCH = "AND (position(:words IN q.address_key) > 0 OR q.zip_code = :search)"
_ONE = "AND lu.property_id = CAST(:search AS uuid) AND d.property_id = CAST(:search AS uuid)"
_AMONG = "AND lu.property_id = ANY (CAST(:ids AS uuid[])) AND d.property_id = ANY (CAST(:ids AS uuid[]))"
_DETAILS = """
SELECT p.property_id::text, p.address, p.zip_code, j.status AS job_status FROM properties p
  LEFT JOIN jobs j ON j.tenant_id = p.tenant_id AND j.property_id = p.property_id AND j.storm_id = :storm_id
"""
_THESE = """   AND j.property_id = ANY (CAST(:ids AS uuid[]))
 WHERE p.property_id = ANY (CAST(:ids AS uuid[]))
"""
_SEED = ["property_id", "address", "zip_code", "expected_uplift", "next_best_action", "job_status"]

LARGEST_PAGE = 1_000


def page(scope: Scope, threshold: float, number: int, size: int, search: str | None,
         order: Order = None) -> pd.DataFrame:  # fmt: skip
    """One page: property_id, address, zip_code, expected_uplift, next_best_action, job_status (None: no job).

    Args:
        scope: The session and the storm.
        threshold: Uplift above which a home is listed, a probability difference.
        number: Page, from 1.
        size: Rows a page, 1 to 1,000.
        search: Part of an address, a ZIP or a property_id; None: all.
        order: By 'address', 'zip', 'uplift', 'advice' or 'job', and whether that ascends; None: best uplift first.

    Raises:
        BadInput: A number is none, or out of its range.
    """
    for name, value, most in (("page", number, 10_000_000), ("page_size", size, LARGEST_PAGE)):
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise BadInput(f"{name} is {value!r}.", f"Expected a whole number from 1 to {most:,}.")
    # Two questions: the addresses of two hundred thousand homes need not be read for a page of a hundred.
    listed = _listed(scope, threshold, search, f" LIMIT {size} OFFSET {(number - 1) * size}", order=order)
    return _joined(listed, scope.bulk(_DETAILS + _THESE, ids=listed["property_id"].tolist()))


def everything(scope: Scope, threshold: float) -> pd.DataFrame:
    """All pages as one; see `page`."""
    return _joined(_listed(scope, threshold, None, ""), scope.bulk(_DETAILS))


def everybody(scope: Scope, threshold: float, only: list[str] | None = None) -> pd.DataFrame:
    """Every home listed, in the list's order, without its address: property_id, expected_uplift, next_best_action.

    Args:
        scope: The session and the storm.
        threshold: As for `page`.
        only: Those among these homes; None: all.
    """
    return _listed(scope, threshold, None, "", only)


def count(scope: Scope, threshold: float, search: str | None) -> int:
    """How many homes all pages list together."""
    query = "SELECT count(*) AS n " + _from(search)
    return int(scope.bulk(query, **_values(threshold, search))["n"].iloc[0])


def _listed(scope: Scope, threshold: float, search: str | None, limit: str,
            only: list[str] | None = None, order: Order = None) -> pd.DataFrame:  # fmt: skip
    by = order_by(order, _KNOWN, _USUAL, "lu.property_id")
    these = "" if only is None else _AMONG
    query = f"""SELECT lu.property_id::text, lu.expected_uplift, lu.next_best_action
                {_from(search, by)} {these} ORDER BY {by}{limit}"""
    return scope.bulk(query, **_values(threshold, search), ids=only)


def _joined(listed: pd.DataFrame, details: pd.DataFrame) -> pd.DataFrame:
    found = listed.merge(details, on="property_id", how="left")
    status = found["job_status"].astype(object)
    return found.assign(job_status=status.where(status.notna(), None))[_SEED]


def _from(search: str | None, by: str = "") -> str:
    """What is joined is what the search or the order needs."""
    wanted = (search or "").strip()
    is_one = _is_id(wanted)  # by its key: no address has to be read
    joins = [_ADDRESS] if by.startswith("q.") or (wanted and not is_one) else []
    joins += [_JOB] if by.startswith("j.") else []
    return _FROM.format(address=" ".join(joins), search=_ONE if is_one else _SEARCH if wanted else "")


def _is_id(wanted: str) -> bool:
    found = tenancy.as_uuid(wanted)
    return found is not None and str(found) == wanted.lower()


def _values(threshold: float, search: str | None) -> dict[str, object]:
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not math.isfinite(threshold):
        raise BadInput(f"threshold is {threshold!r}.", "Expected an uplift such as 0.15.")
    wanted = (search or "").strip()
    # As properties.address_key has it: small letters, single spaces, no signs.
    words = "".join(sign if sign.isascii() and sign.isalnum() else " " for sign in wanted.lower())
    return {"threshold": float(threshold), "search": wanted, "words": " ".join(words.split()) or "\N{NO-BREAK SPACE}"}

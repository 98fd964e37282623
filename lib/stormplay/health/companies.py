"""Several companies beside each other, for who is admin in them: each asked in a session of its own."""

from __future__ import annotations

import pandas as pd

from stormplay import tenancy
from stormplay.errors import StormplayError
from stormplay.health.dimensions import STATES
from stormplay.health.tenant import MAX_AGE_H, TenantHealth

COLUMNS = ["tenant", "company", "state", "act", "watch", "early", "well", "sentence", "first", "action"]


def companies_of_mine(*, max_age_h: float = MAX_AGE_H) -> pd.DataFrame:
    """The companies in which this person is admin, the worst first.

    Args:
        max_age_h: Hours after which a report is no longer fresh.

    Returns:
        tenant (slug), company, state, act, watch, early, well (how many dimensions are in each state), sentence, first
        (the dimension to begin with), action. Nothing of a company in which the person is no member, or has a lesser
        role. One that cannot be read just now says so in `sentence`, with state 'too early to say'.
    """
    mine = tenancy.my_tenants()
    rows = [_row(str(one["slug"]), str(one["org_name"]), max_age_h)
            for one in mine[mine["role"] == "admin"].to_dict("records")]  # fmt: skip
    found = pd.DataFrame(rows, columns=COLUMNS)
    order = found["state"].map({state: place for place, state in enumerate(STATES)})
    by = {"order": True, "act": False, "watch": False, "company": True}
    found = found.assign(order=order).sort_values(list(by), ascending=list(by.values()))
    return found.drop(columns="order").reset_index(drop=True)


def _row(slug: str, company: str, max_age_h: float) -> list[object]:
    try:
        health = TenantHealth(slug, max_age_h=max_age_h).read()
    except StormplayError as error:
        return [slug, company, "too early to say", 0, 0, 0, 0, f"It cannot be read just now. {error}", "", ""]
    n = [sum(one.state == state for one in health.dimensions) for state in STATES]
    first = health.verdict.first
    return [slug, company, health.verdict.state, *n, health.verdict.sentence, first.label if first else "",
            first.action if first else ""]  # fmt: skip

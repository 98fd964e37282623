"""A company's people: who is active, whose account is stale, and whether the company would be locked out. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from stormplay.broker import LOCAL
from stormplay.health.dimensions import Dimension

ACTIVE = timedelta(days=30)
STALE = timedelta(days=90)


def told(read: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """Each person with what their activity amounts to.

    Args:
        read: As `reading.people` returns it.
        now: The moment to reckon from.

    Returns:
        username, display_name, role, state ('active', 'quiet', 'stale', 'not noticed yet', 'closed', 'this machine'),
        last_at (when they last had a page open, changed something or had a report made; missing: never noticed),
        member_since, noticed_since.
    """
    moments = [pd.to_datetime(read[name], utc=True) for name in ("seen_at", "changed_at", "reported_at")]
    last = pd.concat(moments, axis=1).max(axis=1) if len(read) else pd.Series(dtype="datetime64[ns, UTC]")
    rows = read.assign(last_at=last)
    states = [_state(row, now) for row in rows.to_dict("records")]
    columns = ["username", "display_name", "role", "state", "last_at", "member_since", "noticed_since"]
    return rows.assign(state=pd.Series(states, index=rows.index, dtype=object))[columns]


def _state(row: dict[Any, Any], now: datetime) -> str:
    if not row["is_open"]:
        return "closed"
    if row["username"] == LOCAL:  # whoever owns the folder of the database: an account of nobody
        return "this machine"
    if pd.notna(row["last_at"]):
        silent = now - row["last_at"]
        return "active" if silent <= ACTIVE else "quiet" if silent <= STALE else "stale"
    noticed = row["noticed_since"]
    return "stale" if pd.notna(noticed) and now - noticed > STALE else "not noticed yet"


def judged(people: pd.DataFrame) -> Dimension:
    """Whether people use the product, and which accounts nobody seems to need.

    Args:
        people: As `told` returns it.
    """
    name, label = "people", "People"
    mine = people[~people["state"].isin(["closed", "this machine"])]
    n = {state: int((mine["state"] == state).sum()) for state in ("active", "quiet", "stale", "not noticed yet")}
    numbers: dict[str, Any] = {"accounts": len(mine), "active": n["active"], "stale": n["stale"]}
    if mine.empty:
        return Dimension(name, label, "watch", "0 accounts", "Nobody but this machine can open this company.",
                         "Give somebody an account.", command="stormplay user add", numbers=numbers)  # fmt: skip
    figure = (
        f"{n['active']} of {len(mine)} open account{'' if len(mine) == 1 else 's'} active within {ACTIVE.days} days"
    )
    last = mine["last_at"].max()
    as_of = None if pd.isna(last) else last.to_pydatetime()
    if n["stale"]:
        who = mine[mine["state"] == "stale"]["username"].astype(str)
        said = f"Not seen for {STALE.days} days: {', '.join(who.iloc[:3])}{' and others' if len(who) > 3 else ''}."
        return Dimension(name, label, "watch", figure, said, f"Ask whether {who.iloc[0]} still needs the account, or "
                         "take it away.", command=f"stormplay user remove {who.iloc[0]}", as_of=as_of,
                         numbers=numbers)  # fmt: skip
    if not (mine["role"] == "admin").any():
        return Dimension(name, label, "watch", figure, "No person is admin here.", "Make one of them admin.",
                         command="stormplay user role", as_of=as_of, numbers=numbers)  # fmt: skip
    if n["not noticed yet"] and not n["active"] and not n["quiet"]:
        since = pd.to_datetime(mine["noticed_since"], utc=True).min()
        said = f"Activity is noticed since {since:%d %b %Y}; nobody has been seen yet." if pd.notna(since) else ""
        return Dimension(name, label, "too early to say", figure, said, as_of=as_of, numbers=numbers)
    if not n["active"]:
        return Dimension(name, label, "watch", figure, "Nobody has worked here for a month.",
                         "Ask the company whether the pages still serve it.", as_of=as_of, numbers=numbers)  # fmt: skip
    return Dimension(name, label, "well", figure, "No account is stale.", as_of=as_of, numbers=numbers)

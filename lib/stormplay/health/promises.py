"""What was promised to a company and what it pays for, judged: service levels, and usage against its plan. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

import pandas as pd

from stormplay.health.dimensions import Dimension


class Services(Protocol):
    """What is needed of a `slo.Standing`."""

    @property
    def frame(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def alerts(self) -> pd.DataFrame: ...  # noqa: D102


class Usage(Protocol):
    """What is needed of a `billing.Standing`."""

    @property
    def month(self) -> str: ...  # noqa: D102
    @property
    def plan(self) -> str: ...  # noqa: D102
    @property
    def frame(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def estimate_cents(self) -> int: ...  # noqa: D102


def services(standing: Services) -> Dimension:
    """Objectives whose budget lasts, of those that were measured."""
    name, label = "services", "Service levels"
    promised = standing.frame[standing.frame["state"] != "switched off"]
    measured = promised[promised["total"] > 0]
    n = {state: int((measured["state"] == state).sum()) for state in ("kept", "going fast", "used up")}
    judged = sum(n.values())
    alerts = standing.alerts[standing.alerts["state"] != "closed"]
    numbers: dict[str, Any] = {
        "objectives": len(promised), "measured": len(measured), "kept": n["kept"], "used_up": n["used up"],
        "alerts": len(alerts),
    }  # fmt: skip
    moments = pd.to_datetime(measured["measured_at"], utc=True)
    as_of = None if moments.isna().all() else moments.max().to_pydatetime()
    figure = f"{n['kept']} of {judged} objective{'' if judged == 1 else 's'} with enough events kept" if judged else "–"
    if len(alerts):
        one = alerts.iloc[0]
        urgent = bool((alerts["severity"] == "urgent").any())
        return Dimension(name, label, "act" if urgent else "watch", figure, _sentence(one["cause"]),
                         _sentence(one["next_action"]), _page(promised, str(one["service"])), as_of=as_of,
                         numbers=numbers)  # fmt: skip
    for state, word in (("used up", "act"), ("going fast", "watch")):
        bad = measured[measured["state"] == state]
        if len(bad):
            one = bad.iloc[0]
            return Dimension(name, label, "act" if word == "act" else "watch", figure,
                             f"{one['title']}: {one['verdict']}", _sentence(one["next_action"]), str(one["page"]),
                             as_of=as_of, numbers=numbers)  # fmt: skip
    if not judged:
        said = (
            f"Of {len(measured)} measured objectives none has enough events." if len(measured) else "Nothing measured."
        )
        return Dimension(name, label, "too early to say", figure, said, as_of=as_of, numbers=numbers)
    return Dimension(name, label, "well", figure, "No budget is used up or goes fast.", as_of=as_of, numbers=numbers)


def usage(standing: Usage, now: datetime) -> Dimension:
    """What was used of what the plan includes: the meter that is nearest to its end."""
    name, label = "usage", "Usage and plan"
    numbers: dict[str, Any] = {"estimate_cents": int(standing.estimate_cents)}
    if not standing.plan:
        return Dimension(name, label, "too early to say", "–", f"There is no plan in {standing.month}: usage is "
                         "counted, and nothing is billed.", as_of=now, numbers=numbers)  # fmt: skip
    frame = standing.frame
    shares = frame["share"].astype(float)
    warned = frame[frame["warning"].astype(str) != ""].sort_values("share", ascending=False)
    capped = frame[frame["cap"].notna() & (frame["used"] >= frame["cap"])]
    over = frame[frame["included"].notna() & (frame["projected"] > frame["included"])]
    numbers |= {"meters": len(frame), "warnings": len(warned), "capped": len(capped)}
    figure = "Nothing included"
    if shares.notna().any():
        top = frame.iloc[int(shares.fillna(-1.0).to_numpy().argmax())]
        figure = (f"{100 * top['share']:.0f} % of the {_amount(top['included'])} {top['unit']} included used "
                  f"({_amount(top['used'])})")  # fmt: skip
        numbers["highest_share"] = round(float(top["share"]), 4)
    action = "Take a larger plan, or use less until the month ends."
    if len(capped):
        return Dimension(name, label, "act", figure, str(capped["warning"].iloc[0]), action, as_of=now, numbers=numbers)
    if len(warned):
        return Dimension(name, label, "watch", figure, str(warned["warning"].iloc[0]), action, as_of=now,
                         numbers=numbers)  # fmt: skip
    if len(over):
        one = over.iloc[0]
        said = (f"If the month goes on like this, {_amount(one['projected'])} {one['unit']} will be used, where "
                f"{_amount(one['included'])} are included.")  # fmt: skip
        return Dimension(name, label, "watch", figure, said, action, as_of=now, numbers=numbers)
    return Dimension(name, label, "well", figure, "All is within what the plan includes.", as_of=now, numbers=numbers)


def _page(promised: pd.DataFrame, service: str) -> str:
    found = promised[promised["service"] == service]["page"]
    return str(found.iloc[0]) if len(found) else ""


def _sentence(words: Any) -> str:
    said = str(words).strip()
    return said if not said or said[-1] in ".!?" else f"{said}."


def _amount(number: Any) -> str:
    return f"{float(number):,.0f}" if float(number) == int(number) else f"{float(number):,.2f}"

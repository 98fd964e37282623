"""How each section of the page of a company's health says what it knows. What is known in, HTML out."""

from __future__ import annotations

from typing import Any

import pandas as pd

from stormplay import clock
from stormplay import quality as checks
from stormplay.controls import markup
from stormplay.controls.health_state import View
from stormplay.controls.ways import led, way_to

PAGE = "tenant_health"
NO_STORM = "This company has no storm yet, so there are no data to check."
NEVER_CHECKED = "The data of this storm have not been checked yet."
READ_ONLY = "Your role here is viewer: checking the data is for operators and above."
ADMINS_ONLY = "Who is active is shown to the admins of the company."
NO_INVOICE = "No month has been closed into an invoice yet."
ONE_COMPANY = "You are admin of no other company."
TONES: dict[str, markup.Tone] = {"act": "bad", "watch": "warn", "well": "good", "too early to say": ""}
SERVICE_TONES: dict[str, markup.Tone] = {"kept": "good", "going fast": "warn", "used up": "bad"}
PEOPLE_TONES: dict[str, markup.Tone] = {"active": "good", "stale": "warn"}
WORDS = {"treatment": "Treatment", "phase3_routes": "Routes", "phase4_jobs": "Jobs", "storm_live": "Live",
         "reports": "Reports", "score": "Score", PAGE: "Data quality"}  # fmt: skip


def answer(view: View) -> str:
    """Say whether the company is well, what to do first, and each dimension as a card."""
    health, verdict = view.health, view.health.verdict
    head = f"<h3>{markup.text(health.company)} {markup.badge(verdict.state, TONES[verdict.state])}</h3>"
    first = f"Begin here. {verdict.first.label}: {verdict.first.action}" if verdict.first else ""
    synthetic = " Homes, owners and outcomes are synthetic." if health.is_synthetic else ""
    return (
        head + markup.sentence(f"{verdict.sentence} {first}".strip()) + cards(view)
        + markup.note(f"{markup.age(view.as_of)}{synthetic}")
    )  # fmt: skip


def cards(view: View) -> str:
    """A card for each dimension, the worst first."""
    return f'<div class="sp-health">{"".join(_card(view, one) for one in view.health.dimensions)}</div>'


def _card(view: View, one: Any) -> str:
    tone = TONES[one.state]
    todo = ""
    if one.action:
        command = f" <code>{markup.text(one.command)}</code>" if one.command else ""
        todo = f'<p class="sp-health-do"><strong>Next:</strong> {markup.text(one.action)}{command}{_way(view, one)}</p>'
    age = f"As of {since(one.as_of)}." if one.as_of is not None else "Nothing counted yet."
    return (
        f'<article class="sp-card sp-health-card{" sp-" + tone if tone else ""}">'
        f"<h4>{markup.text(one.label)} {markup.badge(one.state, tone)}</h4>"
        f'<p class="sp-health-figure">{markup.text(one.figure)}</p><p>{markup.text(one.said)}</p>{todo}'
        f'<p class="sp-note">{markup.text(age)}</p></article>'
    )


def _way(view: View, one: Any) -> str:
    """Where the action is done: a link on a page, the page's name elsewhere."""
    if not one.page:
        return ""
    name = WORDS.get(one.page, one.page)
    storm = one.storm or view.storm
    address = way_to(one.page, view.tenant, storm)
    if not address:
        return f" Page: {markup.text(name)}."
    return " " + led(f"Open {name}", address + ("#data-quality" if one.page == PAGE else ""))


def since(moment: Any) -> str:
    """A moment in UTC, and how long ago that is; a report says the moment alone."""
    at = pd.Timestamp(moment).tz_convert("UTC")
    ago = "" if clock.frozen() else f" ({markup.ago(max(0.0, (clock.now() - at).total_seconds()))})"
    return f"{at:%d %b %Y, %H:%M} UTC{ago}"


# ---- data quality


def quality(view: View) -> str:
    """What the newest checks of the chosen storm found, the most frequent first, each with its remedy."""
    if not view.storm:
        return markup.empty(NO_STORM)
    head = f'<h3 id="data-quality">{markup.text(view.storm_name)}</h3>'
    run = view.check_run
    if view.checks.empty or not run:
        return head + markup.empty(NEVER_CHECKED)
    found = view.checks[view.checks["issues"] > 0].sort_values("issues", ascending=False, kind="stable")
    by = markup.note(f"Checked {since(run['made_at'])} by {run['made_by']}: {markup.count(run['checks'], 'record')} "
                     f"asked by {len(view.checks)} checks, {markup.count(run['issues'], 'issue')}.")  # fmt: skip
    if isinstance(run.get("since"), str):
        since_then = checks.SINCE[run["since"]]
        head += markup.sentence(f"Since this check {since_then}: what it found may be mended by now. Check again.")
    if found.empty:
        return head + markup.good("No check found an issue.") + by
    rows = [
        [row["title"], f"{int(row['issues']):,} of {int(row['checked']):,} ({_share(row['share'])})",
         f"{row['why']} {row['remedy']}"]
        for row in found.to_dict("records")
    ]  # fmt: skip
    table = markup.table(["What is wrong", "Issues", "Why it matters, and what to do"], rows, numeric=(1,))
    clean = len(view.checks) - len(found)
    rest = markup.note(f"{clean} of {len(view.checks)} checks found nothing.") if clean else ""
    return f'{head}<div class="sp-explained sp-findings">{table}</div>{rest}{by}'


def _share(share: Any) -> str:
    if pd.isna(share):
        return "–"
    return "< 0.1 %" if 0 < share < 0.001 else f"{100 * share:.1f} %"


# ---- service levels


def services(view: View) -> str:
    """What was promised and what was kept, with the budgets and the alerts that are open."""
    standing = view.health.services
    rows = [
        [row["title"], markup.Badge(str(row["state"]), SERVICE_TONES.get(str(row["state"]), "")), row["objective"],
         row["verdict"]]
        for row in standing.frame.to_dict("records")
    ]  # fmt: skip
    table = markup.table(["Service", "State", "Promised", "What it means"], rows)
    table = f'<div class="sp-explained sp-findings">{table}</div>'
    opened = standing.alerts[standing.alerts["state"] != "closed"]
    alerts = "".join(_alert(row) for row in opened.to_dict("records"))
    told = alerts or markup.note("No alert is open.")
    return markup.sentence(standing.sentence) + told + table


def _alert(row: dict[Any, Any]) -> str:
    who = f" {row['acknowledged_by']} sees to it." if row["state"] == "acknowledged" else ""
    raised = f"Open since {since(row['opened_at'])}. Measured when it was raised: {row['cause']}"
    said = f"{raised}{who} Next: {row['next_action']}"
    look = "sp-error" if row["severity"] == "urgent" else "sp-empty"
    return f'<div class="{look}" role="status">{markup.text(said)}</div>'


def unseen(view: View) -> list[tuple[str, str]]:
    """The open alerts that nobody sees to yet, as words and id; the most urgent first."""
    standing = view.health.services
    titles = dict(zip(standing.frame["service"], standing.frame["title"], strict=True))
    found = standing.alerts[standing.alerts["state"] == "open"]
    return [
        (f"{titles.get(row['service'], row['service'])} · {row['severity']} · since "
         f"{pd.Timestamp(row['opened_at']).tz_convert('UTC'):%d %b, %H:%M} UTC", str(row["alert_id"]))
        for row in found.to_dict("records")
    ]  # fmt: skip


# ---- usage and bills


def usage(view: View) -> str:
    """What was used of what the plan includes, and what the month comes to so far."""
    standing = view.health.usage
    rows = [[row["label"], _used(row), _to_know(row)] for row in standing.frame.to_dict("records")]
    table = markup.table(["Meter", "Used of what is included", "To know"], rows, numeric=(1,))
    table = f'<div class="sp-explained sp-findings">{table}</div>'
    return markup.sentence(standing.sentence) + table + _bill(standing)


def _used(row: dict[Any, Any]) -> str:
    if pd.isna(row["included"]):
        return f"{_amount(row['used'])} {row['unit']}"
    share = f" ({100 * row['share']:,.0f} %)" if pd.notna(row["share"]) else ""
    return f"{_amount(row['used'])} of {_amount(row['included'])} {row['unit']}{share}"


def _to_know(row: dict[Any, Any]) -> str:
    parts = [str(row["warning"])] if row["warning"] else []
    if pd.notna(row["projected"]) and row["projected"] > row["used"]:
        parts.append(f"{_amount(row['projected'])} if the month goes on like this.")
    if pd.isna(row["included"]):
        parts.append("Not in the plan: counted, not billed.")
    if pd.notna(row["cap"]):
        parts.append(f"No more than {_amount(row['cap'])} in a month.")
    return " ".join(parts)


def _bill(standing: Any) -> str:
    if standing.lines.empty:
        return ""
    rows: list[list[object]] = [
        [row["description"], money(row["amount_cents"], standing.currency)] for row in standing.lines.to_dict("records")
    ]
    rows.append(["So far", money(standing.estimate_cents, standing.currency)])
    table = markup.table(["What", "Amount"], rows, numeric=(1,), foot=True)
    return markup.details(f"The invoice of {standing.month} if it were made now", table)


def invoices(view: View) -> str:
    """The invoices and credit notes before this month, newest first."""
    found = view.health.usage.invoices
    if found.empty:
        return markup.note(NO_INVOICE)
    rows = [
        [int(row["number"]), row["month"], row["kind"], money(row["total_cents"], str(row["currency"])),
         f"{row['closed_at']:%d %b %Y}", row["reason"] if pd.notna(row["reason"]) else None]
        for row in found.to_dict("records")
    ]  # fmt: skip
    heads = ["Number", "Month", "Kind", "Total", "Made", "Why"]
    return f'<div class="sp-cards">{markup.table(heads, rows, numeric=(3,))}</div>'


def money(cents: Any, currency: str) -> str:
    """An amount as people read it: '299.00 USD'."""
    sign, whole = "-" if cents < 0 else "", abs(int(cents))
    return f"{sign}{whole // 100:,}.{whole % 100:02d} {currency}".rstrip()


def _amount(number: Any) -> str | None:
    if pd.isna(number):
        return None
    return f"{number:,.0f}" if number == int(number) else f"{number:,.2f}"


# ---- people and companies


def people(view: View) -> str:
    """Who is active in the company and whose account is stale."""
    found = view.health.people
    if found is None:
        return markup.note(ADMINS_ONLY)
    if found.empty:
        return markup.empty("Nobody is a member of this company.")
    order = {state: place for place, state in enumerate(("stale", "not noticed yet", "quiet", "active"))}
    rows = [
        [row["display_name"], row["username"], row["role"],
         markup.Badge(str(row["state"]), PEOPLE_TONES.get(str(row["state"]), "")), _last_seen(row)]
        for row in sorted(found.to_dict("records"), key=lambda one: order.get(one["state"], len(order)))
    ]  # fmt: skip
    table = markup.table(["Name", "Account", "Role", "State", "Last seen here"], rows)
    return f'<div class="sp-cards">{table}</div>' + markup.note(
        "Seen is who had a page of this company open, changed something or had a report made. Active: within 30 days; "
        "stale: not for 90 days. An account is taken out of the company with 'stormplay user remove'."
    )


def _last_seen(row: dict[Any, Any]) -> str:
    if pd.notna(row["last_at"]):
        return since(row["last_at"])
    return f"not yet (noticed since {row['noticed_since']:%d %b %Y})"


def companies(view: View) -> str:
    """The companies in which the reader is admin, the worst first."""
    if view.companies.empty:
        return markup.note(ONE_COMPANY)
    lines = "".join(_company(row) for row in view.companies.to_dict("records"))
    return f'<ol class="sp-steps sp-companies">{lines}</ol>'


def _company(row: dict[Any, Any]) -> str:
    name = led(row["company"], way_to(PAGE, str(row["tenant"]), "newest"))
    first = f" {row['first']}: {row['action']}" if row["first"] else ""
    return (
        f"<li><strong>{name}</strong> {markup.badge(row['state'], TONES[row['state']])}<br>"
        f"{markup.text(str(row['sentence']) + first)}</li>"
    )

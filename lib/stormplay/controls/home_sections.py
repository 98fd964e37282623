"""What the home page says, as HTML: the answer, a card a storm, the companies, and what its numbers are of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stormplay import clock
from stormplay.charts.scores import FAIR, GOOD
from stormplay.controls import markup
from stormplay.controls.score_chip import tone
from stormplay.controls.ways import led, way_to

ACTS = {
    "storm_live": "Live", "treatment": "Treatment", "phase3_routes": "Routes", "phase4_jobs": "Jobs",
    "phase5_nurture": "Nurture", "score": "Score", "identity_attribution": "Attribution", "reports": "Reports",
    "tenant_health": "Health",
}  # fmt: skip
NO_COMPANY = (
    "You are a member of no company yet. Ask whoever administers Stormplay for you to add you: "
    "'stormplay user role <your user name> --tenant <company> --role analyst' does it."
)
NO_STORM = (
    "No company of yours has a storm yet. Storms come with their homes from your administrator's loading; "
    "'stormplay demo' loads the demo's, and 'stormplay stream --simulate' plays one."
)
NO_MATCH = "No storm matches what you have chosen. Choose all companies and all states, and empty the search."
STATUS_TONES: Mapping[str, markup.Tone] = {"active": "good", "watching": "warn"}
HEALTH_TONES: Mapping[str, markup.Tone] = {"act": "bad", "watch": "warn", "well": "good"}


def answer(home: Any) -> str:
    """Say how many storms are open, where to begin, and how old the newest number is."""
    failed = "".join(
        markup.error(f"{company} cannot be read just now. {said}") for company, said in home.failed.items()
    )
    if home.companies.empty:
        return markup.empty(NO_COMPANY)
    if not home.cards:
        return failed + ("" if failed else markup.empty(NO_STORM))
    opened = [one for one in home.cards if one.status != "closed"]
    companies = markup.count(len({one.tenant for one in home.cards}), "company").replace("companys", "companies")
    said = f"{len(opened):,} of {markup.count(len(home.cards), 'storm')} of {companies} "
    said += "is open." if len(opened) == 1 else "are open."
    if opened:
        first = opened[0]
        said += f" Begin with {first.name}: {_lower(first.step.do)}. {first.step.why}"
    made_up = " Homes, owners and outcomes of the demo's companies are synthetic, and their cards say so."
    note = markup.note(markup.age(home.as_of) + (made_up if any(one.is_synthetic for one in home.cards) else ""))
    return failed + markup.sentence(said) + note


def cards(shown: Sequence[Any]) -> str:
    """A card a storm, in the order given."""
    if not shown:
        return markup.empty(NO_MATCH)
    return f'<ul class="sp-storms">{"".join(_card(one) for one in shown)}</ul>'


def _card(one: Any) -> str:
    name = led(one.name, way_to(one.step.page, one.tenant, one.slug))
    badges = markup.badge(one.status, STATUS_TONES.get(one.status, "")) + (
        markup.badge("synthetic") if one.is_synthetic else "")  # fmt: skip
    return (
        f'<li class="sp-card sp-storm-card" data-storm="{markup.text(one.storm_id)}">'
        f'<div class="sp-storm-head"><h3>{name}</h3><span class="sp-storm-badges">{badges}</span></div>'
        f'<p class="sp-note">{markup.text(one.company)} · {one.event_date:%d %b %Y}</p>'
        f"{_score(one)}{_figures(one)}{_next(one)}{_ways(one)}</li>"
    )


def _score(one: Any) -> str:
    standing = one.standing
    if not standing.is_measurable:
        value, look, rest = "not measurable yet", "", ""
    else:
        look = f" sp-{tone(standing.score)}"
        value = f"<strong>{standing.score:.0f}</strong> / 100, {band(standing.score)}"
        rest = f"{standing.measured} of {len(standing.components)} parts measurable. {_change(one.change)}"
    return (
        f'<p class="sp-storm-score{look}"><span>Score</span> <span class="sp-storm-value">{value}</span></p>'
        f'<p class="sp-note">{markup.text(f"{rest} {fresh(standing.as_of)}".strip())}</p>'
    )


def band(score: float) -> str:
    """The band that a score is in, in a word."""
    return "good" if score >= GOOD else "fair" if score >= FAIR else "low"


def _change(change: float | None) -> str:
    if change is None:
        return "No score of a week ago to compare with."
    return "As a week ago." if abs(change) < 0.5 else f"{change:+.0f} in a week."


def fresh(moment: Any) -> str:
    """How fresh a storm's numbers are, in words; a report says the moment alone."""
    if moment is None:
        return "Nothing has been counted yet."
    if clock.frozen():
        return f"Changed {moment:%d %b %Y, %H:%M} UTC."
    return f"Changed {markup.ago(max(0.0, (clock.now() - moment).total_seconds()))}."


def _figures(one: Any) -> str:
    counts = one.standing.counts
    known = counts.treat_known + counts.control_known
    rows = (
        ("Homes hit", f"{one.homes_hit:,} of {one.homes:,}"),
        ("To be visited", f"{counts.treat:,} of {counts.decided:,} decided"),
        ("Jobs open", f"{counts.total - counts.completed:,} of {counts.total:,}"),
        ("Signed", f"{counts.treat_converted + counts.control_converted:,} of {known:,} known"),
    )
    lines = "".join(f"<div><dt>{label}</dt><dd>{markup.text(value)}</dd></div>" for label, value in rows)
    return f'<dl class="sp-storm-figures">{lines}</dl>'


def _next(one: Any) -> str:
    address = way_to(one.step.page, one.tenant, one.slug)
    shown = led(one.step.do, address) + ("" if address else f" ({ACTS.get(one.step.page, '')})")
    return f'<p class="sp-storm-next"><strong>Next:</strong> {shown}. {markup.text(one.step.why)}</p>'


def _ways(one: Any) -> str:
    """Links to each act with this company and storm; none where no pages are beside this one."""
    found = [(way_to(page, one.tenant, one.slug), word) for page, word in ACTS.items()]
    links = "".join(led(word, address) for address, word in found if address)
    return f'<nav class="sp-storm-acts" aria-label="{markup.text(one.name)}">{links}</nav>' if links else ""


def companies(home: Any, verdicts: Mapping[str, Any]) -> str:
    """Each company with its verdict and the one next action.

    Args:
        home: As `storms_of_mine` returns it.
        verdicts: By slug: as `TenantHealth.read().verdict`, a sentence where it cannot be read, None: not read yet.
    """
    lines = [_company(row, verdicts.get(str(row["slug"]))) for row in home.companies.to_dict("records")]
    return f'<ul class="sp-steps sp-companies">{"".join(lines)}</ul>' if lines else ""


def _company(row: Mapping[Any, Any], verdict: Any) -> str:
    name = led(row["org_name"], way_to("tenant_health", str(row["slug"]), "newest"))
    role = markup.note(f"You are {row['role']} here.")
    if verdict is None or isinstance(verdict, str):
        return f"<li><strong>{name}</strong><br>{markup.text(verdict or 'Its health is being read …')}{role}</li>"
    first = f" {verdict.first.label}: {verdict.first.action}" if verdict.first else ""
    badge = markup.badge(verdict.state, HEALTH_TONES.get(verdict.state, ""))
    return f"<li><strong>{name}</strong> {badge}<br>{markup.text(verdict.sentence + first)}{role}</li>"


def table(home: Any) -> str:
    """The storms as a table, for a report."""
    rows = [
        [one.name, one.company, one.status, f"{one.event_date:%d %b %Y}",
         f"{one.standing.score:.0f}" if one.standing.is_measurable else None, one.step.do]
        for one in home.cards
    ]  # fmt: skip
    return markup.table(["Storm", "Company", "State", "Day", "Score", "Next"], rows, numeric=(4,)) if rows else ""


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def totals(home: Any) -> dict[str, int | float | str | None]:
    """Return the numbers of the page, as plain scalars."""
    opened = [one for one in home.cards if one.status != "closed"]
    scores = [one.standing.score for one in opened if one.standing.is_measurable]
    counts = [one.standing.counts for one in home.cards]
    return {
        "storms": len(home.cards),
        "open_storms": len(opened),
        "companies": len(home.companies),
        "best_score": round(max(scores), 2) if scores else None,
        "lowest_score": round(min(scores), 2) if scores else None,
        "homes_hit": sum(one.homes_hit for one in home.cards),
        "treated": sum(one.treat for one in counts),
        "jobs": sum(one.total for one in counts),
        "jobs_completed": sum(one.completed for one in counts),
        "next": opened[0].step.do if opened else None,
    }

"""How each section of the Phase 5 page says where nurture stands. What is known in, HTML out."""

from __future__ import annotations

from typing import Any

import pandas as pd

from stormplay.controls import markup
from stormplay.controls import nurture_words as say
from stormplay.controls.nurture_state import Nurture, age_of

NOTHING_TREATED = "No home is treated for this storm yet: run the treatment policy first, then come back to nurture."
READ_ONLY = "You may look at this. Your role here is viewer: scheduling, pausing and stopping is for operators."
PICK_FIRST = "Choose a home in the list: its steps, past and to come, appear here."
NO_STORM = "This company has no storm yet."
NOTHING_THIS_WEEK = "No contact is scheduled for the next 7 days."
STATES = {
    "paused": "The nurture of this storm is paused: nothing goes into the outbox until somebody resumes it.",
    "stopped": "The nurture of this storm is stopped: nothing can be scheduled until somebody resumes it.",
}

HOMES: list[dict[str, Any]] = [
    {"label": "Address", "by": "address", "kind": "text", "narrow": True},
    {"label": "ZIP", "by": "zip", "kind": "text", "narrow": False},
    {"label": "Uplift", "by": "uplift", "kind": "number", "narrow": False},
    {"label": "Advice", "by": "advice", "kind": "text", "narrow": False},
    {"label": "Job", "by": "job", "kind": "text", "narrow": False},
    {"label": "Next contact", "kind": "text", "narrow": True},
    {"label": "Why not now", "kind": "text", "narrow": False},
]


def answer(nurture: Nurture) -> str:
    """Say who is to be nurtured and who is not, in sentences and cards, with the age of the data."""
    state = nurture.standing.state
    tones: dict[str, markup.Tone] = {"open": "good", "paused": "warn", "stopped": "bad"}
    head = (
        f"<h3>{markup.text(nurture.storm_name)} {markup.badge(nurture.storm_status)} "
        f"{markup.badge(f'nurture {state}', tones.get(state, ''))}</h3>"
    )
    synthetic = " Homes, owners and outcomes are synthetic." if nurture.is_synthetic else ""
    stamp = markup.note(f"{nurture.company} · {markup.age(age_of(nurture))}{synthetic}")
    if not nurture.standing.treated:
        return head + markup.empty(NOTHING_TREATED) + stamp
    if not nurture.candidates:
        return head + markup.empty(_nobody(nurture)) + stamp
    warning = markup.error(STATES[state]) if state in STATES else ""
    return head + warning + markup.sentence(_sentences(nurture)) + _cards(nurture) + _now_table(nurture) + stamp


def _nobody(nurture: Nurture) -> str:
    return (
        f"None of the {markup.count(nurture.unsigned, 'treated home')} that did not sign has an uplift above "
        f"{say.percent(nurture.choice.threshold)}. Choose a lower threshold, or another storm."
    )


def _sentences(nurture: Nurture) -> str:
    ready, scheduled = nurture.homes("ready"), nurture.homes("scheduled")
    todo = (
        f"{markup.count(ready, 'home')} could be given '{nurture.sequence.title}' and wait for it."
        if ready
        else "Nobody waits to be scheduled."
    )
    alone, is_are = nurture.homes("left alone"), "is" if nurture.homes("left alone") == 1 else "are"
    return (
        f"{nurture.candidates:,} of {markup.count(nurture.unsigned, 'treated home')} that did not sign have an "
        f"expected uplift above {say.percent(nurture.choice.threshold)}. Of them {scheduled:,} have a contact to come. "
        f"{todo} {markup.count(alone, 'home')} {is_are} left alone, each for a reason given below."
    )


def _cards(nurture: Nurture) -> str:
    refused = nurture.standing.now[nurture.standing.now["reason"] != ""]
    most = refused.sort_values("properties", ascending=False).head(1)
    why = f"{most['properties'].iloc[0]:,}: {most['reason'].iloc[0]}" if len(most) else "nothing speaks against any"
    waiting = nurture.standing.outbox
    return markup.kpis([
        ("Candidates", f"{nurture.candidates:,}", f"of {nurture.unsigned:,} treated and not signed"),
        ("May be contacted now", f"{nurture.contactable_now:,}", f"of {nurture.candidates:,}; {why}"),
        ("Contact to come", f"{nurture.homes('scheduled'):,}", f"{nurture.homes('paused'):,} more paused"),
        ("Left alone", f"{nurture.homes('left alone'):,}", f"of {nurture.candidates:,}, for good reasons"),
        ("Waiting for a sender", f"{waiting['in outbox']:,}", f"{waiting['due']:,} due, not in the outbox yet"),
    ])  # fmt: skip


def _now_table(nurture: Nurture) -> str:
    """What speaks against the next contact at this very moment; the rows add up to all candidates."""
    rows: list[list[object]] = [
        [reason or "Nothing: may be contacted now", f"{n:,}", say.REASONS.get(reason, "")]
        for reason, n in zip(nurture.standing.now["reason"], nurture.standing.now["properties"], strict=True)
    ]
    rows.append(["All candidates", f"{nurture.candidates:,}", ""])
    table = markup.table(["At this moment", "Homes", "What it means"], rows, numeric=(1,), foot=True)
    return markup.details("Who may be contacted at this moment, and why the others may not", explained(table))


def home_rows(found: pd.DataFrame, time_zone: str) -> tuple[list[str], list[list[Any]]]:
    """Return ids and cells of a page of `candidates`, in the order of `HOMES`; numbers carry their sort key."""
    ids, rows = found["property_id"].astype(str).tolist(), []
    for home in found.to_dict("records"):
        uplift = float(home["expected_uplift"])
        rows.append([
            str(home["address"]), _text(home["zip_code"]), [f"{uplift * 100:.1f} %", uplift],
            say.words(home["next_best_action"]), say.words(home["job_status"]), next_contact(home, time_zone),
            _text(home["why_not"]),
        ])  # fmt: skip
    return ids, rows


def next_contact(home: Any, time_zone: str) -> str | None:
    """The next contact that is scheduled, its day on the company's clock; None where there is none."""
    if pd.isna(home["next_at"]):
        return None
    return f"{say.channel(home['next_channel'])}, {say.date_of(home['next_at'].tz_convert(time_zone))}"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def homes_table(found: pd.DataFrame, time_zone: str) -> str:
    """Return a page of the list as it stands in a report."""
    rows = [[cell[0] if isinstance(cell, list) else cell for cell in row] for row in home_rows(found, time_zone)[1]]
    return markup.table([column["label"] for column in HOMES], rows, numeric=(2,))


def home_head(home: Any) -> str:
    """Name a home and say what is known of it."""
    facts = [f"uplift {float(home['expected_uplift']) * 100:.1f} %", f"advice: {say.words(home['next_best_action'])}"]
    facts.append(f"job: {say.words(home['job_status'])}" if _text(home["job_status"]) else "no job")
    why = _text(home["why_not"])
    against = f"Against a contact now: {why}. {say.REASONS.get(why, '')}" if why else "May be contacted now."
    return (
        f'<div class="sp-card"><strong>{markup.text(home["address"])}</strong><br>'
        f"{markup.text(' · '.join(facts))}<br>{markup.text(against)}</div>"
    )


def history(steps: pd.DataFrame) -> str:
    """List all steps of a home, past and to come."""
    if steps.empty:
        return markup.empty("Nothing was ever scheduled for this home. Preview and schedule below.")
    rows = [
        [say.clock(step["local_time"]), say.channel(step["channel"]), say.words(step["message"]), _status(step)]
        for step in steps.to_dict("records")
    ]
    return cards(markup.table(["When, on their clock", "Channel", "Message", "Status"], rows))


def _status(step: Any) -> str:
    reason = _text(step["reason"])
    return f"{step['status']}: {reason}" if reason else str(step["status"])


def ledger(nurture: Nurture) -> str:
    """Say where every candidate is; the rows add up to all of them."""
    if not nurture.candidates:
        return markup.empty(_nobody(nurture) if nurture.standing.treated else NOTHING_TREATED)
    rows = []
    for outcome, reason, n in nurture.standing.ledger.itertuples(index=False):
        line = say.OUTCOMES.get(outcome) or f"Left alone: {reason}"
        rows.append([line, f"{n:,}", f"{n / nurture.candidates:.1%}", say.REASONS.get(reason, "")])
    rows.append(["All candidates", f"{nurture.candidates:,}", "100.0%", ""])
    return explained(markup.table(["Where the homes are", "Homes", "Share", "Why"], rows, numeric=(1, 2), foot=True))


def outbox(nurture: Nurture) -> str:
    """Count the contacts on their way out."""
    rows = [[place[0].upper() + place[1:], f"{n:,}", say.OUTBOX.get(place, "")]
            for place, n in nurture.standing.outbox.items()]  # fmt: skip
    return explained(markup.table(["Contacts", "Number", "What it means"], rows, numeric=(1,)))


def columns() -> str:
    """Say what the columns of the export mean."""
    rows = [[name, meaning] for name, meaning in say.COLUMNS.items()]
    table = explained(markup.table(["Column", "Meaning"], rows))
    return markup.details(f"The {len(rows)} columns and what they mean", table)


def cards(table: str) -> str:
    """A table whose rows become cards where it is narrow."""
    return f'<div class="sp-cards">{table}</div>'


def explained(table: str) -> str:
    """A table whose last column explains its row; where it is narrow the explanation goes below the numbers."""
    return f'<div class="sp-explained">{table}</div>'

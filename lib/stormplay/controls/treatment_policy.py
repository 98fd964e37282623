"""How the page of the treatment says who is visited and what rules would change. What is known in, HTML out."""

from __future__ import annotations

from typing import Any

import pandas as pd

from stormplay.controls import markup
from stormplay.controls.nurture_sections import explained
from stormplay.controls.treatment_state import Treatment

WORDS = {"treat": "treat", "hold_out": "hold out", "skip": "skip", "undecided": "undecided"}
EXAMPLES, GROUPS, RUNS = 5, 12, 8  # rows that stand on the page
NOT_YOURS = (
    "Applying a policy, training and promoting models are for analysts and admins of the company. "
    "You can try all rules out; nothing is written."
)
TAKING_BACK = (
    "It is decided at the moment of the press, so what others have changed meanwhile counts. "
    "A run is never erased: the log only grows, and each home keeps the trail of what it was. What can be done is to "
    "apply the rules of an earlier run again: the draw is by hash, so every home gets the arm that it had. Two things "
    "stay as they are: a home whose outcome is known, or any home once crews or nurture have begun, keeps its arm; and "
    "the share held out is that of the first run."
)


def for_good(changed: int) -> str:
    """What 'Apply' does, and why it cannot be taken back, in a sentence."""
    return (
        f"'Apply' writes {'this 1 change' if changed == 1 else f'these {changed:,} changes'} at once and has no Undo: "
        "who is visited and who is the control group is drawn once and stays on record, or the comparison would prove "
        "nothing."
    )


def worth(one: Treatment) -> str:
    """What the visits use and what the next crew-day would bring."""
    would = one.trial.would
    if would is None:
        return markup.empty(one.trial.refused)
    margin = would.margin
    bring = "" if pd.isna(margin.conversions) or not margin.visits else (
        f" They are expected to bring {margin.conversions:,.0f} signatures more than no visit would"
        f"{_money(margin.value_cents, ', about {} of work')}."
    )  # fmt: skip
    cost = _money(margin.cost_cents, ", {} for the visits")
    uses = f"{margin.visits:,} visits, {margin.crew_days:.1f} crew-days{cost}.{bring}"
    cut = "" if margin.uplift_at_cut is None else f" The cut is at an uplift of {100 * margin.uplift_at_cut:.1f} %."
    fewer = (
        ""
        if margin.left_out or not margin.visits
        else " Try fewer crew-days, or a budget, to see what a limit would cost."
    )
    return markup.sentence(f"{margin.sentence}{cut}") + markup.note(f"{uses} Modelled, not observed.{fewer}")


def _money(cents: float | None, words: str) -> str:
    """Expected money is not known to the dollar."""
    return "" if cents is None else words.format(f"${round(cents / 100, -3 if cents > 10_000_000 else 0):,.0f}")


def ledger(one: Treatment) -> str:
    """Where every home is now, and where it would be; both columns add up to all homes."""
    would = one.trial.would
    now = {(row["decision"], row["reason"]): int(row["homes"]) for row in one.ledger.to_dict("records")}
    then = {} if would is None else {
        (row["decision"], row["reason"]): int(row["homes"]) for row in would.ledger.to_dict("records")
    }  # fmt: skip
    if not sum(now.values()) and not then:
        return markup.empty("No home has been decided on yet.")
    order = list(WORDS)
    keys = sorted({**now, **then}, key=lambda key: (order.index(key[0]), -max(now.get(key, 0), then.get(key, 0))))
    rows: list[list[object]] = [[reason, f"{now.get((decision, reason), 0):,}", f"{then.get((decision, reason), 0):,}"]
                                for decision, reason in keys]  # fmt: skip
    rows.append(["Eligible = treated + held out + skipped", f"{sum(now.values()):,}", f"{sum(then.values()):,}"])
    return markup.table(["Where the homes are", "Now", "Then"], rows, numeric=(1, 2), foot=True) + markup.note(
        "Now: decided. Then: with the rules that are tried out."
    )


def changes(one: Treatment) -> str:
    """What applying would change: from what to what and why, with examples."""
    would = one.trial.would
    if would is None:
        return f'<div class="sp-error" role="alert">{markup.text(one.trial.refused)}</div>'
    said = markup.sentence(would.sentence)
    if would.homes.empty:
        return said + markup.note("These rules change nothing that stands." if one.eligible else "")
    groups = (
        would.homes.groupby(["from_decision", "to_decision", "to_reason"], sort=False)
        .size().rename("homes").reset_index().sort_values("homes", ascending=False)
    )  # fmt: skip
    rows = [[f"{WORDS[row['from_decision']]} → {WORDS[row['to_decision']]}", f"{row['homes']:,}", row["to_reason"]]
            for row in groups.head(GROUPS).to_dict("records")]  # fmt: skip
    table = explained(markup.table(["From → to", "Homes", "Why"], rows, numeric=(1,)))
    more = markup.note(f"{len(groups) - GROUPS:,} smaller groups are left out here.") if len(groups) > GROUPS else ""
    return said + table + more + markup.details(*_examples(would.homes)) + _kept(would)


def _examples(homes: pd.DataFrame) -> tuple[str, str]:
    groups = homes.groupby(["from_decision", "to_decision", "to_reason"], sort=False)
    first = groups.head(max(1, EXAMPLES // groups.ngroups)).head(EXAMPLES)
    rows = [[str(row["property_id"])[:13], f"{WORDS[row['from_decision']]} → {WORDS[row['to_decision']]}",
             _percent(row["expected_uplift"]), row["from_reason"] or "–", row["to_reason"]]
            for row in first.to_dict("records")]  # fmt: skip
    table = markup.table(["Home", "From → to", "Uplift", "Reason before", "Reason then"], rows, numeric=(2,))
    return f"For example: {markup.count(len(rows), 'home')}", table


def _kept(would: Any) -> str:
    if would.kept.empty:
        return ""
    rows = [[WORDS[row["decision"]], f"{row['homes']:,}", row["objection"]] for row in would.kept.to_dict("records")]
    table = explained(markup.table(["Keeps", "Homes", "Against the rules, since"], rows, numeric=(1,)))
    kept = int(would.kept["homes"].sum())
    keep = "keeps its arm" if kept == 1 else "keep their arm"
    return markup.details(f"{markup.count(kept, 'home')} {keep} against the rules", table)


def _percent(value: Any) -> str:
    return "–" if value is None or pd.isna(value) else f"{100 * value:.1f} %"


def share_note(one: Treatment) -> str:
    """Whether the share to hold out can be chosen."""
    if not one.is_drawn:
        return markup.note("The first run draws the control group: its share then stays for this storm.")
    last = one.runs.iloc[0]
    return markup.note(
        f"The share held out, {100 * float(last['holdout_share']):g} %, was drawn with the first run "
        f"({last['made_at']:%d %b %Y}, {last['made_by']}) and stays: another would mix two experiments."
    )


def runs(one: Treatment) -> str:
    """The runs, the newest first."""
    if one.runs.empty:
        said = "No run is kept of this storm" + ("; its decisions were loaded." if one.eligible else " yet.")
        return markup.note(said)
    rows = [
        [f"Run {row['run_number']}, {row['made_at']:%d %b %Y, %H:%M} UTC", f"{row['changed']:,}",
         f"{row['treated']:,} treated, {row['held_out']:,} held out, {row['skipped']:,} skipped · "
         f"{rules_said(row['rules'])} · {row['made_by']}"]
        for row in one.runs.iloc[::-1].head(RUNS).to_dict("records")
    ]  # fmt: skip
    table = markup.table(["When", "Changed", "What came of it · rules · by whom"], rows, numeric=(1,))
    return f"<h3>Runs of this storm</h3>{explained(table)}"


def rules_said(rules: Any) -> str:
    """The rules of a run in a few words."""
    parts = [f"uplift from {100 * rules['uplift_min']:g} %"]
    parts.append("no limit of crews" if rules.get("crew_days") is None else f"{rules['crew_days']:g} crew-days")
    if rules.get("budget_cents") is not None:
        parts.append(f"budget ${rules['budget_cents'] / 100:,.0f}")
    return ", ".join(parts)


def next_act(link: str) -> str:
    """What happens after a policy was applied, with the way to the next act."""
    words = "Build the routes"
    way = f'<a class="sp-button" href="{markup.text(link)}">{words}</a>' if link else f"<strong>{words}</strong>"
    said = "Next: the homes to be treated go on the crews' routes; no held-out home ever does."
    return f'<p class="sp-lead">{markup.text(said)}</p>{way}'

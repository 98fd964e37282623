"""How each section of the page of the score says what it knows. What is known in, HTML out."""

from __future__ import annotations

from typing import Any, Protocol

import pandas as pd

from stormplay.controls import markup
from stormplay.controls.score_chip import tone
from stormplay.controls.score_state import Play
from stormplay.controls.ways import led, way_to


class Lifted(Protocol):
    """What knows a read-out."""

    @property
    def lift(self) -> Any: ...  # noqa: D102


NO_STORM = "This company has no storm yet."
READS: dict[str, str] = {"good": "good", "warn": "fair", "bad": "low"}
LIGHTS: dict[str, markup.Tone] = {"green": "good", "amber": "warn", "red": "bad"}
VERDICTS: dict[str, markup.Tone] = {"works": "good", "harms": "bad", "does not work": "bad", "too early to say": "warn"}
TO_DO = {"treatment": "Treatment", "phase3_routes": "Routes", "phase4_jobs": "Jobs", "phase5_nurture": "Nurture",
         "tenant_health": "Health"}  # fmt: skip
RECENT = 5  # changes that stand on the page; all others are folded away


def answer(play: Play) -> str:
    """Say what the score is, what it is made of and what is not measurable yet, with the age of the data."""
    standing = play.standing
    head = f"<h3>{markup.text(play.storm_name)} {markup.badge(play.storm_status)}{_reads(play)}</h3>"
    synthetic = " Homes, owners and outcomes are synthetic." if play.is_synthetic else ""
    stamp = markup.note(f"{play.company} · {markup.age(play.as_of)}{_last_change(standing)}{synthetic}")
    if not standing.is_measurable:
        return head + markup.empty(_nothing(play)) + stamp
    return head + markup.sentence(_sentences(play)) + _cards(play) + _missing(play) + stamp


def _reads(play: Play) -> str:
    mood = tone(play.standing.score)
    return f" {markup.badge(f'reads {READS[mood]}', mood)}" if play.standing.is_measurable else ""


def _last_change(standing: Any) -> str:
    if not standing.cause:
        return ""
    return f" Last change: {standing.cause} ({standing.changed_by}, {standing.changed_at:%d %b %Y, %H:%M} UTC)."


def _nothing(play: Play) -> str:
    first = play.steps["step"].iloc[0] if len(play.steps) else "Run the treatment policy"
    return f"The score of this storm is not measurable yet: nothing of it has a denominator. Begin here: {first}."


def _sentences(play: Play) -> str:
    standing = play.standing
    measured = sorted((one for one in standing.components if one.is_measurable), key=lambda one: -one.points)
    most = " and ".join(f"{one.label.lower()} ({one.points:.1f} of {100 * one.weight:.0f})" for one in measured[:2])
    least = max(standing.components, key=lambda one: one.points_missing)
    rest = f" Most is missing from {least.label.lower()}: {least.points_missing:.1f} points."
    return f"The Storm Play Score is {standing.score:.1f} of 100. It rests on {most}.{rest}"


def _cards(play: Play) -> str:
    cards = [
        (one.label, f"{one.points:.1f}" if one.is_measurable else "not yet",
         f"of {100 * one.weight:.0f} points · {one.detail if one.is_measurable else 'not measurable yet'}")
        for one in play.standing.components
    ]  # fmt: skip
    return markup.kpis([("Score", f"{play.standing.score:.1f}", "of 100 points"), *cards])


def _missing(play: Play) -> str:
    missing = [one for one in play.standing.components if not one.is_measurable]
    if not missing:
        return ""
    reasons = "; ".join(f"{one.label}, up to {100 * one.weight:.0f} points: {one.reason}" for one in missing)
    return f'<div class="sp-empty">Not measurable yet, and counted as 0. {markup.text(reasons)}.</div>'


def components(play: Play) -> str:
    """Each component with numerator, denominator, weight and points; the last line is the score."""
    rows: list[list[object]] = [
        [one.label, f"{one.percent:.1f} %" if one.is_measurable else "not yet",
         f"{one.points:.1f} of {100 * one.weight:.0f}", one.reason or one.detail]
        for one in play.standing.components
    ]  # fmt: skip
    rows.append(["Score", "", f"{play.standing.score:.1f} of 100", ""])
    table = markup.table(["Component", "Value", "Points", "From"], rows, numeric=(1, 2), foot=True)
    return f'<div class="sp-explained">{table}</div>'


# ---- lift


def verdict(play: Lifted) -> str:
    """Say whether treating worked, or that it is too early, with the light of the arms' sizes."""
    lift = play.lift
    word = markup.badge(lift.verdict.word, VERDICTS.get(lift.verdict.word, ""))
    light = markup.badge(f"arms: {lift.srm.light}", LIGHTS.get(lift.srm.light, ""))
    sentence = f'<p class="sp-lead">{word} {light}<br>{markup.text(lift.verdict.sentence)}</p>'
    return sentence + f'<p class="sp-note">{markup.text(lift.srm.sentence)}</p>'


def arms(play: Lifted) -> str:
    """The two arms with their denominators, the relative lift, and what to keep in mind."""
    rows = [
        [
            name,
            f"{arm.homes:,}",
            f"{arm.known:,}",
            f"{arm.converted:,}",
            "–" if arm.rate is None else f"{100 * arm.rate:.1f} %",
        ]
        for name, arm in (("Treated", play.lift.treated), ("Held out", play.lift.held))
    ]
    table = markup.table(["Arm", "Homes", "Known", "Signed", "Rate"], rows, numeric=(1, 2, 3, 4))
    relative = markup.note(
        "Known: homes whose outcome is known; the rate is of these. "
        f"Relative lift, which the score counts up to +100 %: {play.lift.relative_lift.percent}. "
        "A negative lift counts 0."
    )
    notes = "".join(f"<li>{markup.text(note)}</li>" for note in play.lift.notes)
    return table + relative + (f'<ul class="sp-note">{notes}</ul>' if notes else "")


def lifts(play: Lifted) -> pd.DataFrame:
    """The differences with their intervals, as the chart takes them: more signatures in a hundred homes."""
    lift = play.lift
    if lift.difference.value is None:  # then 'so far' would hold one arm's signatures against an arm without any known
        return pd.DataFrame(columns=["label", "estimate", "low", "high"])
    named = {
        f"Known outcomes, one look ({100 * lift.confidence:g} %)": lift.difference,
        "Known outcomes, looked at daily": lift.always_valid,
        "All decided homes, so far": lift.so_far,
    }
    rows = [
        {"label": label, "estimate": 100 * one.value, "low": 100 * one.low, "high": 100 * one.high}
        for label, one in named.items() if one.value is not None
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["label", "estimate", "low", "high"])


# ---- history, the other storm, the next step


def changes(play: Play) -> str:
    """The newest changes of the score, each with its cause."""
    if play.history.empty:
        return markup.empty("The score has not changed yet.")
    rows = [
        [f"{row['changed_at']:%d %b %Y, %H:%M}", f"{row['score']:.1f}",
         _moved(row["change"]), f"{row['cause']} · {row['changed_by']}"]
        for row in play.history.iloc[::-1].head(RECENT).to_dict("records")
    ]  # fmt: skip
    more = len(play.history) - len(rows)
    table = markup.table(["When, UTC", "Score", "Change", "Cause · by whom"], rows, numeric=(1, 2))
    return f'<div class="sp-explained">{table}</div>' + (
        markup.note(f"{more:,} earlier changes are in the chart.") if more else ""
    )


def _moved(change: Any) -> str:
    if pd.isna(change):
        return "–"
    return f"{change:+.1f}" if abs(change) >= 0.1 or change == 0 else f"{change:+.2g}"


def compared(play: Play) -> str:
    """Say how this storm does against the other on the same day, or what there is not to compare."""
    later = play.days.attrs.get("later", {})
    late = "".join(
        markup.note(f"{n:,} doors of {name} were knocked more than 180 days after the hail and are left out.")
        for name, n in later.items()
    )
    mine, theirs = (play.days[(play.days["storm"] == play.this) == is_mine] for is_mine in (True, False))
    if mine.empty:
        other = f" Below is {play.other_name} alone." if play.other_name else ""
        return markup.note(f"Nobody has knocked at a door of this storm within its season yet.{other}") + late
    if theirs.empty:
        return markup.note("No other storm of this company has a door to compare with.") + late
    day = min(int(mine["day"].max()), int(theirs["day"].max()))
    ours, others = (rows[rows["day"] <= day].tail(1) for rows in (mine, theirs))
    if ours.empty or others.empty:
        return markup.note("The two storms have no day in common yet.") + late
    return (
        markup.sentence(f"On day {day} after the hail: {_day(ours)} here, {_day(others)} at {play.other_name}.") + late
    )


def _day(row: pd.DataFrame) -> str:
    one = row.iloc[0]
    rate = (
        f" ({one['completed_per_100_doors']:.1f} jobs completed and {one['conversions_per_100_doors']:.1f} signed of "
        "each hundred)"
        if pd.notna(one["completed_per_100_doors"])
        else ""
    )
    return f"{markup.count(one['doors'], 'door')}{rate}"


def steps(play: Play) -> str:
    """The next steps, those that bring most for one unit of work first, each with the page that it leads to."""
    if play.steps.empty:
        return markup.good("Nothing is missing: the score is full.")
    lines = "".join(
        f"<li><strong>{_led(play, str(row['page']), str(row['step']))}</strong> "
        f"{markup.badge(_worth(row), 'good' if row['points'] > 0 else '')}<br>{markup.text(row['sentence'])}</li>"
        for row in play.steps.to_dict("records")
    )
    return f'<ol class="sp-steps">{lines}</ol>'


def _worth(row: Any) -> str:
    if pd.isna(row["points"]):
        return f"up to {_most(row['points_left'])} points"
    return f"+{_small(row['points'])} each, {row['points_left']:.1f} in all"


def _most(points: float) -> str:
    return f"{points:.0f}" if points >= 10 else _small(points)


def _small(points: float) -> str:
    return f"{points:.1f}" if points >= 0.1 or points == 0 else f"{points:.2g}"


def _led(play: Play, page: str, words: str) -> str:
    """The words, as a link where that page exists beside this one."""
    return led(words, way_to(page, play.tenant, play.storm))

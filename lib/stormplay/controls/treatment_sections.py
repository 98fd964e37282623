"""How the page of the treatment says whether the visits worked. What is known in, HTML out."""

from __future__ import annotations

from typing import Any

from stormplay.controls import markup
from stormplay.controls.score_sections import LIGHTS, VERDICTS, arms
from stormplay.controls.treatment_state import Treatment

__all__ = ["answer", "arms", "balance", "bands", "evidence", "pooled", "reached", "verdict"]
NO_STORM = "This company has no storm yet."
HEADS = {
    "works": "The visits work",
    "does not work": "The visits do not work",
    "harms": "The visits do harm",
    "too early to say": "Too early to say whether the visits work",
}
LOOKS_AGAIN = 1.5  # who looks daily needs about half as many homes again


def answer(one: Treatment) -> str:
    """Say whether the visits worked, who is visited, and what made the numbers, with the age of the data."""
    word = one.read_out.verdict.word
    badges = f"{markup.badge(one.storm_status)} {markup.badge(f'visits: {word}', VERDICTS.get(word, ''))}"
    head = f"<h3>{markup.text(one.storm_name)} {badges}</h3>"
    synthetic = " Homes, owners and outcomes are synthetic." if one.is_synthetic else ""
    stamp = markup.note(f"{one.company} · {markup.age(one.as_of)}{_last_run(one)}{synthetic}")
    said = [worked(one), f"{decided(one)} {next_day(one)}".strip(), made_by(one)]
    return head + "".join(markup.sentence(text) for text in said) + _cards(one) + stamp


def _last_run(one: Treatment) -> str:
    if one.runs.empty:
        return ""
    last = one.runs.iloc[-1]
    return f" Last decided {last['made_at']:%d %b %Y, %H:%M} UTC (run {last['run_number']}, {last['made_by']})."


def worked(one: Treatment) -> str:
    """Whether the visits worked, in a sentence or two; the section on it says what it rests on."""
    read = one.read_out
    seen = read.verdict.estimate
    if seen.value is None or "red" in (read.srm.light, read.known.light):
        return str(read.verdict.sentence)
    many = f"{abs(100 * seen.value):.1f} {'more' if seen.value >= 0 else 'fewer'}"
    between = f"95 %: {100 * seen.low:+.1f} to {100 * seen.high:+.1f}, however often one looks"
    said = f"{HEADS[read.verdict.word]}: of a hundred homes {many} signed than without them ({between})."
    return f"{said} {more_needed(one)}".strip()


def decided(one: Treatment) -> str:
    """Where the homes are now, and how many the rules would move."""
    would = one.trial.would
    if not one.eligible:
        start = "No home of this storm has been decided on yet."
        if would is None:
            return start
        return (
            f"{start} With the rules below, of {would.eligible:,} homes {would.treated:,} would be treated, "
            f"{would.held_out:,} held out and {would.skipped:,} skipped."
        )
    said = (
        f"Of {one.eligible:,} homes {one.homes('treat'):,} are treated, {one.homes('hold_out'):,} held out and "
        f"{one.homes('skip'):,} skipped."
    )
    if would is None:
        return said
    moves = markup.count(would.changed, "home") if would.changed else "nothing"
    return f"{said} Applied now, the rules below would change {moves}."


def next_day(one: Treatment) -> str:
    """What the next crew-day is worth."""
    return one.trial.refused if one.trial.would is None else str(one.trial.would.margin.sentence)


def made_by(one: Treatment) -> str:
    """Which model made the numbers, in a sentence."""
    models = one.models
    if not models.named:
        return "No home of this storm has an expected uplift yet: train a model below, then score the storm."
    first, others = models.named[0], models.named[1:]
    rest = f" Of some homes it comes from {', '.join(others)}." if others else ""
    return f"The expected uplift comes from {first}{_made(models.cards[0])}.{rest}"


def _made(card: Any) -> str:
    if card is None:
        return ", which is not registered: nobody can say how it was made"
    if card.version.artifact is None:
        return f": {card.version.note or 'no model of ours made it'}"
    place = next((f", the {word}" for word in ("champion", "challenger") if word in card.places), "")
    homes = card.version.trained_on.get("homes", 0)
    return f"{place}, trained on {homes:,} homes: {_ranks(str(card.version.metrics.get('verdict', '')))}"


def _ranks(verdict: str) -> str:
    return {
        "better than chance": "it ranks better than chance",
        "worse than chance": "it ranks worse than chance",
    }.get(verdict, "too early to say whether it ranks better than chance")


def _cards(one: Treatment) -> str:
    read, would = one.read_out, one.trial.would
    daily = read.always_valid
    value = "not yet" if daily.value is None else f"{100 * daily.value:+.1f}"
    reach = "no outcome in one arm or both" if daily.value is None else (
        f"{100 * daily.low:+.1f} to {100 * daily.high:+.1f}, however often one looks"
    )  # fmt: skip
    cards = [
        ("More signed of a hundred", value, reach),
        ("Treated", f"{one.homes('treat'):,}", f"{read.treated} signed"),
        ("Held out", f"{one.homes('hold_out'):,}", f"{read.held} signed"),
    ]
    if would is not None:
        margin, days = would.margin, would.rules.crew_days
        of = "no limit set" if days is None else f"of {days:g} there are"
        cards.append(("Crew-days of visits", f"{margin.crew_days:.1f}", f"{margin.visits:,} homes; {of}"))
        cards.append(("Would change", f"{would.changed:,}", f"of {would.eligible:,} homes, if applied now"))
    return markup.kpis(cards)


# ---- did the visits work?


def verdict(one: Treatment) -> str:
    """The verdict with the two lights that it needs, and how many more homes it would take."""
    read = one.read_out
    lights = {"arms as drawn": read.srm.light, "outcomes known alike": read.known.light} if _is_begun(one) else {}
    badges = " ".join([
        markup.badge(read.verdict.word, VERDICTS.get(read.verdict.word, "")),
        *(markup.badge(f"{name}: {light}", LIGHTS.get(light, "")) for name, light in lights.items()),
    ])  # fmt: skip
    sentence = f'<p class="sp-lead">{badges}<br>{markup.text(read.verdict.sentence)}</p>'
    return sentence + "".join(markup.note(text) for text in filter(None, [more_needed(one), read.srm.sentence]))


def _is_begun(one: Treatment) -> bool:
    """Whether any home is in an arm."""
    return bool(one.read_out.treated.homes + one.read_out.held.homes)


def more_needed(one: Treatment) -> str:
    """How many more homes it takes to say, where it is too early; '' where it is not."""
    read = one.read_out
    if read.verdict.word != "too early to say" or not _is_begun(one) or "red" in (read.srm.light, read.known.light):
        return ""
    from stormplay.experiments import still_needed  # noqa: PLC0415 - scipy is for who asks this

    share = 1 - float(one.rules.holdout_share) if one.rules.holdout_share else 0.8
    seen = read.counts
    more = still_needed(seen.converted, seen.n, seen.control_converted, seen.control_n, share)
    if more is None or read.counts.difference().value < 0:
        return "How many more homes it takes cannot be planned before some have signed in both arms."
    treated, held = (int(LOOKS_AGAIN * (n + have)) - have for n, have in
                     zip(more, (read.treated.known, read.held.known), strict=True))  # fmt: skip
    waiting = (read.treated.homes - read.treated.known, read.held.homes - read.held.known)
    need = f"about {max(treated, 0):,} treated and {max(held, 0):,} held-out homes more with a known outcome"
    here = (
        "This storm has them: wait for their outcomes."
        if treated <= waiting[0] and held <= waiting[1]
        else f"This storm has {waiting[0]:,} and {waiting[1]:,} to come, which is too few: look at all storms."
    )
    return f"If the difference stays as it was seen, it takes {need}, looked at daily. {here}"


# ---- does it hold?


def pooled(one: Treatment) -> str:
    """All storms of the company together."""
    found = one.pooled
    left = f" Without known outcomes in both arms, and left out: {', '.join(found.left_out)}." if found.left_out else ""
    return f"<h3>Over the company's storms</h3>{markup.note(found.sentence + left)}"


def bands(one: Treatment) -> str:
    """Both arms in each band of hail."""
    strata = one.read_out.strata
    rows = [
        [band.name, _rate(band.counts.converted, band.counts.n),
         _rate(band.counts.control_converted, band.counts.control_n)]
        for band in strata.strata
    ]  # fmt: skip
    table = markup.table(["Hail", "Treated signed", "Held out signed"], rows, numeric=(1, 2))
    return f"<h3>By band of modelled hail</h3>{markup.note(strata.sentence)}{table}"


def reached(one: Treatment) -> str:
    """Who of the treated was in fact reached, and what that says."""
    found = one.read_out.exposure
    return f"<h3>Decided is not visited</h3>{markup.note(found.sentence)}{markup.note(found.warning)}"


def balance(one: Treatment) -> str:
    """How alike the arms are in what was known before the draw."""
    if not one.read_out.covariates:
        return ""
    rows = [[each.name, _mean(each.treated), _mean(each.held),
             "–" if each.difference is None else f"{each.difference:+.2f}",
             each.light] for each in one.read_out.covariates]  # fmt: skip
    table = markup.table(["Known before the draw", "Treated", "Held out", "Difference", "Light"], rows,
                         numeric=(1, 2, 3))  # fmt: skip
    said = markup.note("Means of each arm, and their difference in standard deviations: under 0.1 is alike.")
    return markup.details("How alike the arms are in what was known before", said + table)


def _mean(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.1f}"


def _rate(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} % of {whole:,}" if whole else "no outcome"


def evidence(one: Treatment) -> Any:
    """The words below the two charts of `evidence`."""
    return reached(one) + balance(one)

"""The half of the page about credit as HTML: what is known in, sections out. A report shows them as they are.

`answer`, `compared`, `caused`, `ledger` and `timeline` are whole sections with their charts; a live page puts the same
pieces around its controls.
"""

from __future__ import annotations

from stormplay import charts, exports
from stormplay.controls import credit_charts as drawn
from stormplay.controls import credit_words as words
from stormplay.controls import markup
from stormplay.controls.credit_state import Credit, Journey, method_words
from stormplay.controls.ways import led, way_to

MOST = 30  # channels in the table of figures; the file has them all
PAGE_OF_CAUSE = "treatment"


def answer(one: Credit) -> str:
    """Say what is shared out, where the methods part most, and what was caused, with the age of the data."""
    found = one.found
    stamp = markup.note(f"{found.org_name} · {markup.age(found.as_of)}")
    left_out = "".join(f"<li>{markup.text(note)}</li>" for note in found.notes)
    notes = f'<ul class="sp-note">{left_out}</ul>' if left_out else ""
    why = words.NO_JOURNEYS if not one.homes else words.NO_SIGNATURES if not one.signed else ""
    if why:
        return (markup.sentence(found.answer) if one.homes else "") + markup.empty(why) + stamp + notes
    return markup.sentence(found.answer) + _cards(one) + stamp + notes


def _cards(one: Credit) -> str:
    channel, ends = words.apart(one)
    top = one.table.mean(axis="columns")
    return markup.kpis([
        ("Signatures credited", f"{one.signed:,}", f"of {one.homes:,} touched homes with a known outcome"),
        ("Caused by treating", *words.caused(one)),
        ("Most credit", str(top.index[0]), f"{100 * top.iloc[0] / one.total:.0f} % on average of the methods")
        if one.total > 0 else ("Most credit", "–", "no dollars on record"),
        ("Methods disagree most on", channel, ends),
    ])  # fmt: skip


# ---- side by side


def compared(one: Credit) -> str:
    """The methods side by side: what they are not, where they part, the chart, the figures, the file."""
    chart = charts.html(drawn.dots(one))
    return caution(one) + disagreement(one) + chart + figures(one) + file(one)


def caution(one: Credit) -> str:
    """That credit is not cause, in the place where credit is read."""
    return _warning(words.caution(one)) if one.signed else ""


def disagreement(one: Credit) -> str:
    """Where the methods part most, in words; '' where there is nothing to compare."""
    if words.nothing_to_share(one):
        return ""
    alone = words.one_channel(one)
    return markup.empty(alone) if alone else markup.sentence(str(one.found.disagreement(one.amount)))


def figures(one: Credit) -> str:
    """Each method's credit of each channel, with the totals."""
    if words.nothing_to_share(one):
        return ""
    table = one.table
    rows: list[list[object]] = [
        [channel, *(words.figure(amount, one) for amount in row)]
        for channel, row in zip(table.index[:MOST], table.head(MOST).to_numpy().tolist(), strict=True)
    ]
    if len(table) > MOST:
        rest = table.iloc[MOST:].sum()
        rows.append([f"{len(table) - MOST:,} more channels", *(words.figure(amount, one) for amount in rest)])
    rows.append(["All", *(words.figure(amount, one) for amount in table.sum())])
    heads = [_capital(method_words(method)) for method in table.columns]
    return markup.table(["Channel", *heads], rows, numeric=range(1, len(heads) + 1), foot=True)


def file(one: Credit) -> str:
    """The link that saves the figures of all channels as CSV: signatures and dollars of each method."""
    credits = one.found.credits
    if credits.empty or not one.signed:
        return ""
    rows = credits.rename(columns={"conversions": "signatures_credited", "value": "dollars_credited"})
    whole = credits.groupby("method")["conversions"].transform("sum")
    rows = rows.assign(share_of_signatures=(credits["conversions"] / whole).round(6)).round(
        {"signatures_credited": 6, "dollars_credited": 2}
    )
    return markup.download("Download the figures (CSV)", f"credit {one.found.storm}.csv", exports.to_csv(rows))


# ---- cause


def caused(one: Credit) -> str:
    """What treating caused, beside what is credited."""
    return cause_words(one) + charts.html(drawn.cause(one))


def cause_words(one: Credit) -> str:
    """That credit is not cause, and what the experiment says."""
    said = str(one.found.incremental.sentence).removeprefix("Credit is not cause.").strip()
    return (
        _warning(said)
        + markup.note("The page of the treatment shows how the experiment was made, and how sure it is.")
        + (_to_the_experiment(one))
    )


def _to_the_experiment(one: Credit) -> str:
    address = way_to(PAGE_OF_CAUSE, one.tenant, one.storm)
    return f'<p class="sp-note">{led("Open the experiment of this storm", address)}</p>' if address else ""


def _warning(said: str) -> str:
    return f'<div class="sp-ask" role="note"><strong>Credit is not cause.</strong> {markup.text(said)}</div>'


# ---- every home, and one household


def ledger(one: Credit) -> str:
    """Every home with a touch or an outcome, in one line of a table that adds up."""
    found = one.found
    rows: list[list[object]] = [
        [_capital(row["outcome"]), f"{row['homes']:,}", row["sentence"]] for row in found.ledger.to_dict("records")
    ]
    rows.append(["All", f"{found.ledger['homes'].sum():,}", "Homes with a touch or an outcome on record"])
    table = markup.table(["Homes", "Number", "What that means"], rows, numeric=(1,), foot=True)
    return f'<div class="sp-explained">{table}</div>'


def timeline(one: Credit) -> str:
    """The household's journeys over all storms: the chart, each in words, and its credit by each method."""
    return charts.html(drawn.timeline(one)) + journeys(one)


def journeys(one: Credit) -> str:
    """Each journey in words, with its credit by each method where it ended in a signature."""
    return "".join(f"<p>{markup.text(words.told(each))}</p>{_shares(each, one)}" for each in one.journeys)


def _shares(journey: Journey, one: Credit) -> str:
    """One signature, shared out: a row a method, a column a channel, in the order in which they were met."""
    if not journey.shares:
        return ""
    channels = list(dict.fromkeys(journey.path))
    if len(channels) == 1:
        return markup.note(f"Every method gives {channels[0]} all of it.")
    rows = [
        [_capital(method_words(method)), *(f"{100 * shares.get(channel, 0.0):.0f} %" for channel in channels)]
        for method, shares in journey.shares.items()
    ]
    table = markup.table(["Method", *channels], rows, numeric=range(1, len(channels) + 1))
    note = f"Markov sees this one journey alone. {words.decay(one)}"
    return markup.details("Its credit by each method", table + markup.note(note))


def _capital(text: object) -> str:
    said = str(text)
    return said[:1].upper() + said[1:]

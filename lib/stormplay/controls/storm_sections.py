"""How each section of the page of a storm that comes in says what it knows. What is known in, HTML out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from stormplay import clock
from stormplay.controls import markup
from stormplay.controls.score_chip import tone
from stormplay.controls.storm_state import Reading, Storm
from stormplay.maps import IMPACT_BANDS, UNREACHED_COLOUR
from stormplay.storms import impact_band

NO_STORM = "This company has no storm yet."
READ_ONLY = "You may read and download these messages. Your role here is viewer: applying one again, or putting it "\
    "aside, is for operators and above."  # fmt: skip
NO_LETTER = "Nothing is here: every message that came could be applied."
START = "stormplay stream --simulate"
WORDS: dict[Reading, str] = {"not begun": "waiting", "keeps up": "keeps up", "behind": "behind",
                             "nobody reads": "nobody reads"}  # fmt: skip
TONES: dict[Reading, markup.Tone] = {"not begun": "", "keeps up": "good", "behind": "warn", "nobody reads": "bad"}
REASONS: dict[str, str] = {  # what to do about each
    "malformed": "Tell whoever sends these messages; this one can only be put aside.",
    "unknown type": "Tell whoever sends these messages, or put it aside.",
    "invalid": "Have the sender correct it and send it again; then put this one aside.",
    "too large": "Tell whoever sends these messages; this one can only be put aside.",
    "unknown property": "Load the home first; then apply it again.",
    "unknown job": "Generate the routes that the job belongs to; then apply it again.",
    "illegal transition": "Look at the job on the page of jobs, bring it to where it was; then apply it again.",
    "held out": "The home belongs to the control group and is left alone. Put it aside.",
    "late": "The storm is closed. Open it again to apply this, or put it aside.",
    "refused": "The database refused it. Apply it again; if it stays, ask your administrator.",
}


def answer(storm: Storm) -> str:
    """Say what the storm is doing, whether we keep up, and what could not be applied; with the age of the data."""
    reading = storm.reading
    state = markup.badge(WORDS[reading], TONES[reading])
    head = f"<h3>{markup.text(storm.name)} {markup.badge(storm.status)} {state}</h3>"
    synthetic = " Homes, owners and outcomes are synthetic." if storm.is_synthetic else ""
    age = markup.age(storm.as_of) if storm.as_of else "No event yet."
    stamp = markup.note(f"{storm.company} · {age}{synthetic}")
    return head + _now(storm) + cards(storm) + bands(storm) + to_do(storm) + stamp


def _now(storm: Storm) -> str:
    """The three answers, each on a line of its own, so that nothing moves when one of them changes."""
    said = (("The storm", _doing(storm)), ("Reading", _keeping_up(storm)), ("Messages", _not_applied(storm)))
    lines = "".join(f"<dt>{name}</dt><dd>{markup.text(words)}</dd>" for name, words in said)
    return f'<dl class="sp-now">{lines}</dl>'


def _doing(storm: Storm) -> str:
    every = sum(storm.homes)
    if not storm.taken:
        begin = f" Start it with: {START}" if storm.status != "closed" else " This storm is closed."
        return f"No event of this storm has come in yet.{begin}"
    severe = sum(storm.homes[3:])
    reached = f"The modelled swath has reached {storm.hit:,} of {markup.count(every, 'home')}"
    strong = f", {severe:,} of them with 1 inch of hail or more" if severe else ""
    return f"{reached}{strong}."


def _keeping_up(storm: Storm) -> str:
    match storm.reading:
        case "not begun":
            return "Nothing has been read yet."
        case "keeps up":
            return "Reading keeps up: what has come in is applied."
        case "behind":
            return f"Reading is {markup.count(storm.behind, 'event')} behind."
    return "Nobody is reading." if clock.frozen() or storm.told_at is None else (
        f"Nobody is reading: last heard of {_ago(storm, storm.told_at)}."
    )  # fmt: skip


def _not_applied(storm: Storm) -> str:
    n = storm.stream.open_letters
    if not n:
        return "Every message could be applied." if storm.taken else "None has come."
    return f"{markup.count(n, 'message')} could not be applied."


def cards(storm: Storm) -> str:
    """The figures."""
    stream, reading = storm.stream, storm.reading
    kinds = stream.by_type
    parts = f"{kinds.get('job_completed', 0):,} jobs · {kinds.get('conversion', 0):,} signatures"
    behind = {"not begun": "nothing to read yet", "keeps up": "reading keeps up", "behind": "events not read yet",
              "nobody reads": "nobody is reading"}[reading]  # fmt: skip
    minute = "events, last minute" if not clock.frozen() else "events in the minute before"
    return markup.kpis([
        ("Homes in the swath", f"{storm.hit:,}", f"of {sum(storm.homes):,}, as modelled"),
        ("Events taken", f"{storm.taken:,}", parts),
        ("A minute", f"{storm.a_minute:,}", minute),
        ("Behind", f"{storm.behind:,}", behind),
        ("Not applied", f"{stream.open_letters:,}", "messages waiting for you" if stream.open_letters else "messages"),
    ])  # fmt: skip


def bands(storm: Storm) -> str:
    """Homes in each band of hail, as one bar with its key."""
    every = max(1, sum(storm.homes))
    pieces, keys = [], []
    for band, count in zip(IMPACT_BANDS, storm.homes[1:], strict=True):
        share = 100 * count / every
        pieces.append(f'<i style="width:{share:.2f}%;background:{band.colour}"></i>')
        keys.append(
            f'<li><i class="sp-dot" style="background:{band.colour}"></i>{markup.text(band.word)} '
            f"<span>{markup.text(band.inches)}</span> <strong>{count:,}</strong></li>"
        )
    words = ", ".join(
        f"{count:,} {band.word.lower()}" for band, count in zip(IMPACT_BANDS, storm.homes[1:], strict=True)
    )
    return (
        f'<div class="sp-bands"><div class="sp-bands-bar" role="img" aria-label="Homes by modelled hail: {words}">'
        f"{''.join(pieces)}</div><ul>{''.join(keys)}</ul></div>"
    )


def to_do(storm: Storm) -> str:
    """What to do next; nothing where nothing is to be done."""
    steps: list[str] = []
    if storm.reading == "not begun" and storm.status != "closed":
        steps.append(f"<li>In a terminal: <code>{START} --speed 60</code> replays the storm of 28 April 2021. "
                     "<code>stormplay stream</code> reads what your own systems send.</li>")  # fmt: skip
    if storm.reading == "nobody reads" and storm.status != "closed" and not clock.frozen():
        steps.append("<li>Start <code>stormplay stream</code> where it runs: it goes on where it stopped, and nothing "
                     "is lost or counted twice.</li>")  # fmt: skip
    if storm.reading == "behind":
        steps.append("<li>Nothing yet: reading catches up by itself. If this grows for minutes, start a second "
                     "<code>stormplay stream</code>.</li>")  # fmt: skip
    if storm.stream.open_letters:
        steps.append("<li>Look at what could not be applied, below: each says what to do.</li>")
    return f'<ul class="sp-steps">{"".join(steps)}</ul>' if steps else ""


def score(storm: Storm) -> str:
    """The Storm Play Score with its components, small enough to stand beside what moves it."""
    standing = storm.standing
    if standing is None:
        return ""
    lines = "".join(_part(one) for one in standing.components)
    value = f"{standing.score:.1f}" if standing.is_measurable else "–"
    mood = f" sp-{tone(standing.score)}" if standing.is_measurable else ""
    why = f"Last change: {standing.cause}." if standing.cause else "It has not changed yet."
    number = f'<div class="sp-moving-number{mood}"><strong>{value}</strong><span>of 100</span></div>'
    return f'<div class="sp-moving">{number}<ul class="sp-parts">{lines}</ul></div>{markup.note(why)}'


def _part(one: Any) -> str:
    track = f'<div class="sp-progress-track"><span style="width:{one.percent:.1f}%"></span></div>'
    points = f"{one.points:.1f}" if one.is_measurable else "not yet"
    most = f"of {100 * one.weight:.0f}"
    return f"<li><span>{markup.text(one.label)}</span>{track}<strong>{points}</strong><small>{most}</small></li>"


# ---- the feed


def feed(storm: Storm) -> str:
    """The newest events as sentences, the newest first."""
    if storm.newest.empty:
        return markup.empty("Events will stand here as they come in.")
    lines = "".join(
        f"<li><time>{pd.Timestamp(row['event_at']).tz_convert('UTC'):%H:%M:%S}</time>"
        f'<i class="sp-dot" style="background:{colour}"></i><span>{markup.text(text)}</span></li>'
        for row, (text, colour) in _told(storm.newest.to_dict("records"))
    )
    return f'<ol class="sp-feed">{lines}</ol>{markup.note("Times of the events, UTC.")}'


def _told(rows: Iterable[Any]) -> Iterable[tuple[Any, tuple[str, str]]]:
    return ((row, event(row)) for row in rows)


def event(row: Any) -> tuple[str, str]:
    """One event in a sentence, and its colour."""
    place = row["address"] if isinstance(row["address"], str) and row["address"] else "a home"
    kind, old = row["event_type"], " (older than what is known; it changed nothing)" if row["is_superseded"] else ""
    if kind == "property_impacted":
        place_in = impact_of(row["sii_score"])
        return f"{place}: {place_in[0]}, index {row['sii_score']:.0f} of 100.{old}", place_in[1]
    if kind == "job_completed":
        return f"{place}: the job is completed.{old}", "#00795a"
    value = row["value_cents"]
    worth = f" for ${value / 100:,.0f}" if value is not None and not pd.isna(value) else ""
    return f"{place}: signed{worth}.{old}", "#c64f00"


def impact_of(sii_score: float) -> tuple[str, str]:
    """An index in words, and the colour of its band."""
    if not sii_score > 0:
        return "no hail modelled", UNREACHED_COLOUR
    band = IMPACT_BANDS[int(impact_band(sii_score))]
    return f"{band.word.lower()} hail modelled", band.colour


# ---- what was read


def positions(storm: Storm) -> str:
    """Each partition: how far it is read, how far it goes, when that was told."""
    rows = [
        [int(row["partition"]), *(f"{int(row[name]):,}" for name in ("next_offset", "end_offset", "behind")),
         f"{pd.Timestamp(row['told_at']).tz_convert('UTC'):%d %b %Y, %H:%M:%S}"]
        for row in storm.stream.positions.to_dict("records")
    ]  # fmt: skip
    if not rows:
        return markup.note("No consumer has told yet how far it has read.")
    more = f"{storm.stream.superseded:,} events changed nothing, since something newer was known." \
        if storm.stream.superseded else "Every event brought something new."  # fmt: skip
    table = markup.table(["Partition", "Read up to", "Goes to", "Behind", "Told at, UTC"], rows, numeric=(0, 1, 2, 3))
    return f'<div class="sp-newest">{table}</div>{markup.note(more)}'


def _ago(storm: Storm, moment: Any) -> str:
    seconds = (storm.stream.at - moment).total_seconds()
    return markup.ago(seconds) if seconds >= 60 else f"{max(0, seconds):.0f} seconds ago"

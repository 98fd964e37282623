"""The identifier graph of one household: homes in the middle, what belongs to them around, shared values outside.

Where each identifier stands is `charts.network_places`' business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from stormplay.charts.chart import Chart, nothing, records, said
from stormplay.charts.network_places import HOME, MIDDLE_X, OUTSIDE_X, Places, places, rank
from stormplay.charts.palette import COLOURS, SERIES, needs


@dataclass(frozen=True)
class Look:
    """How identifiers of one type are drawn and called: one of them, several, colour and symbol."""

    one: str
    many: str
    colour: str
    symbol: str


LOOKS: Mapping[str, Look] = {
    "property_id": Look("home", "homes", COLOURS["ink"], "square"),
    "claim": Look("claim", "claims", SERIES[1], "diamond"),
    "crm_id": Look("CRM id", "CRM ids", SERIES[4], "hexagon"),
    "name_address": Look("name and address", "names and addresses", SERIES[5], "triangle-up"),
    "email": Look("e-mail", "e-mails", SERIES[0], "circle"),
    "phone": Look("telephone", "telephones", SERIES[2], "star"),
    "device": Look("device", "devices", SERIES[3], "cross"),
}

WIDTHS = (1.0, 0.8, 0.5)  # strengths whose width stands in the legend
LABEL, NARROW_LABEL, NARROW_MIDDLE = 27, 13, 11  # signs of a label; the whole is in the hover text and in the table


def line_width(strength: float) -> float:
    """Pixels for a strength of 0 to 1: nothing below 0.4 can be told apart from it, and 1 is 8 px wide."""
    return round(1.0 + 7.0 * max(0.0, min(float(strength), 1.0) - 0.4) / 0.6, 2)


def network(nodes: pd.DataFrame, links: pd.DataFrame) -> Chart:
    """What is tied to what, and how strongly.

    Args:
        nodes: One row an identifier: `identifier_id`, `type`, `label` (as this person may see it), `joins` (False: it
            is shared or blocked, and shown for what it is), `verified` (a person has said so); where known `households`
            (that it was seen with) and `strength` (0 to 1: how surely it belongs here).
        links: One row a tie: `from_id`, `to_id`, `strength` (0 to 1), `rule` (what tied them), and where known
            `revoked` (it was taken back) and `verified`. Ties to what is no node are left out.

    Returns:
        The chart; with one identifier alone it is that one.

    Raises:
        BadInput: A column is missing.
    """
    needs(nodes, "network", "identifier_id", "type", "label", "joins", "verified")
    needs(links, "network", "from_id", "to_id", "strength", "rule")
    if nodes.empty:
        return nothing("Nothing is known of this household yet.")
    here = set(nodes["identifier_id"])
    ties = links[links["from_id"].isin(here) & links["to_id"].isin(here)]
    at = places(nodes, ties)
    known = {str(row["identifier_id"]): row for row in records(nodes)}
    drawn = [(tie, known[tie["from_id"]], known[tie["to_id"]]) for tie in _pairs(ties)]
    labels = [_label(row, at.spots[node]) for node, row in known.items()]
    side = 1.0 if at.outside else 0.85
    return Chart(
        data=[*_lines(drawn, at), _hovers(drawn, at), *_dots(known, at), *_keys(known, drawn)],
        layout={
            "xaxis": {"visible": False, "range": [-OUTSIDE_X * side, OUTSIDE_X * side], "domain": [0.26, 0.74]},
            "yaxis": {"visible": False, "range": [-1.08, 1.08]},
            "margin": {"l": 4, "r": 4, "t": 12, "b": 12},
            "showlegend": True,
            "legend": {"y": -0.01, "yanchor": "top", "font": {"size": 12}, "itemclick": False,
                       "itemdoubleclick": False, "traceorder": "normal"},
            "annotations": labels,
        },
        alt=_in_words(known, drawn),
        headers=("This", "is tied to", "Strength", "By"),
        rows=[_row(*one) for one in drawn] or [(_named(row), "nothing yet", "–", "–") for row in known.values()],
        caption=_caption(known, drawn),
        height=at.height + 70,
        narrow={
            "height": at.height + 150, "xaxis.domain": [0.32, 0.68], "font.size": 11, "legend.font.size": 11,
            **{f"annotations.{k}.{name}": value for k, row in enumerate(known.values())
               for name, value in _on_a_phone(row, at.spots[str(row["identifier_id"])]).items()},
        },
    )  # fmt: skip


def _pairs(links: pd.DataFrame) -> list[dict[str, Any]]:
    """One tie a pair, the strongest first: two may be tied by several rules, and lines on each other cannot be seen."""
    found: dict[frozenset[str], dict[str, Any]] = {}
    for row in sorted(records(links), key=lambda row: (_is(row, "revoked"), -float(row["strength"]))):
        ends = {name: str(row[name]) for name in ("from_id", "to_id")}
        tie = found.setdefault(frozenset(ends.values()), {**row, **ends, "rules": []})
        if _is(row, "revoked") == _is(tie, "revoked"):
            tie["rules"].append(str(row["rule"]))
            tie["verified"] = _is(tie, "verified") or _is(row, "verified")
    return [{**tie, "rule": " and ".join(dict.fromkeys(tie["rules"]))} for tie in found.values()]


# ---- traces


def _lines(drawn: Sequence[tuple[Any, Any, Any]], at: Places) -> list[dict[str, Any]]:
    """One line a tie, the weakest first, so that the strong ones lie on top."""
    return [
        {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "showlegend": False, "opacity": 0.6,
         "x": [at.spots[str(end["identifier_id"])][0] for end in (one, other)],
         "y": [at.spots[str(end["identifier_id"])][1] for end in (one, other)],
         "line": {"width": line_width(tie["strength"]), **_stroke(tie, one, other)}}
        for tie, one, other in sorted(drawn, key=lambda each: float(each[0]["strength"]))
    ]  # fmt: skip


def _stroke(tie: Mapping[str, Any], one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, str]:
    if _is(tie, "revoked"):
        return {"color": COLOURS["bad"], "dash": "dot"}
    joins = bool(one["joins"]) and bool(other["joins"])
    return {"color": COLOURS["them"], "dash": "solid" if joins else "7px,5px"}


def _hovers(drawn: Sequence[tuple[Any, Any, Any]], at: Places) -> dict[str, Any]:
    """A point nobody sees in the middle of each tie, since a line itself cannot be pointed at."""
    middle = [np.mean([at.spots[str(end["identifier_id"])] for end in ends], axis=0) for _, *ends in drawn]
    return {"type": "scatter", "mode": "markers", "showlegend": False, "hoverinfo": "text",
            "x": [float(x) for x, _ in middle], "y": [float(y) for _, y in middle],
            "marker": {"size": 18, "opacity": 0, "color": COLOURS["them"]},
            "hovertext": [said(_tie(*one)).replace("\n", "<br>") for one in drawn]}  # fmt: skip


def _dots(known: Mapping[str, Any], at: Places) -> list[dict[str, Any]]:
    """One trace a type, so that each has its place in the legend; the values that join nobody share one place."""
    found = []
    for joins in (True, False):
        own = {node: row for node, row in known.items() if bool(row["joins"]) is joins}
        for kind in sorted({str(row["type"]) for row in own.values()}, key=rank):
            found.append(_kind_dots(kind, {node: row for node, row in own.items() if row["type"] == kind}, at))
    return found


def _kind_dots(kind: str, own: Mapping[str, Any], at: Places) -> dict[str, Any]:
    look, joins = look_of(kind), bool(next(iter(own.values()))["joins"])
    ring = [COLOURS["good"] if _is(row, "verified") else "#fff" for row in own.values()]
    marker: dict[str, Any] = {"size": 24 if kind == HOME else 17, "color": look.colour, "symbol": look.symbol,
                              "line": {"width": 2, "color": ring}}  # fmt: skip
    if not joins:
        marker |= {"symbol": f"{look.symbol}-open", "size": 15, "line": {"width": 2, "color": look.colour}}
    return {"type": "scatter", "mode": "markers", "hoverinfo": "text", "cliponaxis": False, "name": said(look.one),
            "showlegend": joins, "x": [at.spots[node][0] for node in own], "y": [at.spots[node][1] for node in own],
            "marker": marker, "hovertext": [_described(row) for row in own.values()]}  # fmt: skip


def _keys(known: Mapping[str, Any], drawn: Sequence[tuple[Any, Any, Any]]) -> list[dict[str, Any]]:
    """The legend's marks that are drawn nowhere: an open one for what joins nobody, and how wide is how strong."""
    found: list[dict[str, Any]] = []
    if any(not row["joins"] for row in known.values()):
        found.append({"mode": "markers", "name": "joins nobody", "marker": {
            "symbol": "circle-open", "size": 13, "color": COLOURS["soft"], "line": {"width": 2}}})  # fmt: skip
    if drawn:
        found += [{"mode": "lines", "name": f"strength {strength:g}", "opacity": 0.6,
                   "line": {"width": line_width(strength), "color": COLOURS["them"]}}
                  for strength in WIDTHS]  # fmt: skip
    return [{"type": "scatter", "x": [None], "y": [None], "hoverinfo": "skip", **key} for key in found]


def _label(row: Mapping[str, Any], spot: tuple[float, float]) -> dict[str, Any]:
    """Beside what stands around, below what stands in the middle."""
    x, y = spot
    note: dict[str, Any] = {"x": x, "y": y, "text": _text(row, LABEL), "showarrow": False,
                            "font": {"size": 13, "color": COLOURS["ink" if row["joins"] else "soft"]}}  # fmt: skip
    if abs(x) < MIDDLE_X:
        return note | {"yanchor": "top", "yshift": -14, "bgcolor": "rgba(255,255,255,0.85)"}
    return note | {"xanchor": "left" if x > 0 else "right", "xshift": 14 if x > 0 else -14, "align": "left"}


def _on_a_phone(row: Mapping[str, Any], spot: tuple[float, float]) -> dict[str, Any]:
    is_middle = abs(spot[0]) < MIDDLE_X
    return {"text": _text(row, NARROW_MIDDLE if is_middle else NARROW_LABEL), "font.size": 10 if is_middle else 11}


# ---- words


def look_of(kind: str) -> Look:
    """How a type is drawn; one that is not known is called what it is called."""
    words = kind.replace("_", " ")
    return LOOKS.get(kind, Look(words, words, COLOURS["soft"], "circle-x"))


def _text(row: Mapping[str, Any], most: int) -> str:
    whole = str(row["label"])
    text = said(whole if len(whole) <= most else f"{whole[: most - 1].rstrip()}…")
    tick = " ✓" if _is(row, "verified") else ""
    return f"<b>{text}</b>{tick}" if row["type"] == HOME else f"{text}{tick}"


def _named(row: Mapping[str, Any]) -> str:
    return f"{look_of(str(row['type'])).one} {row['label']}"


def _described(row: Mapping[str, Any]) -> str:
    look = look_of(str(row["type"]))
    parts = [f"<b>{said(row['label'])}</b>", said(look.one)]
    if pd.notna(row.get("strength")):
        parts.append(f"belongs here with strength {float(row['strength']):.2f}")
    if _is(row, "verified"):
        parts.append("a person has said so")
    if not row["joins"]:
        parts.append(_nobody(row))
    return "<br>".join(parts)


def _nobody(row: Mapping[str, Any]) -> str:
    households = row.get("households")
    seen = f" was seen with {int(households):,} households and" if pd.notna(households) and int(households) > 1 else ""
    return f"{'it' if seen else 'is blocked or shared:'}{seen or ' it'} joins nobody"


def _tie(tie: Mapping[str, Any], one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    return f"{_named(one)}\n{_named(other)}\n{_strength(tie)}, {_by(tie)}"


def _strength(tie: Mapping[str, Any]) -> str:
    return f"strength {float(tie['strength']):.2f}"


def _by(tie: Mapping[str, Any]) -> str:
    extra = [", taken back" * _is(tie, "revoked"), ", a person has said so" * _is(tie, "verified")]
    return str(tie["rule"]) + "".join(extra)


def _row(tie: Mapping[str, Any], one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, str, str, str]:
    nobody = "" if one["joins"] and other["joins"] else " (joins nobody)"
    return _named(one), f"{_named(other)}{nobody}", f"{float(tie['strength']):.2f}", _by(tie)


def _in_words(known: Mapping[str, Any], drawn: Sequence[tuple[Any, Any, Any]]) -> str:
    counted = [(look_of(kind), sum(row["type"] == kind for row in known.values()))
               for kind in sorted({str(row["type"]) for row in known.values()}, key=rank)]  # fmt: skip
    whole = ", ".join(f"{number} {look.one if number == 1 else look.many}" for look, number in counted)
    ties = sorted(drawn, key=lambda each: -float(each[0]["strength"]))
    told = "; ".join(f"{_named(one)} to {_named(other)}, {_strength(tie)}, {_by(tie)}" for tie, one, other in ties)
    apart = "; ".join(f"{_named(row)} {_nobody(row)}" for row in known.values() if not row["joins"])
    return f"Household of {whole}. {f'Tied: {told}.' if told else 'Nothing is tied to anything.'}" + (
        f" Shown beside it: {apart}." if apart else ""
    )


def _caption(known: Mapping[str, Any], drawn: Sequence[tuple[Any, Any, Any]]) -> str:
    said_of = ["The wider a line, the surer that the two belong together." if drawn else ""]
    if any(not row["joins"] for row in known.values()):
        said_of.append("Open marks on dashed lines are shared or blocked values: they join nobody.")
    if any(_is(row, "verified") for row in (*known.values(), *(tie for tie, *_ in drawn))):
        said_of.append("A tick: a person has said so.")
    if any(_is(tie, "revoked") for tie, *_ in drawn):
        said_of.append("Dotted red was taken back.")
    return " ".join(filter(None, said_of))


def _is(row: Mapping[str, Any], name: str) -> bool:
    value = row.get(name)
    return not pd.isna(value) and bool(value)

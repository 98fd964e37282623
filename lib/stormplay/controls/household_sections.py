"""Pieces of the household half of the page as HTML. Every value is escaped here or in `markup`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stormplay.controls import household_words as words
from stormplay.controls import markup
from stormplay.controls.household_state import Household
from stormplay.controls.markup import count, text

SYNTHETIC = "Homes, owners and outcomes of this company are synthetic."
NEVER_COMPARED = "All households were never compared yet: the rules alone have joined them."


def head(one: Household) -> str:
    """Who it is."""
    places = "".join(f"<li>{text(place)}</li>" for place in one.places[1:])
    more = f'<ul class="sp-hh-more">{places}</ul>' if places else ""
    owner = " and ".join(one.owners[:3]) + (" and others" if len(one.owners) > 3 else "")
    title = one.places[0] if one.places else one.label
    sizes = markup.badge(words.gathered(len(one.homes), len(one.own)))
    apart = [each for each in one.identifiers if not each["joins"]]
    shared = markup.badge(f"{count(len(apart), 'value')} held apart", "warn") if apart else ""
    who = f'<p class="sp-hh-owner">{text(owner)}</p>' if owner else ""
    return (
        f'<div class="sp-hh-head"><h3>{text(title)}</h3>{who}{more}<p class="sp-hh-badges">{sizes} {shared}</p></div>'
    )


def identifiers(one: Household) -> str:
    """What belongs to it, how surely, and what for."""
    refused = {str(no["channel"]) for no in one.profile["consent"]} if one.profile else None
    heads = ("Type", "Value", "Belongs to it", "Verified", "Source", "Seen", "May be used to")
    top = "".join(f'<th scope="col">{title}</th>' for title in heads)
    lines = "".join(_identifier(one, each, refused) for each in one.identifiers)
    masked = markup.note("Values are masked for viewers.") if any(each["masked"] for each in one.identifiers) else ""
    return (f'<h4>Identifiers</h4><div class="sp-scroll sp-ids"><table class="sp-table"><thead><tr>{top}</tr></thead>'
            f"<tbody>{lines}</tbody></table></div>{masked}")  # fmt: skip


def _identifier(one: Household, each: Mapping[str, Any], refused: set[str] | None) -> str:
    kind = words.TYPES.get(each["type"], each["type"])
    verified = "by a person" if each["verified"] or _said_so(one, each) else "no"
    filled = f"{100 * float(each['strength']):.0f}" if each["joins"] else "0"
    strength = f'<span class="sp-sure"><i style="width:{filled}%"></i></span>{text(words.joins(each))}'
    cells = {
        "Type": text(kind), "Value": f"<strong>{text(one.shown(dict(each)))}</strong>", "Belongs to it": strength,
        "Verified": verified, "Source": text(each["source"]), "Seen": text(words.day(each["seen_at"])),
        "May be used to": text(words.may(each, refused)),
    }  # fmt: skip
    apart = "" if each["joins"] else ' class="sp-apart"'
    return (
        f"<tr{apart}>"
        + "".join(f'<td data-is="{name}"><div>{cell}</div></td>' for name, cell in cells.items())
        + "</tr>"
    )


def _said_so(one: Household, each: Mapping[str, Any]) -> bool:
    """Whether a person tied it to something of the household."""
    ends = one.links[one.links["rule"] == "a person"][["from_id", "to_id"]].to_numpy().ravel()
    return each["identifier_id"] in set(ends)


def consent(profile: Mapping[str, Any]) -> str:
    """What was refused, first of all; or that nothing was."""
    if not profile["consent"]:
        return markup.note("Nothing is refused: every channel is open, within the hours of the law.")
    lines = "".join(f"<li>{text(words.refusal(no))}</li>" for no in profile["consent"])
    return f'<div class="sp-refused" role="note"><strong>Refused</strong><ul>{lines}</ul></div>'


def profile(one: Household) -> str:
    """What it has done with us."""
    known = one.profile
    if known is None:
        return ""
    pending = f"{known['pending']:,} outcomes not known yet" if known["pending"] else "over all homes and storms"
    used = ", ".join(f"{channel} {n:,}" for channel, n in known["channels"].items())
    cards = [
        ("Storms", f"{known['total_storms']:,}", "hit, decided on or visited"),
        ("Signatures", f"{known['total_conversions']:,}", pending),
        ("Lifetime value", f"${known['lifetime_value']:,.0f}", "signed so far"),
        ("First seen", words.day(known["first_seen"]), "touch, visit or signature"),
        ("Last seen", words.day(known["last_seen"]), "touch, visit or signature"),
        ("Contacts", f"{sum(known['channels'].values()):,}", used or "none on record"),
    ]
    return f'<h4>What it has done with us</h4><div class="sp-profile">{markup.kpis(cards)}</div>'


def graph_answer(figures: Any) -> str:
    """How large the graph is, in a sentence."""
    held = figures.shared + figures.blocked
    waits = f"{count(figures.waiting, 'proposal')} {'waits' if figures.waiting == 1 else 'wait'} for a yes or no"
    apart = f"{count(held, 'value')} {'is' if held == 1 else 'are'} held apart, since too many share "
    apart += ("it" if held == 1 else "them") + " or somebody blocked " + ("it" if held == 1 else "them")
    said = (f"{count(figures.identities, 'household')} are known by {figures.identifiers:,} identifiers; "
            f"{figures.with_several_homes:,} of them have more than one home. {apart}; {waits}.")  # fmt: skip
    return markup.note(said)


def graph_cards(figures: Any) -> str:
    """The graph in numbers; no values of anybody."""
    compared = NEVER_COMPARED if figures.nightly_at is None else f"Last compared {words.day(figures.nightly_at)}."
    cards = [
        ("Households", f"{figures.identities:,}", f"{figures.with_several_homes:,} with more than one home"),
        ("Identifiers", f"{figures.identifiers:,}", "homes, names, telephones, e-mails, claims, devices"),
        ("Held apart", f"{figures.shared + figures.blocked:,}", "shared by too many, or blocked: join nobody"),
        ("Proposals", f"{figures.waiting:,}", "wait for a person's yes or no"),
    ]
    return markup.kpis(cards) + markup.note(compared)


def waiting(figures: Any) -> str:
    """How many proposals wait, and what fills the queue."""
    if not figures.waiting:
        return markup.empty("No proposal waits for a yes or no.")
    return markup.sentence(f"{count(figures.waiting, 'proposal')} of the nightly comparison wait for a yes or no.")


# ---- changes


def pair(one: str, other: str, between: str = "") -> str:
    """Two households side by side; the parts are HTML already."""
    middle = f'<div class="sp-pair-between" aria-hidden="true">{text(between)}</div>' if between else ""
    return f'<div class="sp-pair"><div class="sp-card">{one}</div>{middle}<div class="sp-card">{other}</div></div>'


def side_by_side(parts: list[str]) -> str:
    """Households beside each other; the parts are HTML already."""
    return '<div class="sp-pair">' + "".join(f'<div class="sp-card">{part}</div>' for part in parts) + "</div>"


def brief(one: Any) -> str:
    """A household in a few lines."""
    if one is None:
        return "<p>This household is not there any more.</p>"
    facts = [("Home" if len(one.homes) < 2 else "Homes", one.homes[:3]), ("Owner", one.owners[:3])]
    facts += [(words.TYPES[kind].capitalize(), values[:3]) for kind, values in one.values.items()
              if kind in ("phone", "email", "claim", "crm_id") or not one.homes]  # fmt: skip
    lines = "".join(f"<dt>{text(name)}</dt><dd>{'<br>'.join(map(text, values)) or '–'}</dd>" for name, values in facts)
    return f'<dl class="sp-facts">{lines}</dl>'


def part(title: str, shown: list[str], profile: Mapping[str, Any], when: str = "Then") -> str:
    """A household before or after a change."""
    lines = "".join(f"<li>{text(one)}</li>" for one in shown[:12])
    more = f"<li>and {len(shown) - 12:,} more</li>" if len(shown) > 12 else ""
    return f"<h5>{text(title)}</h5><ul>{lines}{more}</ul>{markup.note(f'{when}: {words.profile(profile)}.')}"


def proposal(strength: float, both: list[Any], speaks_for: list[str], against: list[str]) -> str:
    """A question: two households, and what speaks for their being one."""
    title = f"<h3>One household? {markup.badge(f'model: {100 * strength:.0f} %')}</h3>"
    said = "".join(
        f'<p class="sp-{look}"><strong>{lead}</strong> {text(", ".join(found))}.</p>'
        for look, lead, found in (("for", "For it:", speaks_for), ("against", "Against it:", against)) if found
    )  # fmt: skip
    return title + pair(brief(both[0]), brief(both[1]), "?") + f'<div class="sp-evidence-words">{said}</div>'

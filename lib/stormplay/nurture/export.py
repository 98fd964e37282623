"""The nurture list as a CSV that Mautic, and what reads the same names, imports without a mapping by hand."""

from __future__ import annotations

import re

import pandas as pd

from stormplay import exports
from stormplay.nurture.facts import Scope

_CONTACT = """
SELECT p.property_id::text, p.owner_name, p.email, p.phone, p.address, p.city, p.zip_code
  FROM properties p WHERE {which}
"""
_NAMED = 5_000

COLUMNS = ("firstname", "lastname", "email", "phone", "mobile", "address1", "city", "zipcode", "timezone", "doNotEmail",
           "tags", "stormplay_property_id", "stormplay_storm", "expected_uplift", "next_best_action", "job_status",
           "next_channel", "why_not")  # fmt: skip


def to_mautic(scope: Scope, found: pd.DataFrame, refused: pd.DataFrame, storm: str, tag: str) -> str:
    """The CSV. See `NurtureLoop.export_csv`.

    Args:
        scope: The session.
        found: Candidates that may be contacted, with time_zone and the columns of the list.
        refused: property_id and channel of every no that binds.
        storm: The storm's slug.
        tag: Written into `tags`.
    """
    ids = found["property_id"].tolist()
    which = "p.property_id = ANY (CAST(:ids AS uuid[]))" if len(ids) <= _NAMED else "true"
    read = scope.bulk(_CONTACT.format(which=which), ids=ids if len(ids) <= _NAMED else [])
    rows = found.merge(read[["property_id", "owner_name", "email", "phone", "city"]], on="property_id", how="left")
    no = {channel: rows["property_id"].isin(refused.loc[refused["channel"] == channel, "property_id"])
          for channel in ("call", "text", "email")}  # fmt: skip
    phone = rows["phone"].map(digits)
    names = rows["owner_name"].map(split_name)
    shown = pd.DataFrame({
        "firstname": [first for first, _ in names],
        "lastname": [last for _, last in names],
        "email": rows["email"].mask(no["email"]),
        "phone": phone.mask(no["call"]),
        "mobile": phone.mask(no["text"]),
        "address1": rows["address"],
        "city": rows["city"],
        "zipcode": rows["zip_code"],
        "timezone": rows["time_zone"],
        "doNotEmail": no["email"].astype(int),
        "tags": tag,
        "stormplay_property_id": rows["property_id"],
        "stormplay_storm": storm,
        "expected_uplift": rows["expected_uplift"].astype(float).round(4),
        "next_best_action": rows["next_best_action"],
        "job_status": rows["job_status"],
        "next_channel": rows["next_channel"],
        "why_not": rows["why_not"],
    }, columns=list(COLUMNS))  # fmt: skip
    return exports.to_csv(shown)


def split_name(name: object) -> tuple[str, str]:
    """First name and the rest.

    >>> split_name("Maria de la Cruz")
    ('Maria', 'de la Cruz')
    """
    words = str(name).split() if isinstance(name, str) else []
    return (words[0], " ".join(words[1:])) if words else ("", "")


def digits(phone: object) -> str | None:
    """A number of the United States with its country code, without a plus: a cell with a plus begins like a formula.

    >>> digits("(817) 555-0142")
    '18175550142'
    """
    kept = re.sub(r"\D", "", phone) if isinstance(phone, str) else ""
    if len(kept) < 7:
        return None
    return "1" + kept if len(kept) == 10 else kept

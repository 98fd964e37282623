"""Pure: what was seen together, as nodes and links.

A sighting is a record that somebody wrote: a lead form, a call, a claim, a home in the book. Its identifiers hang on
the most telling of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from stormplay.identity import normal, places
from stormplay.identity.kinds import PRIORITY, STRENGTH
from stormplay.identity.normal import Normal

SEEN_TOGETHER = "seen together"
HOMES = ["property_id", "owner_name", "address", "city", "zip_code", "phone", "email"]

Key = tuple[str, str]  # kind and value


@dataclass
class Seen:
    """Nodes and links of some sightings.

    Attributes:
        nodes: By kind and value; the first spelling is shown. In the order in which they become older or younger.
        sources: Where each node was first seen.
        links: From the more telling identifier to the other; to strength and source.
        unread: How many values were none of their kind, by kind.
    """

    nodes: dict[Key, Normal] = field(default_factory=dict)
    sources: dict[Key, str] = field(default_factory=dict)
    links: dict[tuple[Key, Key], tuple[float, str]] = field(default_factory=dict)
    unread: dict[str, int] = field(default_factory=dict)

    def add(self, found: Iterable[Normal], source: str) -> None:
        """One sighting."""
        ordered = sorted(found, key=lambda one: PRIORITY.index(one.kind))
        for one in ordered:
            self.nodes.setdefault((one.kind, one.value), one)
            self.sources.setdefault((one.kind, one.value), source)
        for other in ordered[1:]:
            ends = ((ordered[0].kind, ordered[0].value), (other.kind, other.value))
            self.links.setdefault(ends, (STRENGTH[other.kind], source))

    def miss(self, kind: str) -> None:
        """A value that was none of its kind."""
        self.unread[kind] = self.unread.get(kind, 0) + 1


def of_identifiers(written: Mapping[str, str], source: str, seen: Seen | None = None) -> Seen:
    """One sighting: kind to value as it was written.

    Raises:
        BadInput: There is no such kind.
    """
    into, found = seen or Seen(), []
    for kind, text in written.items():
        one = normal.normal(kind, text)
        if one is None:
            into.miss(kind)
        else:
            found.append(one)
    into.add(found, source)
    return into


def of_homes(homes: pd.DataFrame, source: str = "book") -> Seen:
    """Homes as sightings.

    Args:
        homes: property_id, owner_name, address, city, zip_code, phone, email; None where unknown.
        source: Where they are from.
    """
    seen = Seen()
    written = homes[HOMES].astype(object).where(homes[HOMES].notna(), None)
    for home in written.itertuples(index=False, name=None):
        _see_home(seen, home, source)
    return seen


def _see_home(seen: Seen, home: Sequence[str | None], source: str) -> None:
    property_id, owner, address, city, zip_code, phone, email = home
    where = places.address(address or "", city, zip_code)
    found = [normal.home(str(property_id), where)]
    if owner:
        found.append(normal.name_address(owner, where))
    for kind, text, read in (("phone", phone, normal.phone), ("email", email, normal.email)):
        if text:
            found.append(read(text))
            if found[-1] is None:
                seen.miss(kind)
    seen.add((one for one in found if one is not None), source)

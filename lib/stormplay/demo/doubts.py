"""Questions for the review queue: namesakes in one street, as the nightly model asks about them and does not decide.

The model itself takes a dozen seconds, so the demo asks in its place: pairs of homes whose owners have one surname and
one first name, or nearly, in one street. The model gives such pairs of this book strengths of 0.5 to 0.75; a nightly
run puts its own numbers in place of these.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pandas as pd
from sqlalchemy.engine import Connection

from stormplay import tenancy
from stormplay.identity.nights import ALIKE

STRENGTH = {"number one sign off": 0.74, "same street": 0.59}
NEARLY = 0.03  # less, where the first names are not the same

_WHERE = """
SELECT property_id::text, identifier_id::text, identity_id::text FROM identifiers
 WHERE tenant_id = :tenant_id AND property_id = ANY (CAST(:homes AS uuid[]))
"""


def propose(connection: Connection, homes: pd.DataFrame) -> int:
    """Put the questions about these homes into the queue; the graph has taken them in. Returns how many."""
    asked = pd.DataFrame(list(pairs(homes)), columns=["one_home", "other_home", "strength", "evidence"])
    known = tenancy.frame(connection, _WHERE, {"homes": [*asked["one_home"], *asked["other_home"]]})
    node = dict(zip(known["property_id"], known["identifier_id"], strict=True))
    identity = dict(zip(known["property_id"], known["identity_id"], strict=True))
    is_open = asked["one_home"].map(identity) != asked["other_home"].map(identity)
    ends = [sorted((node[one], node[other])) for one, other in
            zip(asked["one_home"][is_open], asked["other_home"][is_open], strict=True)]  # fmt: skip
    rows = asked.loc[is_open, ["strength", "evidence"]].assign(
        one_id=[one for one, _ in ends], other_id=[other for _, other in ends], rule=ALIKE
    )
    return tenancy.insert(connection, "identity_proposals", rows)


def pairs(homes: pd.DataFrame) -> Iterator[tuple[str, str, float, dict[str, str]]]:
    """Namesakes in one street: two property_ids, a strength of 0 to 1, and what agrees."""
    namesakes = defaultdict(list)
    columns = ["property_id", "owner_name", "address", "zip_code", "phone", "email"]
    for home in homes.dropna(subset=["owner_name", "zip_code"])[columns].to_dict("records"):
        street = str(home["address"]).upper().partition(" ")[2]
        namesakes[str(home["owner_name"]).rpartition(" ")[2], street, home["zip_code"]].append(home)
    for group in namesakes.values():
        for one, other in combinations(group, 2):
            evidence = _evidence(one, other)
            if evidence is not None:
                strength = STRENGTH[evidence["door"]] - (NEARLY if evidence["given"] == "nearly" else 0)
                yield str(one["property_id"]), str(other["property_id"]), round(strength, 2), evidence


def _evidence(one: dict[Any, Any], other: dict[Any, Any]) -> dict[str, str] | None:
    """What agrees, in the model's words; None where it would not ask: no namesakes, or it would decide."""
    names = [str(home["owner_name"]).rpartition(" ")[0] for home in (one, other)]
    doors = [str(home["address"]).partition(" ")[0] for home in (one, other)]
    if doors[0] == doors[1] or not is_near(*names):
        return None
    found = {"given": "same" if names[0] == names[1] else "nearly", "surname": "same",
             "door": "number one sign off" if is_near(*doors) else "same street"}  # fmt: skip
    phones, emails = (
        [home[field] for home in (one, other) if not pd.isna(home[field])] for field in ("phone", "email")
    )
    if len(phones) == 2 or (len(emails) == 2 and is_near(*map(str, emails))):
        return None  # of other telephones it thinks little, and of e-mails one sign apart it is sure
    return {**found, "email": "different"} if len(emails) == 2 else found


def is_near(one: str, other: str) -> bool:
    """Whether two words are the same, or one sign apart: changed, left out, added, or two neighbours swapped. Capital
    and small letters are alike."""
    one, other = one.lower(), other.lower()
    if abs(len(one) - len(other)) > 1:
        return False
    short, long = sorted((one, other), key=len)
    first = next((k for k in range(len(short)) if short[k] != long[k]), len(short))
    if len(short) < len(long):
        return short[first:] == long[first + 1 :]
    swapped = long[first : first + 2] == short[first : first + 2][::-1] and short[first + 2 :] == long[first + 2 :]
    return swapped or short[first + 1 :] == long[first + 1 :]

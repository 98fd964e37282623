"""What an identifier can be, how far each kind is believed, and what a belief may be used for.

The numbers are choices, each with its reason; a company may change limits and thresholds (`Rules`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from stormplay.errors import BadInput

Kind = Literal["property_id", "claim", "crm_id", "name_address", "email", "phone", "device"]
Use = Literal["show", "mail", "call"]

# Most telling first. What is seen together hangs on its most telling identifier; and where too much would come
# together, the least telling links give way first.
PRIORITY: tuple[Kind, ...] = ("property_id", "claim", "crm_id", "name_address", "email", "phone", "device")

# How far a value belongs to what it was seen with, if nobody has verified it.
STRENGTH: dict[Kind, float] = {
    "property_id": 1.0,  # it is the home
    "claim": 0.99,  # an insurer gives it to one loss of one policy
    "crm_id": 0.97,  # another system's own merges may be wrong
    "email": 0.95,
    "phone": 0.95,  # as good as a lead form: people mistype, numbers change hands
    "name_address": 0.9,  # father and son of one name
    "device": 0.6,  # a tablet goes round the family and the office
}

# Households that one value may join. Above it the value is somebody's office and joins nobody.
LIMITS: dict[Kind, int] = {
    "property_id": 1,
    "claim": 1,
    "crm_id": 4,  # an owner with rented houses
    "name_address": 1,  # it has its place in it
    "email": 4,
    "phone": 4,
    "device": 1,  # it may be shown with a home, and never joins two
}
MOST_HOUSEHOLDS = 8  # of one identity, however its links came together

MERGES_FROM = 0.5  # a weaker link is kept and shown, and joins nobody

# Strength from which on a link may be used. To show a wrong one costs a glance; to mail one tells a stranger that
# somebody had damage; to call one may break the law on unwanted calls, which counts by the call.
USES: dict[Use, float] = {"show": 0.5, "mail": 0.8, "call": 0.95}
USED_FOR: dict[Use, tuple[Kind, ...]] = {"show": PRIORITY, "mail": ("name_address", "email"), "call": ("phone",)}


def uses_of(kind: Kind | str, strength: float, joins: bool = True) -> tuple[Use, ...]:
    """What an identifier of that kind and strength may be used for; what joins nobody is shown at most elsewhere."""
    return tuple(use for use, least in USES.items() if joins and kind in USED_FOR[use] and strength >= least)


# What the nightly model may do by itself, as its probability that two records are one household.
APPLY_FROM = 0.99
REVIEW_FROM = 0.5

# Values that stand for nobody, normalised; a company adds its own. Numbers that cannot be dialled (000-000-0000)
# never become identifiers at all.
BLOCKED: dict[Kind, frozenset[str]] = {
    "email": frozenset(
        f"{name}@{host}"
        for name in ("test", "none", "noemail", "no", "na", "n.a", "unknown", "nobody", "noreply", "no-reply", "email")
        for host in ("test.com", "none.com", "noemail.com", "email.com", "na.com", "gmail.com", "example.com")
    ),
    "phone": frozenset(f"+1{area}5551212" for area in range(200, 1000)),  # directory assistance
    "crm_id": frozenset({"0", "NULL", "NONE", "N/A", "NA", "UNKNOWN", "TEST"}),
    "claim": frozenset({"0", "NULL", "NONE", "NA", "PENDING", "UNKNOWN", "TEST", "TBD"}),
    "device": frozenset({"0", "null", "none", "undefined", "00000000-0000-0000-0000-000000000000"}),
}


@dataclass(frozen=True)
class Rules:
    """What a company may choose.

    Attributes:
        limits: Households that a value of a kind may join.
        most_households: Households of one identity.
        apply_from: Probability from which on the nightly model merges by itself.
        review_from: Probability from which on it asks a person.
    """

    limits: Mapping[str, int] = field(default_factory=lambda: {str(kind): limit for kind, limit in LIMITS.items()})
    most_households: int = MOST_HOUSEHOLDS
    apply_from: float = APPLY_FROM
    review_from: float = REVIEW_FROM

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            BadInput: A limit below 1 or of an unknown kind, or thresholds out of order.
        """
        for kind, limit in self.limits.items():
            check_kind(kind)
            if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
                raise BadInput(
                    f"The limit of {kind} is {limit!r}.", "Expected a whole number of households, 1 or more."
                )
        if self.most_households < 1:
            raise BadInput(f"most_households is {self.most_households}.", "Expected 1 or more.")
        if not 0 < self.review_from <= self.apply_from <= 1:
            raise BadInput(
                f"The model applies from {self.apply_from} and asks from {self.review_from}.",
                "Expected 0 < review_from <= apply_from <= 1.",
            )

    def limit(self, kind: str) -> int:
        """Households that a value of this kind may join."""
        return self.limits.get(kind, LIMITS[check_kind(kind)])

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        return {**asdict(self), "limits": dict(self.limits)}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any] | None) -> Rules:
        """From what is kept; None: the shipped rules."""
        return cls() if kept is None else cls(**{**kept, "limits": {**LIMITS, **kept.get("limits", {})}})


def check_kind(kind: str) -> Kind:
    """The kind itself.

    Raises:
        BadInput: There is no such kind.
    """
    for known in PRIORITY:
        if kind == known:
            return known
    raise BadInput(f"There is no identifier type '{kind}'.", f"Expected one of {', '.join(PRIORITY)}.")

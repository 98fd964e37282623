"""What a visit can be, what people call it, and how long it takes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from stormplay.errors import BadInput

VisitType = Literal["knock", "inspection", "adjuster"]


@dataclass(frozen=True)
class Visit:
    """One kind of visit.

    Attributes:
        label: As people read it in a list.
        minutes: At one property.
    """

    label: str
    minutes: float


# 18-23 doors an hour and 6-8 inspections a crew-day of 8 hours are vendors' figures. The third is our assumption: an
# inspection once more, beside the insurer's adjuster, and a wait for them.
VISITS: Mapping[VisitType, Visit] = {
    "knock": Visit("Knock", 3.0),
    "inspection": Visit("Inspection", 65.0),
    "adjuster": Visit("Adjuster meeting", 90.0),
}


def check_visit(visit_type: object) -> VisitType:
    """A visit type that there is.

    Raises:
        BadInput: There is no such one.
    """
    for known in get_args(VisitType):
        if known == visit_type:
            return known  # type: ignore[no-any-return]
    names = ", ".join(f"'{name}'" for name in VISITS)
    raise BadInput(f"There is no visit type '{visit_type}'.", f"Expected one of {names}.")

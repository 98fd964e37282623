"""What a visit can be, what people call it, how long it takes, and who may be sent. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
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


def check_limit(max_per_route: object) -> int:
    """The most stops of a route, as an int.

    Raises:
        BadInput: It is not a whole number of 1 or more.
    """
    if isinstance(max_per_route, bool) or not isinstance(max_per_route, Integral) or max_per_route < 1:
        raise BadInput(
            f"max_per_route is {max_per_route!r}.",
            "Expected a whole number of stops, 1 or more.",
            "50 is a usual day of knocking.",
        )
    return int(max_per_route)


def check_crew(crew_name: object) -> str:
    """A crew's name with single spaces.

    Raises:
        BadInput: It is blank or longer than 80 signs.
    """
    name = " ".join(str(crew_name).split())
    if not 1 <= len(name) <= 80:
        raise BadInput(
            "The crew has no name." if not name else "The crew's name is too long.", "Expected 1 to 80 signs."
        )
    return name

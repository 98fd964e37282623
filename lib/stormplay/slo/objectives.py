"""What is measured, and what is promised of it unless a company says otherwise. Pure.

An event is good or bad; an objective is the share of good ones over 28 days. Refusing what cannot be done (no home to
route, an unknown company) is no failure, and what a person has stopped is no event.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from stormplay.errors import BadInput

WINDOW_DAYS = 28
LEAST_TARGET, LARGEST_TARGET = 0.5, 0.9999


@dataclass(frozen=True)
class Service:
    """One thing that is measured.

    Attributes:
        name: As in the database.
        title: As people read it.
        event: One event, in the plural.
        good: When an event is good; '{threshold}' stands for the number.
        target: Share of good events that is promised unless a company says otherwise.
        threshold: The number in `good`, in `unit`; None: there is none.
        unit: Of the threshold.
        page: The notebook to look at first.
        action: What to do where it goes wrong.
    """

    name: str
    title: str
    event: str
    good: str
    target: float
    threshold: float | None
    unit: str
    page: str
    action: str

    def rule(self, threshold: float | None) -> str:
        """When an event is good, in words."""
        return self.good.format(threshold=f"{threshold:g}" if threshold is not None else "")


@dataclass(frozen=True)
class Objective:
    """What a company is promised of one service.

    Attributes:
        service: What.
        target: Share of good events, 0.5 to 0.9999.
        threshold: In the service's unit; None where it has none.
        is_on: Whether it is measured.
    """

    service: Service
    target: float
    threshold: float | None
    is_on: bool = True

    @property
    def allowed(self) -> float:
        """Share of events that may be bad."""
        return 1.0 - self.target

    @property
    def sentence(self) -> str:
        """The objective, as people read it."""
        good = self.service.rule(self.threshold)
        return f"{percent(self.target)} of {self.service.event} {good}, over {WINDOW_DAYS} days"


_ALL = (
    Service("page_time", "Pages", "page views", "drawn whole within {threshold} s", 0.99, 5.0, "s", "storm_live",
            "Open the page and see what it waits for; 'stormplay doctor' says whether the database, memory or disk "
            "holds it up."),
    Service("route_generation", "Route generation", "plans asked for", "made", 0.99, None, "", "phase3_routes",
            "Generate the routes once more; if it fails again, the server's log has the cause."),
    Service("report_success", "Report success", "report runs", "published", 0.99, None, "", "reports",
            "Open the page Reports: each failed run says why; run it again there."),
    Service("report_freshness", "Report freshness", "looks at the reports",
            "found each of them made within {threshold} h", 0.99, 26.0, "h", "reports",
            "See on the page Reports which one is old, and whether its schedule still runs."),
    Service("data_freshness", "Data freshness", "looks at the data",
            "found nothing older than {threshold} min that the scores do not rest on", 0.99, 15.0, "min", "storm_live",
            "See whether 'stormplay stream' runs: it scores anew what its events have changed."),
    Service("stream_lag", "Stream", "looks at the stream", "found at most {threshold} events waiting", 0.995, 10_000.0,
            "events", "storm_live",
            "See whether 'stormplay stream' runs and reaches Kafka; more workers read faster (--workers)."),
)  # fmt: skip

SERVICES: Mapping[str, Service] = MappingProxyType({one.name: one for one in _ALL})


def default(service: str) -> Objective:
    """The objective of a service where a company has said nothing.

    Raises:
        BadInput: There is no such service.
    """
    one = known(service)
    return Objective(one, one.target, one.threshold)


def known(service: str) -> Service:
    """A service by its name.

    Raises:
        BadInput: There is none of that name.
    """
    if service not in SERVICES:
        raise BadInput(f"There is no service '{service}'.", f"Expected one of {', '.join(SERVICES)}.")
    return SERVICES[service]


def checked(service: str, target: float | None = None, threshold: float | None = None) -> Objective:
    """An objective from what somebody wants; None: the default.

    Raises:
        BadInput: An unknown service, a share that is none or leaves no room, a threshold where there is none.
    """
    usual = default(service)
    wanted = usual.target if target is None else float(target)
    if not (math.isfinite(wanted) and LEAST_TARGET <= wanted <= LARGEST_TARGET):
        raise BadInput(
            f"A target of {wanted:g} cannot be kept.",
            f"Expected a share from {LEAST_TARGET:g} to {LARGEST_TARGET:g}, such as 0.99.",
            "A target of 1 leaves no budget: the first bad event would break it for 28 days.",
        )
    if threshold is None:
        return Objective(usual.service, wanted, usual.threshold)
    if usual.threshold is None:
        raise BadInput(f"{usual.service.title} has no threshold.", "It is good or bad by itself; set the target alone.")
    if not (math.isfinite(threshold) and threshold > 0):
        raise BadInput(f"A threshold of {threshold:g} is none.", f"Expected more than 0 {usual.service.unit}.")
    return Objective(usual.service, wanted, float(threshold))


def percent(share: float) -> str:
    """A share as a percentage, with as many digits as it takes to tell targets apart.

    >>> percent(0.99), percent(0.995), percent(0.9999)
    ('99 %', '99.5 %', '99.99 %')
    """
    return f"{100 * share:.4f}".rstrip("0").rstrip(".") + " %"

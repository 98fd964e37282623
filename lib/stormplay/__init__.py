"""Stormplay: what a storm-restoration company does in the weeks after a hailstorm, over one multi-tenant Postgres.

Table of contents, in the order of the story:

    list_storms       the storms of a tenant
    RouteBuilder      Phase 3: treated properties in, crew routes out
    JobTracker        Phase 4: the jobs of a storm, what was said, seen and photographed
    NurtureLoop       Phase 5: whom to contact again, when, by which channel, and whom never
    experiments       did it work: the draw, lift with its interval, 'too early to say' (`Experiment`)
    AttributionEngine which channel gets how much credit, beside what was caused (`attribution.credits` is pure)
    IdentityGraph     Phase 6: which homes, calls, claims and devices are one household
    identity          how that is found out (`identity.nightly`)
    BehavioralProfileService   what a household has done with us, over all its homes and storms
    routing           pure: coordinates in, ordered routes out (`routing.solve`)
    storms            pure: hail reports, modelled swath, storm impact index
    tenancy           the only door to tenant data (`tenancy.session`, `tenancy.my_tenants`)
    errors            every error, one root

Names are loaded at their first use, so that a kernel pays for what it asks for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stormplay import attribution, errors, experiments, identity, routing, storms, tenancy
    from stormplay.attribution import AttributionEngine
    from stormplay.identity import IdentityGraph
    from stormplay.jobs import JobTracker
    from stormplay.nurture import NurtureLoop
    from stormplay.profiles import BehavioralProfileService
    from stormplay.routes import RouteBuilder, list_storms

__all__ = [
    "AttributionEngine",
    "BehavioralProfileService",
    "IdentityGraph",
    "JobTracker",
    "NurtureLoop",
    "RouteBuilder",
    "attribution",
    "errors",
    "experiments",
    "identity",
    "list_storms",
    "routing",
    "storms",
    "tenancy",
]
__version__ = "0.1.0"

_HOME = {
    "AttributionEngine": "stormplay.attribution",
    "BehavioralProfileService": "stormplay.profiles",
    "IdentityGraph": "stormplay.identity",
    "JobTracker": "stormplay.jobs",
    "NurtureLoop": "stormplay.nurture",
    "RouteBuilder": "stormplay.routes",
    "list_storms": "stormplay.routes",
}


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name in __all__:
        return import_module(f"stormplay.{name}")
    raise AttributeError(f"module 'stormplay' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)

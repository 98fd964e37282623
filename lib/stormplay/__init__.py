"""Stormplay: what a storm-restoration company does in the weeks after a hailstorm, over one multi-tenant Postgres.

Table of contents, in the order of the story:

    list_storms       the storms of a tenant
    TreatmentPolicy   who is treated, held out or skipped, and why: dry run, apply, ledger
    RouteBuilder      Phase 3: treated properties in, crew routes out
    JobTracker        Phase 4: the jobs of a storm, what was said, seen and photographed
    NurtureLoop       Phase 5: whom to contact again, when, by which channel, and whom never
    uplift            what a visit adds at each home: fit, measure, score a storm (`uplift.fit`, `UpliftScorer`)
    registry          which model made a number (`registry.ModelRegistry(tenant).trace("uplift@3")`)
    StormPlayScore    what the storm play is worth so far, 0 to 100, and the cheapest way to raise it
    calculate_storm_play_score, get_score_breakdown    the number and its components, for a storm's id
    score             pure: the formula (`score.score_components`)
    charts            frames in, Plotly charts out, offline, each with its text alternative
    experiments       did it work: the draw, lift with its interval, 'too early to say' (`Experiment`)
    policy            pure: homes and rules in, decisions out (`policy.decide`); what the next crew-day is worth
    quality           data-quality checks of a storm, each a query one can run (`quality.run`)
    IdentityGraph     Phase 6: which homes, calls, claims and devices are one household
    identity          how that is found out (`identity.nightly`)
    BehavioralProfileService   what a household has done with us, over all its homes and storms
    AttributionEngine which channel gets how much credit, beside what was caused (`attribution.credits` is pure)
    StreamDesk        a storm as it comes in: events, the homes they changed, what could not be applied
    stream_storm_updates   follow a storm: every event that the stream applies to it, as it does (async for)
    TenantHealth      whether a company is well, and if not, the next action; `health.companies_of_mine`
    billing           what a company used, what that costs, its invoices (`billing.standing(tenant)`)
    ReportDesk        the reports of a storm: how fresh each is, what was run, its files, and having one made again
    slo               what is promised of a company's services and how it stands (`slo.standing(tenant)`)
    routing           pure: coordinates in, ordered routes out (`routing.solve`)
    live              what others commit, as it happens (`live.subscribe`, and `live.Live` for a page)
    storms            pure: hail reports, modelled swath, storm impact index
    tenancy           the only door to tenant data (`tenancy.session`, `tenancy.my_tenants`)
    errors            every error, one root

Names are loaded at their first use, so that a kernel pays for what it asks for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stormplay import (
        attribution,
        billing,
        charts,
        errors,
        experiments,
        health,
        home,
        identity,
        live,
        policy,
        quality,
        registry,
        routing,
        score,
        slo,
        storms,
        tenancy,
        uplift,
    )
    from stormplay.attribution import AttributionEngine
    from stormplay.health import TenantHealth
    from stormplay.identity import IdentityGraph
    from stormplay.jobs import JobTracker
    from stormplay.nurture import NurtureLoop
    from stormplay.policy import TreatmentPolicy
    from stormplay.profiles import BehavioralProfileService
    from stormplay.reports import ReportDesk
    from stormplay.routes import RouteBuilder, list_storms
    from stormplay.score import StormPlayScore, calculate_storm_play_score, get_score_breakdown
    from stormplay.streaming import StreamDesk
    from stormplay.streaming.updates import stream_storm_updates

__all__ = [
    "AttributionEngine",
    "BehavioralProfileService",
    "IdentityGraph",
    "JobTracker",
    "NurtureLoop",
    "ReportDesk",
    "RouteBuilder",
    "StormPlayScore",
    "StreamDesk",
    "TenantHealth",
    "TreatmentPolicy",
    "attribution",
    "billing",
    "calculate_storm_play_score",
    "charts",
    "errors",
    "experiments",
    "get_score_breakdown",
    "health",
    "home",
    "identity",
    "list_storms",
    "live",
    "policy",
    "quality",
    "registry",
    "routing",
    "score",
    "slo",
    "storms",
    "stream_storm_updates",
    "tenancy",
    "uplift",
]
__version__ = "0.1.0"

_HOME = {
    "IdentityGraph": "stormplay.identity",
    "BehavioralProfileService": "stormplay.profiles",
    "AttributionEngine": "stormplay.attribution",
    "JobTracker": "stormplay.jobs",
    "NurtureLoop": "stormplay.nurture",
    "ReportDesk": "stormplay.reports",
    "RouteBuilder": "stormplay.routes",
    "TenantHealth": "stormplay.health",
    "TreatmentPolicy": "stormplay.policy",
    "StormPlayScore": "stormplay.score",
    "StreamDesk": "stormplay.streaming",
    "calculate_storm_play_score": "stormplay.score",
    "get_score_breakdown": "stormplay.score",
    "list_storms": "stormplay.routes",
    "stream_storm_updates": "stormplay.streaming.updates",
}


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name in __all__:
        return import_module(f"stormplay.{name}")
    raise AttributeError(f"module 'stormplay' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)

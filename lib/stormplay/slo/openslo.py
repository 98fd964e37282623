"""A company's objectives as OpenSLO v1, so that other tools can read what is promised. Pure.

One document each: the services, their objectives with the indicator in them, and the alert policies with their
conditions. OpenSLO has one look-back window a condition; a pair of windows is two conditions of one policy, both of
which must hold. An indicator's query is what `/metrics` serves (see docs/SLO.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from stormplay.slo.burn import RULES, Rule
from stormplay.slo.objectives import WINDOW_DAYS, Objective

API = "openslo/v1"
_DURATION = {"5 min": "5m", "30 min": "30m", "1 h": "1h", "6 h": "6h", "3 days": "3d", "28 days": "4w"}
_OWN = "stormplay.dev"


def to_openslo(tenant: str, company: str, objectives: Iterable[Objective]) -> list[dict[str, Any]]:
    """The documents, in an order in which each names only what stands before it.

    Args:
        tenant: The company's slug.
        company: Its name.
        objectives: What is promised; those that are switched off are left out.
    """
    promised = [one for one in objectives if one.is_on]
    found = [_document("Service", tenant, company, {"description": f"What Stormplay does for {company}."})]
    found += [condition for rule in RULES for condition in _conditions(rule)]
    found += [_policy(rule) for rule in RULES]
    found += [_slo(tenant, one) for one in promised]
    return found


def to_yaml(documents: Iterable[dict[str, Any]]) -> str:
    """The documents as one YAML stream."""
    import yaml  # noqa: PLC0415 - for an export alone

    return str(yaml.safe_dump_all(documents, sort_keys=False, explicit_start=True, allow_unicode=True, width=110))


def _document(kind: str, name: str, title: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": API,
        "kind": kind,
        "metadata": {"name": _name(name), "displayName": title[:63].strip()},
        "spec": spec,
    }


def _slo(tenant: str, objective: Objective) -> dict[str, Any]:
    service = objective.service
    name = f"{tenant}-{service.name}"
    ratio = {"counter": False, "good": _metric(service.name, "good"), "total": _metric(service.name, "total")}
    made = _document("SLO", name, f"{service.title} of {tenant}", {
        "description": f"{objective.sentence}.",
        "service": _name(tenant),
        "indicator": {
            "metadata": {"name": _name(f"{name}-ratio"), "displayName": service.title},
            "spec": {"description": f"Share of {service.event} {service.rule(objective.threshold)}.",
                     "ratioMetric": ratio},
        },
        "timeWindow": [{"duration": "4w", "isRolling": True}],
        "budgetingMethod": "Occurrences",
        "objectives": [{"displayName": objective.sentence, "target": round(objective.target, 6)}],
        "alertPolicies": [{"alertPolicyRef": _policy_name(rule)} for rule in RULES],
    })  # fmt: skip
    if objective.threshold is not None:
        notes = {f"{_OWN}/threshold": f"{objective.threshold:g}", f"{_OWN}/unit": service.unit}
        made["metadata"]["annotations"] = notes
    assert f"{WINDOW_DAYS // 7}w" == "4w"  # noqa: S101 - the window that the budgets look back over
    return made


def _metric(service: str, which: str) -> dict[str, Any]:
    query = f'stormplay_slo_window_events{{service="{service}",window="28d",events="{which}"}}'
    return {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}


def _conditions(rule: Rule) -> Iterator[dict[str, Any]]:
    for window in (rule.long, rule.short):
        yield _document("AlertCondition", _condition_name(rule, window), f"Budget {rule.factor:g}x over {window}", {
            "description": f"The error budget goes {rule.factor:g} times as fast as allowed over {window}.",
            "severity": rule.severity,
            "condition": {"kind": "burnrate", "op": "gte", "threshold": rule.factor,
                          "lookbackWindow": _DURATION[window], "alertAfter": "0m"},
        })  # fmt: skip


def _policy(rule: Rule) -> dict[str, Any]:
    return _document("AlertPolicy", _policy_name(rule), f"Budget {rule.name}", {
        "description": "Alerts where the burn rates of both windows reach the factor.",
        "alertWhenNoData": False,
        "alertWhenResolved": True,
        "alertWhenBreaching": True,
        "conditions": [{"conditionRef": _condition_name(rule, window)} for window in (rule.long, rule.short)],
        "notificationTargets": [],
    })  # fmt: skip


def _policy_name(rule: Rule) -> str:
    return _name(f"burn-{rule.factor:g}x")


def _condition_name(rule: Rule, window: str) -> str:
    return _name(f"burn-{rule.factor:g}x-{_DURATION[window]}")


def _name(said: str) -> str:
    """A name as OpenSLO wants it: that of a DNS label."""
    return re.sub(r"[^a-z0-9-]+", "-", said.lower()).strip("-")[:63].strip("-")

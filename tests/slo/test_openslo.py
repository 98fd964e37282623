"""The export reads as OpenSLO v1: its documents, their names and references, checked against a schema of the spec."""

from __future__ import annotations

import jsonschema
import yaml

from stormplay.slo import RULES, SERVICES, Objective, to_openslo
from stormplay.slo.objectives import default
from stormplay.slo.openslo import to_yaml

NAME = {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"}
SPAN = {"type": "string", "pattern": "^[1-9][0-9]*[mhdwMQY]$|^0m$"}
SOURCE = {
    "type": "object", "required": ["metricSource"], "additionalProperties": False,
    "properties": {"metricSource": {
        "type": "object", "required": ["type", "spec"],
        "properties": {"type": {"type": "string"}, "spec": {"type": "object"}}}},
}  # fmt: skip
SPECS = {
    "Service": {"type": "object", "properties": {"description": {"type": "string", "maxLength": 1050}},
                "additionalProperties": False},
    "SLO": {
        "type": "object", "additionalProperties": False,
        "required": ["service", "indicator", "timeWindow", "budgetingMethod", "objectives"],
        "properties": {
            "description": {"type": "string", "maxLength": 1050},
            "service": NAME,
            "indicator": {
                "type": "object", "required": ["metadata", "spec"],
                "properties": {
                    "metadata": {"type": "object", "required": ["name"], "properties": {"name": NAME}},
                    "spec": {
                        "type": "object", "required": ["ratioMetric"], "additionalProperties": False,
                        "properties": {
                            "description": {"type": "string"},
                            "ratioMetric": {
                                "type": "object", "required": ["counter", "good", "total"],
                                "additionalProperties": False,
                                "properties": {"counter": {"type": "boolean"}, "good": SOURCE, "total": SOURCE}}}}}},
            "timeWindow": {"type": "array", "minItems": 1, "maxItems": 1, "items": {
                "type": "object", "required": ["duration", "isRolling"],
                "properties": {"duration": SPAN, "isRolling": {"const": True}}}},
            "budgetingMethod": {"enum": ["Occurrences", "Timeslices", "RatioTimeslices"]},
            "objectives": {"type": "array", "minItems": 1, "items": {
                "type": "object", "required": ["target"],
                "properties": {"displayName": {"type": "string"},
                               "target": {"type": "number", "minimum": 0, "exclusiveMaximum": 1}}}},
            "alertPolicies": {"type": "array", "items": {
                "type": "object", "required": ["alertPolicyRef"], "properties": {"alertPolicyRef": NAME}}},
        }},
    "AlertPolicy": {
        "type": "object", "required": ["conditions"], "additionalProperties": False,
        "properties": {
            "description": {"type": "string"},
            "alertWhenNoData": {"type": "boolean"}, "alertWhenResolved": {"type": "boolean"},
            "alertWhenBreaching": {"type": "boolean"},
            "conditions": {"type": "array", "minItems": 1, "items": {
                "type": "object", "required": ["conditionRef"], "properties": {"conditionRef": NAME}}},
            "notificationTargets": {"type": "array"},
        }},
    "AlertCondition": {
        "type": "object", "required": ["severity", "condition"], "additionalProperties": False,
        "properties": {
            "description": {"type": "string"}, "severity": {"type": "string"},
            "condition": {
                "type": "object", "required": ["kind", "op", "threshold", "lookbackWindow", "alertAfter"],
                "properties": {"kind": {"const": "burnrate"}, "op": {"enum": ["lte", "gte", "lt", "gt"]},
                               "threshold": {"type": "number"}, "lookbackWindow": SPAN, "alertAfter": SPAN}},
        }},
}  # fmt: skip


def schema(kind):
    return {
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": False,
        "properties": {
            "apiVersion": {"const": "openslo/v1"},
            "kind": {"const": kind},
            "metadata": {
                "type": "object", "required": ["name"],
                "properties": {"name": NAME, "displayName": {"type": "string", "maxLength": 63},
                               "annotations": {"type": "object", "additionalProperties": {"type": "string"}}}},
            "spec": SPECS[kind],
        },
    }  # fmt: skip


def read(objectives):
    return list(yaml.safe_load_all(to_yaml(to_openslo("lone-star", "Lone Star Roofing – & Söhne", objectives))))


def test_the_export_is_openslo_v1():
    documents = read([default(name) for name in SERVICES])
    for one in documents:
        jsonschema.validate(one, schema(one["kind"]), cls=jsonschema.Draft202012Validator)
    kinds = [one["kind"] for one in documents]
    assert kinds.count("SLO") == len(SERVICES) and kinds.count("AlertPolicy") == len(RULES)
    assert kinds.count("AlertCondition") == 2 * len(RULES) and kinds.count("Service") == 1


def test_each_reference_leads_to_a_document_before_it():
    known: dict[str, set[str]] = {}
    for one in read([default(name) for name in SERVICES]):
        spec = one["spec"]
        if one["kind"] == "SLO":
            assert spec["service"] in known["Service"]
            assert {ref["alertPolicyRef"] for ref in spec["alertPolicies"]} == known["AlertPolicy"]
        if one["kind"] == "AlertPolicy":
            assert {ref["conditionRef"] for ref in spec["conditions"]} <= known["AlertCondition"]
        names = known.setdefault(one["kind"], set())
        assert one["metadata"]["name"] not in names
        names.add(one["metadata"]["name"])


def test_it_says_what_the_company_promised():
    own = Objective(SERVICES["page_time"], 0.999, 3.0)
    documents = read([own, Objective(SERVICES["stream_lag"], 0.995, 10_000.0, is_on=False)])
    (slo,) = [one for one in documents if one["kind"] == "SLO"]
    assert slo["spec"]["objectives"][0]["target"] == 0.999
    assert slo["metadata"]["annotations"] == {"stormplay.dev/threshold": "3", "stormplay.dev/unit": "s"}
    factors = {one["spec"]["condition"]["threshold"] for one in documents if one["kind"] == "AlertCondition"}
    assert factors == {14.4, 6.0, 1.0}

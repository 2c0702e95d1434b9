"""The report against the schema that describes it, by the few words of JSON Schema that it uses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from CardiacCompletionLib import HeartCompleter
from CardiacCompletionLib.anatomy.heart import Heart
from CardiacCompletionLib.completion.result import REPORT_VERSION
from CardiacCompletionLib.resources import resource_path

SCHEMA = json.loads(resource_path("Report", "report.schema.json").read_text(encoding="utf-8"))
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "null": type(None)}
KNOWN = {
    "$schema",
    "title",
    "description",
    "type",
    "required",
    "additionalProperties",
    "properties",
    "items",
    "const",
    "enum",
    "minimum",
    "minItems",
    "maxItems",
}


def is_of_type(value: Any, name: str) -> bool:
    if name == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, TYPES[name]) and not (name == "integer" and isinstance(value, bool))


def faults(value: Any, schema: dict, place: str = "report") -> list[str]:
    """What in a value is not as its schema says."""
    assert schema.keys() <= KNOWN, f"this test does not know {schema.keys() - KNOWN}"
    found = []
    names = schema.get("type", [])
    if names and not any(is_of_type(value, name) for name in ([names] if isinstance(names, str) else names)):
        return [f"{place} is no {names}"]
    if "const" in schema and value != schema["const"]:
        found.append(f"{place} is not {schema['const']}")
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{place} is none of {schema['enum']}")
    if "minimum" in schema and value is not None and value < schema["minimum"]:
        found.append(f"{place} is below {schema['minimum']}")
    if isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            found.append(f"{place} has {len(value)} items")
        for number, item in enumerate(value):
            found += faults(item, schema.get("items", {}), f"{place}[{number}]")
    if isinstance(value, dict):
        properties, others = schema.get("properties", {}), schema.get("additionalProperties", {})
        found += [f"{place}.{name} is missing" for name in schema.get("required", []) if name not in value]
        for name, item in value.items():
            if name not in properties and others is False:
                found.append(f"{place}.{name} is not described")
            else:
                found += faults(item, properties.get(name, others), f"{place}.{name}")
    return found


@pytest.fixture(scope="module")
def report(completer: HeartCompleter, sample: Heart) -> dict:
    trusted = ("myocardium", "left_ventricle", "right_ventricle", "left_atrium")
    result = completer.complete(sample, trusted, spacing=4.0, cut={"left_atrium": True})
    return json.loads(json.dumps(result.report()))


def test_a_report_is_as_its_schema_says(report: dict) -> None:
    assert faults(report, SCHEMA) == []
    assert report["report_version"] == REPORT_VERSION == SCHEMA["properties"]["report_version"]["const"]


def test_a_report_tells_what_was_found(report: dict) -> None:
    rows = {row["key"]: row for row in report["structures"]}
    assert rows["left_atrium"]["cut"]
    assert rows["right_atrium"]["origin"] == "inferred"
    contacts = {tuple(row["between"]): row["touch"] for row in report["contacts"]}
    assert contacts[("left_ventricle", "myocardium")]
    assert 0 < report["unlikeness"] < 1
    assert {"surfaces", "fields", "composition"} <= report["timings_s"].keys()


@pytest.mark.parametrize(
    ("path", "value"),
    [(("report_version",), 1), (("structures", 0, "volume_ml"), -1.0), (("contacts", 0, "touch"), 1), (("more",), 0)],
)
def test_a_report_of_another_form_is_noticed(report: dict, path: tuple, value: object) -> None:
    wrong = json.loads(json.dumps(report))
    place = wrong
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert faults(wrong, SCHEMA)

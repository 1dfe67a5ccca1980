"""Every expanded resource of every template against Azure's published types.

The types are an excerpt in lab/arm/types; where a copy of the published ones is at hand, the
excerpt must be what is made of it (tests/arm/published.py).
"""

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.testing.templates import FOLDER, KINDS, OWN, Check, Fault
from tests.arm.expanded import Expanded, everything
from tests.arm.published import ROOT, SETTING, MissingTypeError, directory, excerpts, used

# Where a type says nothing of names, by the reason: there a renamed property passes.
ANY_NAME = {
    "tags are the installation's own": r"tags\.[^.]+",
    "parameters are the nested template's": r"properties\.parameters\.[^.]+",
    "values are the nested template's": r"properties\.parameters\.[^.]+\.value\..+",
    "the keys are identities": r"identity\.userAssignedIdentities\..+",
}
# Where it says nothing of values.
ANY_VALUE = {
    "values are the nested template's": r"properties\.parameters\.[^.]+\.value(\..+)?",
    "a template has a language of its own": r"properties\.template",
}


def faults(resource: Expanded, body: dict[str, Any] | None = None) -> list[Fault]:
    """Case counts here: a template is written as the types are."""
    kind = KINDS[resource.type.lower()]
    assert resource.version in kind.types, f"no type {resource.type}@{resource.version}"
    check = Check(kind.types[resource.version], kind.rules.open)
    name = resource.name.rpartition("/")[2]
    return list(check.faults({"name": name, **(resource.body if body is None else body)}))


def test_every_expanded_resource_is_as_its_type(record_property: Callable[..., None]) -> None:
    wrong = [
        f"{resource.origin}: {resource.type} {resource.name}: {fault.message}"
        for resource in everything()
        for fault in faults(resource)
    ]
    assert wrong == []
    types = {f"{resource.type}@{resource.version}".lower() for resource in everything()}
    record_property("types", f"{len(everything())} resources of {len(types)} types")


def test_every_resource_of_a_template_was_expanded() -> None:
    """No condition and no loop keeps a resource from being looked at."""
    made = {f"{resource.type}@{resource.version}" for resource in everything()}
    brought = {"Microsoft.Web/sites/functions@2025-03-01"}
    assert made == set(used())
    assert brought <= made


def written(template: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Type and path of each property that stands in a template, those of nested ones too."""
    for resource in template.get("resources", []):
        body = {key: value for key, value in resource.items() if key not in OWN}
        nested = {name: body.get("properties", {}).pop(name, {}) for name in NESTED}
        paths = (shown(keys) for keys in keys_of(unrolled(body)))
        yield from ((resource["type"], path) for path in paths if "[" not in path)
        yield from written(nested["template"])


def unrolled(value: Any) -> Any:
    """With one item for each property loop."""
    if isinstance(value, list):
        return [unrolled(item) for item in value]
    if not isinstance(value, dict):
        return value
    loops = value.get("copy", [])
    found = {key: unrolled(item) for key, item in value.items() if key != "copy"}
    return found | {loop["name"]: [unrolled(loop["input"])] for loop in loops}


def test_every_property_of_a_template_was_expanded() -> None:
    """No spec and no parameter is missing that gives a property its value."""
    there = {
        place
        for path in sorted(ROOT.glob("arm/**/*.json"))
        for place in written(json.loads(path.read_text(encoding="utf-8")))
    }
    assert len(there) > 300
    assert there - set(places()) == set()


def test_a_type_that_is_missing_has_a_name(tmp_path: Path) -> None:
    with pytest.raises(MissingTypeError, match=r"microsoft\.compute/disks@2026-03-02"):
        excerpts(tmp_path, used())


def test_the_excerpt_is_what_is_published(record_property: Callable[..., None]) -> None:
    """Otherwise: .venv/bin/python -m tests.arm.published"""
    source = directory()
    if source is None:
        record_property("types", f"NOT COMPARED with the published ones: {SETTING} names no copy")
        return
    made = excerpts(source, used())
    assert made == {p.name: p.read_text(encoding="utf-8") for p in FOLDER.glob("*.json")}
    record_property("types", f"compared with {source}")


# What a nested deployment has in place of properties: its template, or the file that has it.
NESTED = ("template", "templateLink")

type Keys = tuple[str | int, ...]


def keys_of(value: Any, path: Keys = ()) -> Iterator[Keys]:
    """Where each property of a body stands."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*path, key)
            yield from keys_of(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from keys_of(item, (*path, index))


def shown(keys: Keys) -> str:
    return ".".join("*" if isinstance(key, int) else key for key in keys)


def places() -> dict[tuple[str, str], tuple[Expanded, Keys]]:
    """One resource for each property of each type, by the property's path. The resources of a
    nested template are expanded by themselves."""
    found: dict[tuple[str, str], tuple[Expanded, Keys]] = {}
    for resource in everything():
        for keys in keys_of(resource.body):
            if keys[:2] != ("properties", "template") or len(keys) == 2:
                found.setdefault((resource.type, shown(keys)), (resource, keys))
    return found


def changed(body: dict[str, Any], keys: Keys, change: Callable[[Any, Any], None]) -> dict[str, Any]:
    found = copy.deepcopy(body)
    holder: Any = found
    for key in keys[:-1]:
        holder = holder[key]
    change(holder, keys[-1])
    return found


def rename(holder: Any, key: str) -> None:
    holder[f"{key}X"] = holder.pop(key)


def retype(holder: Any, key: str) -> None:
    holder[key] = {"x": 1} if not isinstance(holder[key], dict) else "x"


def unnoticed(change: Callable[[Any, Any], None]) -> set[tuple[str, str]]:
    return {
        (kind, path)
        for (kind, path), (resource, keys) in places().items()
        if not faults(resource, changed(resource.body, keys, change))
    }


def open_places(patterns: dict[str, str]) -> set[tuple[str, str]]:
    """Each pattern has one at least: a reason that nothing needs any more is removed."""
    found = {
        why: {(kind, path) for kind, path in places() if re.fullmatch(pattern, path)}
        for why, pattern in patterns.items()
    }
    assert all(found.values()), found
    return set().union(*found.values())


def test_a_renamed_property_is_noticed_everywhere_but_in_open_maps(
    record_property: Callable[..., None],
) -> None:
    left = unnoticed(rename)
    assert left == open_places(ANY_NAME)
    every = len(places())
    record_property("types", f"{every - len(left)} of {every} renamed properties noticed")


def test_a_value_of_another_type_is_noticed_everywhere_but_in_open_maps() -> None:
    assert unnoticed(retype) == open_places(ANY_VALUE)


def first(kind: str) -> Expanded:
    return next(one for one in everything() if one.type == kind)


def put(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    *parts, last = path.split(".")

    def change(body: dict[str, Any]) -> None:
        holder: Any = body
        for part in parts:
            holder = holder[int(part) if part.isdigit() else part]
        holder[last] = value

    return change


def take(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda body: body.pop(name)


ACCOUNT, ALERT = "Microsoft.Storage/storageAccounts", "Microsoft.Insights/metricAlerts"
BREAKS = [
    (ACCOUNT, take("kind"), "Required property 'kind'"),
    (ACCOUNT, put("name", "Upper-case"), "does not match"),
    (ACCOUNT, put("name", "ab"), "is less than 3"),
    (ACCOUNT, put("properties.primaryEndpoints", {}), "is read-only"),
    (ACCOUNT, put("properties.minimumTlsVersion", "TLS1_9"), "Allowed values are"),
    (ACCOUNT, put("sku", []), "into an object"),
    (ALERT, put("properties.criteria.odata", 1), "Could not find member"),
    (ALERT, put("properties.severity", "high"), "System.Int32"),
    (ALERT, put("properties.enabled", 1), "System.Boolean"),
    (ALERT, put("properties.scopes", "x"), "into a list"),
    ("Microsoft.OperationalInsights/workspaces", put("properties.retentionInDays", True), "Int32"),
    ("Microsoft.DurableTask/schedulers/taskHubs", put("name", "a b"), "does not match"),
]


@pytest.mark.parametrize(("kind", "change", "message"), BREAKS)
def test_each_kind_of_fault_is_found(
    kind: str, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    body = copy.deepcopy(first(kind).body)
    change(body)
    assert any(message in fault.message for fault in faults(first(kind), body))


def test_a_variant_is_chosen_by_its_discriminator() -> None:
    alert = first(ALERT)
    body = copy.deepcopy(alert.body)
    body["properties"]["criteria"]["odata.type"] = "Microsoft.Azure.Monitor.Nothing"
    assert "none of the kinds" in faults(alert, body)[0].message

"""A template and its parameters turned into concrete resources, in ARM's order of checks."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from lab.arm.errors import invalid_template
from lab.arm.scope import NotYet, Scope

LIMITS = {"parameters": 256, "variables": 256, "outputs": 64}
MAX_RESOURCES, MAX_COPY, MAX_BYTES = 800, 800, 4 * 1024 * 1024
SECTIONS = {
    "$schema", "contentVersion", "metadata", "parameters", "variables", "functions", "resources",
    "outputs", "languageVersion",
}  # fmt: skip
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "securestring": (str,),
    "int": (int,),
    "bool": (bool,),
    "array": (list,),
    "object": (dict,),
    "secureobject": (dict,),
}


def later(target: str, full: bool) -> Any:
    """Stands for a reference while nothing is deployed."""
    del target, full
    raise NotYet


@dataclass
class Concrete:
    """One resource with everything evaluated that can be before it is deployed."""

    id: str
    type: str
    name: str
    api_version: str
    body: dict[str, Any]
    depends_on: list[str] = field(default_factory=list[str])


@dataclass
class Evaluation:
    resources: list[Concrete]
    outputs: Callable[[Callable[[str, bool], Any]], dict[str, Any]]
    parameters: dict[str, Any]


def evaluate(
    template: dict[str, Any],
    parameters: dict[str, Any],
    *,
    group: str,
    location: str,
    subscription: str,
    deployment: str = "deployment",
) -> Evaluation:
    """Raises ArmError (InvalidTemplate) as ARM's validation would."""
    _check_shape(template, parameters)
    values = _parameters(template.get("parameters") or {}, parameters)
    scope = Scope(subscription, group, location, deployment, values)
    values = {
        k: scope.value(v) if v is None or k not in parameters else v for k, v in values.items()
    }
    scope = replace(scope, parameters=values)
    variables: dict[str, Any] = {}
    lazy = {
        name: _lazy(raw, variables, scope)
        for name, raw in (template.get("variables") or {}).items()
    }
    variables.update(lazy)
    scope = replace(scope, variables=variables, reference=later)
    resources: list[Concrete] = []
    groups: dict[str, list[str]] = {}
    skipped: set[str] = set()
    for raw in template.get("resources") or []:
        _expand(raw, scope, resources, groups, skipped)
    if len(resources) > MAX_RESOURCES:
        raise invalid_template(f"{len(resources)} resources; at most {MAX_RESOURCES}")
    _resolve_dependencies(resources, groups, skipped, scope)

    def outputs(reference: Callable[[str, bool], Any]) -> dict[str, Any]:
        found = replace(scope, reference=reference)
        return {
            name: {"type": raw["type"].capitalize(), "value": found.value(raw["value"])}
            for name, raw in (template.get("outputs") or {}).items()
        }

    return Evaluation(resources, outputs, values)


def _check_shape(template: dict[str, Any], parameters: dict[str, Any]) -> None:
    if "$schema" not in template or "contentVersion" not in template:
        raise invalid_template("'$schema' and 'contentVersion' are required")
    unknown = set(template) - SECTIONS
    if unknown:
        raise invalid_template(f"unknown section '{min(unknown)}'")
    for section, limit in LIMITS.items():
        if len(template.get(section) or {}) > limit:
            raise invalid_template(f"more than {limit} {section}")
    if len(json.dumps(template)) > MAX_BYTES or len(json.dumps(parameters)) > MAX_BYTES:
        raise invalid_template("template or parameters over 4 MB")


def _parameters(declared: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    known = {name.lower(): name for name in declared}
    extra = [name for name in given if name.lower() not in known]
    if extra:
        raise invalid_template(
            f"The following parameters were supplied, but do not correspond to any parameters "
            f"defined in the template: '{', '.join(extra)}'"
        )
    values: dict[str, Any] = {}
    by_name = {name.lower(): item for name, item in given.items()}
    for name, rule in declared.items():
        item = by_name.get(name.lower())
        if item is None or "value" not in item:
            if "defaultValue" not in rule:
                raise invalid_template(
                    f"The value for the template parameter '{name}' is not provided"
                )
            values[name] = rule["defaultValue"]
            continue
        values[name] = item["value"]
        _check_parameter(name, rule, item["value"])
    return values


def _check_parameter(name: str, rule: dict[str, Any], value: Any) -> None:
    kind = str(rule.get("type", "")).lower()
    if kind not in TYPES:
        raise invalid_template(f"parameter '{name}' has the unknown type '{rule.get('type')}'")
    if not isinstance(value, TYPES[kind]) or (kind == "int" and isinstance(value, bool)):
        raise invalid_template(f"parameter '{name}' is not of type {rule['type']}")
    if "allowedValues" in rule and value not in rule["allowedValues"]:
        raise invalid_template(
            f"The provided value for the template parameter '{name}' is not valid. The value "
            f"'{value}' is not part of the allowed value(s): '{rule['allowedValues']}'"
        )
    size = value if kind == "int" else len(value) if hasattr(value, "__len__") else 0
    low, high = ("minValue", "maxValue") if kind == "int" else ("minLength", "maxLength")
    if size < rule.get(low, size) or size > rule.get(high, size):
        raise invalid_template(f"parameter '{name}' is outside of its {low} and {high}")


def _lazy(raw: Any, variables: dict[str, Any], scope: Scope) -> Callable[[], Any]:
    """Variables refer to each other in any order; each is evaluated once."""
    state: dict[str, Any] = {}

    def get() -> Any:
        if "value" not in state:
            if state.get("busy"):
                raise invalid_template("variables refer to each other in a circle")
            state["busy"] = True
            state["value"] = replace(scope, variables=variables).value(raw)
        return state["value"]

    return get


def _expand(
    raw: dict[str, Any],
    scope: Scope,
    found: list[Concrete],
    groups: dict[str, list[str]],
    skipped: set[str],
) -> None:
    copy = raw.get("copy")
    if not copy:
        _add(raw, scope, found, skipped)
        return
    count = scope.value(copy["count"])
    if not isinstance(count, int) or not 0 <= count <= MAX_COPY:
        raise invalid_template(f"copy '{copy['name']}' counts {count}; 0 to {MAX_COPY} are allowed")
    ids: list[str] = []
    for index in range(count):
        concrete = _add(raw, scope.in_copy(copy["name"], index), found, skipped)
        if concrete:
            serial = str(copy.get("mode", "")).lower() == "serial"
            if serial and len(ids) >= int(copy.get("batchSize", 1)):
                concrete.depends_on.append(ids[-int(copy.get("batchSize", 1))])
            ids.append(concrete.id)
    groups[copy["name"].lower()] = ids


def _add(
    raw: dict[str, Any], scope: Scope, found: list[Concrete], skipped: set[str]
) -> Concrete | None:
    for key in ("type", "apiVersion", "name"):
        if key not in raw:
            raise invalid_template(f"a resource lacks '{key}'")
    name, kind = str(scope.value(raw["name"])), str(raw["type"])
    if kind.lower() == "microsoft.resources/resourcegroups":
        identity = f"/subscriptions/{scope.subscription}/resourceGroups/{name}"
    else:
        group = scope.value(raw.get("resourceGroup") or scope.group)
        identity = scope.resource_id(kind, *name.split("/"), group=str(group))
    if not scope.value(raw.get("condition", True)):
        skipped.add(identity.lower())
        return None
    nested = kind.lower() == "microsoft.resources/deployments"
    skip = {"type", "apiVersion", "name", "copy", "condition", "dependsOn", "comments"}
    rest = {key: value for key, value in raw.items() if key not in skip}
    body = rest if nested else scope.value(rest)
    if identity.lower() in {c.id.lower() for c in found}:
        raise invalid_template(f"the resource '{identity}' is defined twice")
    depends = [str(scope.value(item)) for item in raw.get("dependsOn") or []]
    concrete = Concrete(identity, kind, name, str(raw["apiVersion"]), _pruned(body), depends)
    found.append(concrete)
    return concrete


def _pruned(value: Any) -> Any:
    """ARM takes null as absent."""
    if isinstance(value, dict):
        return {k: _pruned(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_pruned(item) for item in value]
    return value


def _resolve_dependencies(
    resources: list[Concrete], groups: dict[str, list[str]], skipped: set[str], scope: Scope
) -> None:
    ids = {c.id.lower(): c for c in resources}
    names = {c.name.lower(): c.id for c in resources}
    for concrete in resources:
        resolved: list[str] = []
        for item in concrete.depends_on:
            key = item.lower()
            full = key if key.startswith("/") else _full(key, scope)
            # ARM takes both forms of a group's id.
            full = full.replace(
                "/providers/microsoft.resources/resourcegroups/", "/resourcegroups/"
            )
            if full in ids:
                resolved.append(full)
            elif key in groups:
                resolved += [i.lower() for i in groups[key]]
            elif key in names:
                resolved.append(names[key].lower())
            elif full not in skipped:
                raise invalid_template(
                    f"The resource '{item}' is not defined in the template, and '{concrete.name}' "
                    "depends on it"
                )
        concrete.depends_on = resolved
    _refuse_circles(ids)


def _full(key: str, scope: Scope) -> str:
    """`Microsoft.X/y/name` as a dependency."""
    parts = key.split("/")
    if len(parts) < 3:
        return key
    root = f"/subscriptions/{scope.subscription}/resourceGroups/{scope.group}"
    if parts[:2] == ["microsoft.resources", "resourcegroups"]:
        return f"/subscriptions/{scope.subscription}/resourcegroups/{parts[2]}".lower()
    return f"{root}/providers/{key}".lower()


def _refuse_circles(ids: dict[str, Concrete]) -> None:
    done: set[str] = set()
    for start in ids:
        stack: list[tuple[str, bool]] = [(start, False)]
        path: set[str] = set()
        while stack:
            node, leaving = stack.pop()
            if leaving:
                path.discard(node)
                done.add(node)
            elif node in path:
                raise invalid_template(f"Circular dependency detected on resource: '{node}'")
            elif node not in done:
                path.add(node)
                stack.append((node, True))
                stack += [(other, False) for other in ids[node].depends_on]

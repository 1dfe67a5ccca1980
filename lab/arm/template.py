"""Converts a template and its parameters to concrete resources, with checks in the same order as
ARM's."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lab.arm import parameters as parameter_rules
from lab.arm.concrete import Concrete
from lab.arm.dependencies import resolve_dependencies
from lab.arm.errors import ArmError, ExpressionError, invalid_at, invalid_template
from lab.arm.inspection import inspect
from lab.arm.parameters import TYPES, lazy
from lab.arm.resources import unroll
from lab.arm.scope import NotYet, Pending, Place, Reference, Scope, is_loops

__all__ = ["Concrete", "Evaluation", "evaluate"]

LIMITS = {"parameters": 256, "variables": 256, "outputs": 64}
MAX_BYTES = 4 * 1024 * 1024
SECTIONS = {
    "$schema", "contentVersion", "metadata", "parameters", "variables", "resources", "outputs",
    "apiProfile",
}  # fmt: skip
NOT_HERE = {"functions", "languageVersion", "definitions", "imports", "extensions"}


@dataclass
class Evaluation:
    """The result of `evaluate`. `outputs` evaluates the template's outputs with the given
    `reference` function."""

    resources: list[Concrete]
    outputs: Callable[[Reference], dict[str, Any]]
    parameters: dict[str, Any]


def evaluate(
    template: dict[str, Any],
    parameters: dict[str, Any],
    *,
    group: str,
    location: str,
    subscription: str,
    deployment: str = "deployment",
    tags: Mapping[str, str] | None = None,
) -> Evaluation:
    """Evaluates a template without reading or deploying any resource. `group` is empty for a
    deployment of the subscription.

    Raises:
        ArmError: InvalidTemplate, as ARM's validation does.
    """
    _check_shape(template, parameters)
    inspect(template)
    place = Place(subscription, group, location, deployment, tags or {})
    scope = Scope(place, {})
    values = parameter_rules.resolve(template.get("parameters") or {}, parameters, scope)
    scope = replace(scope, parameters=values)
    scope = replace(scope, variables=_variables(template.get("variables") or {}, scope))
    found = unroll(template, scope)
    resolve_dependencies(found.resources, found.loops, found.skipped, subscription)
    _check_size(found.resources)
    outputs = template.get("outputs") or {}
    evaluation = Evaluation(
        found.resources, lambda reference: _outputs(outputs, scope, reference), values
    )
    _outputs(outputs, scope, _later)  # reports at once the errors that need no deployed resource
    return evaluation


def _later(target: str, full: bool) -> Any:
    del target, full
    raise NotYet


def _check_shape(template: dict[str, Any], parameters: dict[str, Any]) -> None:
    if not isinstance(template, dict) or not isinstance(parameters, dict):
        raise ArmError(400, "InvalidRequestContent", "The request content was invalid.")
    for part, name in ((template, "template"), (parameters, "parameters")):
        if len(json.dumps(part)) > MAX_BYTES:
            raise ArmError(
                413, "RequestContentTooLarge",
                f"The {name} exceed the maximum size of '{MAX_BYTES}' bytes.",
            )  # fmt: skip
    for key in ("$schema", "contentVersion", "resources"):
        if key not in template:
            raise invalid_template(f"Required property '{key}' not found in JSON. Path ''")
    for name in sorted(set(template) - SECTIONS):
        if name in NOT_HERE:
            raise invalid_template(f"The stand-in does not take the template section '{name}'")
        raise invalid_template(
            f"Could not find member '{name}' on object of type 'Template'. Path '{name}'"
        )
    for section, limit in LIMITS.items():
        count = len(template.get(section) or {})
        if count > limit:
            raise invalid_template(
                f"The number of template {section} limit exceeded. Limit: '{limit}' and actual: "
                f"'{count}'"
            )


def _check_size(resources: list[Concrete]) -> None:
    size = sum(len(json.dumps(concrete.body, default=str)) for concrete in resources)
    if size > MAX_BYTES:
        raise ArmError(
            400, "JobSizeExceeded",
            f"The template with its loops unrolled takes '{size}' bytes; at most '{MAX_BYTES}'.",
        )  # fmt: skip


def _variables(section: dict[str, Any], scope: Scope) -> dict[str, Any]:
    """Returns the variables as lazy values. They may refer to each other in any order; each is
    evaluated once, on first use."""
    found: dict[str, Any] = {}
    inner = replace(scope, variables=found)
    loops: Any = section.get("copy")
    for name, raw in section.items():
        if name == "copy" and is_loops(loops):
            continue
        found[name] = lazy(f"variable '{name}'", lambda raw=raw: inner.value(raw))
    for loop in loops if is_loops(loops) else []:
        name = loop["name"]
        found[name] = lazy(
            f"variable '{name}'", lambda loop=loop, name=name: inner.loops([loop])[name]
        )
    return found


def _outputs(section: dict[str, Any], scope: Scope, reference: Reference) -> dict[str, Any]:
    """Returns the template's outputs. Raises ArmError (InvalidTemplate)."""
    inner = replace(scope, reference=reference)
    found: dict[str, Any] = {}
    for name, raw in section.items():
        try:
            if not inner.value(raw.get("condition", True)):
                continue
            found[name] = _output(name, raw, inner)
        except ExpressionError as error:
            raise invalid_at("output", name, f"outputs.{name}", error) from None
    return found


def _output(name: str, raw: dict[str, Any], scope: Scope) -> dict[str, Any]:
    kind = str(raw.get("type", "")).lower()
    if kind not in TYPES:
        raise ExpressionError(f"The output '{name}' has no valid type")
    title, python = TYPES[kind]
    if "copy" in raw:
        loop = raw["copy"]
        count = scope.count(loop)
        value: Any = [scope.in_copy("", index).value(loop["input"]) for index in range(count)]
    elif "value" in raw:
        value = scope.inside("value", raw["value"])
    else:
        raise ExpressionError(f"The output '{name}' has neither a value nor a copy")
    if not isinstance(value, Pending) and type(value) is not python:
        raise ExpressionError(
            f"The template output '{name}' is not valid: expected a value of type '{title}'"
        )
    return {"type": title} if kind.startswith("secure") else {"type": title, "value": value}

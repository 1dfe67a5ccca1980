"""Checks that need no evaluation: unknown functions and wrong numbers of arguments."""

from collections.abc import Iterator
from typing import Any

from lab.arm.errors import ExpressionError, invalid_at, invalid_template
from lab.arm.expressions import Call, calls, is_expression, parse
from lab.arm.functions import FUNCTIONS, NOT_HERE, Function
from lab.arm.scope import SPECIAL

NESTED = "microsoft.resources/deployments"


def inspect(template: dict[str, Any]) -> None:
    """Raises ArmError (InvalidTemplate) for the first expression that ARM would reject."""
    parameters, variables = template.get("parameters") or {}, template.get("variables") or {}
    outputs = template.get("outputs") or {}
    for name, rule in parameters.items():
        _inspect(
            "parameter", name, f"parameters.{name}", {"defaultValue": rule.get("defaultValue")}
        )
    for name, raw in variables.items():
        _inspect("variable", name, f"variables.{name}", raw)
    resources(template.get("resources") or [], "resources")
    for name, raw in outputs.items():
        _inspect("output", name, f"outputs.{name}", raw)


def resources(found: Any, path: str) -> None:
    if not isinstance(found, list):
        raise invalid_template(
            "The stand-in takes resources as a list; symbolic names (languageVersion 2.0) are not "
            "supported here"
        )
    for index, raw in enumerate(found):
        place = f"{path}[{index}]"
        if not isinstance(raw, dict):
            raise invalid_template(f"The template resource at '{place}' is not an object")
        for key in ("type", "apiVersion", "name"):
            if key not in raw:
                raise invalid_template(
                    f"The template resource at '{place}' is missing the required property '{key}'"
                )
        own = {key: value for key, value in raw.items() if key != "resources"}
        if str(raw["type"]).lower() == NESTED:
            own["properties"] = without_template(raw)
        _inspect("resource", str(raw["name"]), place, own)
        resources(raw.get("resources") or [], f"{place}.resources")


def without_template(raw: dict[str, Any]) -> dict[str, Any]:
    """Returns a nested deployment's properties without its template, which has its own scope and is
    inspected with that."""
    return {k: v for k, v in (raw.get("properties") or {}).items() if k != "template"}


def _inspect(what: str, name: str, path: str, value: Any) -> None:
    for place, text in _expressions(value):
        try:
            for call in calls(parse(text)):
                _check_call(call)
        except ExpressionError as error:
            raise invalid_at(what, name, path + place, error) from None


def _expressions(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if is_expression(value):
            yield path, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _expressions(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            if key != "metadata":
                yield from _expressions(item, f"{path}.{key}")


def _check_call(call: Call) -> None:
    name = call.name.lower()
    if name in NOT_HERE:
        raise ExpressionError(f"The stand-in does not evaluate the function '{call.name}'")
    if name in SPECIAL:
        found = Function(lambda: None, *SPECIAL[name])
    elif name in FUNCTIONS:
        found = FUNCTIONS[name]
    else:
        raise ExpressionError(f"The template function '{call.name}' is not valid")
    if not found.takes(len(call.arguments)):
        raise ExpressionError(
            f"Unable to evaluate template language function '{call.name}': function requires "
            f"{found.wanted} argument(s) while '{len(call.arguments)}' were provided"
        )

"""A template's parameters: declarations, given values and checks. Defaults may use other
parameters."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from lab.arm.errors import ArmError, ExpressionError, invalid_at, invalid_template
from lab.arm.functions.values import kind as kind_of_value
from lab.arm.scope import Pending, Scope

TYPES: dict[str, tuple[str, type]] = {
    "string": ("String", str),
    "securestring": ("SecureString", str),
    "int": ("Int", int),
    "bool": ("Bool", bool),
    "array": ("Array", list),
    "object": ("Object", dict),
    "secureobject": ("SecureObject", dict),
}
SECURE = ("securestring", "secureobject")
LENGTHS = ("minLength", "maxLength")
VALUES = ("minValue", "maxValue")
ALLOWED_IN_RULE = {
    "type", "defaultValue", "allowedValues", "metadata", "nullable", *LENGTHS, *VALUES,
}  # fmt: skip


@dataclass(frozen=True)
class Lazy:
    """A value that is computed once, on first use. Raises ExpressionError if the computation uses
    the value itself."""

    what: str
    compute: Callable[[], Any]
    state: dict[str, Any]

    def __call__(self) -> Any:
        if "value" not in self.state:
            if "busy" in self.state:
                raise ExpressionError(f"Circular reference of {self.what}")
            self.state["busy"] = True
            try:
                self.state["value"] = self.compute()
            finally:
                del self.state["busy"]
        return self.state["value"]


def lazy(what: str, compute: Callable[[], Any]) -> Lazy:
    return Lazy(what, compute, {})


def type_name(rule: dict[str, Any]) -> str:
    """Returns the type in the service's spelling, such as SecureString for securestring."""
    return TYPES[str(rule["type"]).lower()][0]


def is_secure(rule: dict[str, Any]) -> bool:
    return str(rule["type"]).lower() in SECURE


def resolve(declared: dict[str, Any], given: dict[str, Any], scope: Scope) -> dict[str, Any]:
    """Returns the parameters' values by declared name.

    Raises:
        ArmError: InvalidTemplate, in ARM's wording.
    """
    _check_rules(declared)
    _refuse_extra(declared, given)
    by_name = {name.lower(): item for name, item in given.items()}
    values: dict[str, Any] = {}
    for name, rule in declared.items():
        item = by_name.get(name.lower())
        if isinstance(item, dict) and item.get("value") is not None:
            _check(name, rule, item["value"])
            values[name] = item["value"]
        elif isinstance(item, dict) and "reference" in item:
            raise invalid_template(
                f"The stand-in does not read parameter '{name}' from a key vault reference"
            )
        elif rule.get("defaultValue") is not None:
            raw = rule["defaultValue"]
            values[name] = lazy(
                f"parameter '{name}'",
                lambda raw=raw: replace(scope, parameters=values).value(raw),
            )
        elif rule.get("nullable"):
            values[name] = None
        else:
            raise invalid_template(
                f"The value for the template parameter '{name}' is not provided. Please see "
                "https://aka.ms/arm-create-parameter-file for usage details"
            )
    return {name: _settled(name, declared[name], value) for name, value in values.items()}


def _settled(name: str, rule: dict[str, Any], value: Any) -> Any:
    if not isinstance(value, Lazy):
        return value
    try:
        found = value()
    except ExpressionError as error:
        place = f"parameters.{name}.defaultValue"
        raise invalid_at("parameter", name, place, error) from None
    _check(name, rule, found)
    return found


def _check_rules(declared: dict[str, Any]) -> None:
    for name, rule in declared.items():
        if not isinstance(rule, dict) or str(rule.get("type", "")).lower() not in TYPES:
            raise invalid_template(
                f"The template parameter '{name}' has no valid type; expected one of "
                f"'{', '.join(TYPES)}'"
            )
        unknown = set(rule) - ALLOWED_IN_RULE
        if unknown:
            raise invalid_template(
                f"Could not find member '{min(unknown)}' on object of type 'TemplateInputParameter'"
                f". Path 'parameters.{name}.{min(unknown)}'"
            )


def _refuse_extra(declared: dict[str, Any], given: dict[str, Any]) -> None:
    known = {name.lower() for name in declared}
    extra = [name for name in given if name.lower() not in known]
    if extra:
        raise invalid_template(
            f"The template parameters '{', '.join(extra)}' in the parameters file are not valid; "
            "they are not present in the original template and can therefore not be provided at "
            f"deployment time. The only supported parameters for this template are "
            f"'{', '.join(declared)}'"
        )


def _check(name: str, rule: dict[str, Any], value: Any) -> None:
    if isinstance(value, Pending):
        return
    wanted, python = TYPES[str(rule["type"]).lower()]
    if type(value) is not python:
        raise _refused(name, f"Expected a value of type '{wanted}', but received a value of type "
                             f"'{kind_of_value(value)}'")  # fmt: skip
    allowed = rule.get("allowedValues")
    if allowed is not None and not _is_allowed(value, allowed):
        shown = "given" if is_secure(rule) else f"'{value}'"
        raise _refused(name, f"The value {shown} is not part of the allowed value(s): "
                             f"'{','.join(map(str, allowed))}'")  # fmt: skip
    if python is bool or wanted.endswith("Object"):
        return
    size, (low, high) = (value, VALUES) if python is int else (len(value), LENGTHS)
    for bound, wrong in ((low, size < rule.get(low, size)), (high, size > rule.get(high, size))):
        if wrong:
            raise _refused(name, f"'{size}' does not keep the {bound} of '{rule[bound]}'")


def _is_allowed(value: Any, allowed: list[Any]) -> bool:
    if isinstance(value, list) and value not in allowed:
        return all(item in allowed for item in value)
    return value in allowed


def _refused(name: str, why: str) -> ArmError:
    return invalid_template(
        f"The provided value for the template parameter '{name}' is not valid. {why}"
    )

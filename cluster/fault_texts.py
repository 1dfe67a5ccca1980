"""Describes the errors of pydantic as faults of a spec: in the words of YAML and JSON, not of
Python."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, cast, get_args

from pydantic import BaseModel

from cluster.faults import Fault
from cluster.forms import RULES
from cluster.spec import ClusterSpec
from cluster.trust import CREDENTIALS_RULE

type Place = Sequence[int | str]

_SCHEMA = "see GET /api/schema, or 'slipway schema'"
_WRONG_TYPES = {
    "bool_type": "should be true or false",
    "dict_type": "should be a mapping",
    "int_from_float": "should be a whole number",
    "int_type": "should be a whole number",
    "list_type": "should be a list",
    "model_attributes_type": "should be a mapping",
    "model_type": "should be a mapping",
    "string_type": "should be text",
    "tuple_type": "should be a list",
}
# Errors of limits: the name of the limit in the error's context, and the rule in words.
_LIMITS = {
    "greater_than_equal": ("ge", "at least {}"),
    "less_than_equal": ("le", "at most {}"),
    "string_too_long": ("max_length", "at most {} characters"),
    "too_long": ("max_length", "at most {} items"),
    "too_short": ("min_length", "at least {} items"),
}


def path_of(place: Place) -> str:
    """Returns the path in the notation of faults: `workers[0].count`. A mapping's refused key is
    the last part itself."""
    path = ""
    for part in place:
        if part != "[key]":  # pydantic's mark behind the key
            path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.lstrip(".")


def fault_of(error: Mapping[str, Any]) -> Fault:
    """Returns the fault of one of pydantic's errors, which has its input."""
    kind, place = str(error["type"]), cast("Place", error["loc"])
    if kind == "extra_forbidden":
        return _unknown_field(place)
    context = cast("dict[str, Any]", error.get("ctx") or {})
    allowed, given = str(context.get("expected") or ""), error.get("input")
    message = str(context.get("error", error["msg"]))
    if kind == "missing":
        message = "is required"
    elif kind == "string_pattern_mismatch":
        message, allowed = "has another form", RULES.get(str(context["pattern"]), _SCHEMA)
    elif kind == "literal_error":
        message = _not_in_list(given, allowed)
    elif kind in _WRONG_TYPES:
        message = _wrong_type(kind, given)
    elif kind in _LIMITS:
        limit, rule = _LIMITS[kind]
        verb = "be" if limit in ("ge", "le") else "have"
        message = f"should {verb} {rule}".format(context[limit])
    return Fault(path=path_of(place), message=message, allowed=allowed)


def _wrong_type(kind: str, given: object) -> str:
    text = _WRONG_TYPES[kind]
    if given is None:
        return f"has no value; {text}, or be left out"
    if kind == "string_type" and isinstance(given, bool | int | float):
        # YAML 1.1 reads `no` as false and 1.10 as a number.
        return (
            f"{text}, and is a {'truth value' if isinstance(given, bool) else 'number'}: quote it"
        )
    if isinstance(given, str) and kind != "string_type":
        return f"{text}, and is text"
    return text


def _not_in_list(given: object, allowed: str) -> str:
    if isinstance(given, bool | int | float) and "'" in allowed:
        return f"should be the text {allowed}: quote it"
    if isinstance(given, str) and "'" in allowed:
        known = [word.strip("'") for word in allowed.replace(" or ", ", ").split(", ")]
        return f"should be {allowed}{_meant(given, known)}"
    return f"should be {allowed}"


def _unknown_field(place: Place) -> Fault:
    path, name = path_of(place), str(place[-1])
    known = fields_at(place[:-1])
    allowed = ", ".join(known) or _SCHEMA
    if path.startswith("registries["):
        allowed = CREDENTIALS_RULE
    return Fault(
        path=path, message=f"is not a field of the spec{_meant(name, known)}", allowed=allowed
    )


def _meant(name: str, known: Iterable[str]) -> str:
    """Returns a question that names the closest of the known names; empty if none is close."""
    by_folded = {folded(one): one for one in known}
    close = get_close_matches(folded(name[:80]), by_folded, n=1)
    return f"; did you mean '{by_folded[close[0]]}'?" if close else ""


def folded(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def fields_at(place: Place) -> list[str]:
    """Returns the names of the fields that the spec has at a place; none if it has no fields."""
    model: type[BaseModel] | None = ClusterSpec
    for part in place:
        if isinstance(part, int):
            continue
        fields = model.model_fields if model else {}
        found = [field for name, field in fields.items() if part in (name, field.alias)]
        model = _model_in(found[0].annotation) if found else None
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_model_in(part) for part in get_args(annotation))
    return next((model for model in inner if model), None)

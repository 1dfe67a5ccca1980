"""Checks a resource's body against its published type.

ARM ignores case in names and in enumeration values, so a body is first converted to the type's
spelling.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lab.arm.errors import ArmError
from lab.arm.functions.values import find_key
from lab.arm.resource_types import Form, ResourceType
from lab.arm.scope import Pending

SCALARS: dict[str, tuple[type, str]] = {
    "text": (str, "System.String"),
    "number": (int, "System.Int32"),
    "flag": (bool, "System.Boolean"),
}


@dataclass(frozen=True)
class Fault:
    path: str
    message: str


class Check:
    """Finds all faults of a body.

    It is stricter than the type in two ways. An object with listed properties accepts no others. An
    enumeration accepts only its listed values, except at the paths in `open_words`: the published
    types declare as open many enumerations that are closed in the service.
    """

    def __init__(self, of: ResourceType, open_words: tuple[str, ...] = ()) -> None:
        self._forms, self._body, self._open_words = of.forms, of.body, open_words
        self._name = of.name.rpartition("/")[2]

    def faults(self, body: dict[str, Any]) -> Iterator[Fault]:
        return self._faults(self._body, body, self._name, "")

    def _faults(self, place: int, value: Any, owner: str, path: str) -> Iterator[Fault]:
        form = self._forms[place]
        if isinstance(value, Pending) or form["kind"] == "any":
            return
        match form["kind"]:
            case "object":
                yield from self._of_object(form, value, owner, path)
            case "variant":
                yield from self._of_variant(form, value, owner, path)
            case "list":
                yield from self._of_list(form, value, owner, path)
            case "word":
                yield from self._of_word(form, value, path)
            case kind:
                wanted, title = SCALARS[kind]
                if type(value) is not wanted:
                    why = f"Error converting value '{value}' to type '{title}'. Path '{path}'"
                    yield Fault(path, why)
                else:
                    yield from _bounds(form, value, path)

    def _of_object(self, form: Form, value: Any, owner: str, path: str) -> Iterator[Fault]:
        if not isinstance(value, dict):
            yield Fault(path, f"Cannot deserialize the value into an object. Path '{path}'")
            return
        for name in form.get("required", []):
            if name not in value:
                place = _under(path, name)
                yield Fault(place, f"Required property '{name}' not found in JSON. Path '{place}'")
        known = form.get("properties", {})
        for key, item in value.items():
            place = _under(path, key)
            if key in form.get("readOnly", []):
                yield Fault(place, f"The property '{key}' is read-only. Path '{place}'")
            elif key in known:
                yield from self._faults(known[key], item, key[0].upper() + key[1:], place)
            elif "others" in form and not known:
                yield from self._faults(form["others"], item, key, place)
            else:
                why = f"Could not find member '{key}' on object of type '{owner}'. Path '{place}'"
                yield Fault(place, why)

    def _of_variant(self, form: Form, value: Any, owner: str, path: str) -> Iterator[Fault]:
        if not isinstance(value, dict):
            yield Fault(path, f"Cannot deserialize the value into an object. Path '{path}'")
            return
        chosen = chosen_variant(self._forms, form, value)
        if chosen is None:
            by, variants = form.get("by", ""), ", ".join(form.get("variants", {}))
            place = _under(path, by)
            why = f"'{value.get(by)}' of '{place}' is none of the kinds '{variants}'"
            yield Fault(place, why)
            return
        yield from self._of_object(chosen, value, owner, path)

    def _of_list(self, form: Form, value: Any, owner: str, path: str) -> Iterator[Fault]:
        if not isinstance(value, list):
            yield Fault(path, f"Cannot deserialize the value into a list. Path '{path}'")
            return
        yield from _bounds(form, value, path)
        for index, item in enumerate(value):
            yield from self._faults(form.get("of", 0), item, owner, f"{path}[{index}]")

    def _of_word(self, form: Form, value: Any, path: str) -> Iterator[Fault]:
        words = form.get("words", [])
        if value in words:
            return
        if isinstance(value, str) and form.get("open") and path in self._open_words:
            return
        allowed = ", ".join(words)
        why = f"Error converting value '{value}' of '{path}'. Allowed values are '{allowed}'"
        yield Fault(path, why)


def chosen_variant(forms: list[Form], form: Form, value: dict[str, Any]) -> Form | None:
    """Returns the object form that the value's discriminator selects, merged with the properties
    that all variants have. Returns None if there is none."""
    variants = form.get("variants", {})
    word = value.get(form.get("by", ""))
    if not isinstance(word, str) or word not in variants:
        return None
    own = forms[variants[word]]
    return {
        **own,
        "properties": {**form.get("properties", {}), **own.get("properties", {})},
        "required": [*form.get("required", []), *own.get("required", [])],
        "readOnly": [*form.get("readOnly", []), *own.get("readOnly", [])],
    }


def canonical(of: ResourceType, body: dict[str, Any]) -> dict[str, Any]:
    """Returns the body with names and values in the type's spelling. Unknown names stay
    unchanged."""
    return _canonical(of.forms, of.body, body)


def _canonical(forms: list[Form], place: int, value: Any) -> Any:
    form = forms[place]
    match form["kind"]:
        case "list" if isinstance(value, list):
            return [_canonical(forms, form.get("of", 0), item) for item in value]
        case "word" if isinstance(value, str):
            return _word(form.get("words", []), value)
        case "object" if isinstance(value, dict):
            return _canonical_object(forms, form, value)
        case "variant" if isinstance(value, dict):
            by = form.get("by", "")
            key = find_key(value, by)
            if key is None or not isinstance(value[key], str):
                return value
            named = {**value, by: _word(list(form.get("variants", {})), value[key])}
            chosen = chosen_variant(forms, form, named)
            return value if chosen is None else _canonical_object(forms, chosen, value)
        case _:
            return value


def _canonical_object(forms: list[Form], form: Form, value: dict[str, Any]) -> dict[str, Any]:
    known = form.get("properties", {})
    names = {name.lower(): name for name in (*known, *form.get("readOnly", []))}
    found: dict[str, Any] = {}
    for key, item in value.items():
        name = names.get(key.lower(), key)
        place = known.get(name, form.get("others") if name not in known else None)
        found[name] = item if place is None else _canonical(forms, place, item)
    return found


def _word(words: list[str], value: str) -> str:
    return next((word for word in words if word.lower() == value.lower()), value)


def _bounds(form: Form, value: str | int | list[Any], path: str) -> Iterator[Fault]:
    what, size = ("value", value) if isinstance(value, int) else ("length", len(value))
    if "least" in form and size < form["least"]:
        yield Fault(path, f"The {what} {size} of '{path}' is less than {form['least']}")
    if "most" in form and size > form["most"]:
        yield Fault(path, f"The {what} {size} of '{path}' is more than {form['most']}")
    if "pattern" in form and not re.search(form["pattern"], str(value)):
        yield Fault(path, f"'{value}' of '{path}' does not match '{form['pattern']}'")


def _under(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def malformed(message: str) -> ArmError:
    return ArmError(
        400,
        "InvalidRequestFormat",
        "Cannot parse the request.",
        [{"code": "InvalidJson", "message": f"{message}."}],
    )

"""Azure's published resource types, limited to those that the templates use: the files in `types/`.

A file holds the types of one provider in one API version. Its list `types` holds each form once; a
number in a form is the index of another form in that list.
"""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

FOLDER = Path(__file__).with_name("types")
SUBSCRIPTION, EXTENSION = 4, 16


class Form(TypedDict):
    """The form of a value.

    `least` and `most` are the bounds of a number, or of the length of a string or list. `open`
    means that the service may know more values than `words`. An object with `others` accepts
    unlisted keys. In a `variant`, the property that `by` names selects the object.
    """

    kind: Literal["any", "flag", "list", "number", "object", "text", "variant", "word"]
    least: NotRequired[int]
    most: NotRequired[int]
    pattern: NotRequired[str]
    words: NotRequired[list[str]]
    open: NotRequired[bool]
    of: NotRequired[int]
    properties: NotRequired[dict[str, int]]
    required: NotRequired[list[str]]
    readOnly: NotRequired[list[str]]
    others: NotRequired[int]
    by: NotRequired[str]
    variants: NotRequired[dict[str, int]]


@dataclass(frozen=True)
class ResourceType:
    """A resource type in one API version. `scopes` are flags for where a resource of the type can
    be created."""

    name: str
    version: str
    forms: list[Form]
    body: int
    scopes: int

    @property
    def located(self) -> bool:
        """Whether a resource of the type has a location and tags. Child and extension resources
        have none."""
        return self.has("location")

    def has(self, name: str) -> bool:
        """Returns whether the resource itself has a property of that name, ignoring case."""
        body = self.forms[self.body]
        forms = [body, *(self.forms[place] for place in body.get("variants", {}).values())]
        known = (each for form in forms for each in _names(form))
        return name.lower() in {each.lower() for each in known}

    @property
    def of_subscription(self) -> bool:
        return bool(self.scopes & SUBSCRIPTION)

    @property
    def extension(self) -> bool:
        return bool(self.scopes & EXTENSION)


def _names(form: Form) -> list[str]:
    return [*form.get("properties", {}), *form.get("readOnly", [])]


def load(folder: Path = FOLDER) -> dict[str, dict[str, ResourceType]]:
    """Returns the resource types by name in lower case, then by API version."""
    found: defaultdict[str, dict[str, ResourceType]] = defaultdict(dict)
    for path in sorted(folder.glob("*.json")):
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = path.stem.partition("@")[2]
        for name, place in document["resources"].items():
            made = ResourceType(name, version, document["types"], place["body"], place["scopes"])
            found[name.lower()][version] = made
    return dict(found)

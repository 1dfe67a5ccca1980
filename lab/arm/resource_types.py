"""Azure's published resource types, as far as the templates use them: the files in `types/`.

A file holds one provider's types in one API version. Its list `types` holds each form once; a
number in a form is another's place in that list.
"""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

FOLDER = Path(__file__).with_name("types")
SUBSCRIPTION, EXTENSION = 4, 16


class Form(TypedDict):
    """`least` and `most` are bounds: of a number, of a text's or a list's length. The words of a
    word are `open` where the service may know more of them. An object takes other keys where it has
    `others`. A variant is the object that its property `by` names."""

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
    """`scopes` are flags of where a resource of the type can be put."""

    name: str
    version: str
    forms: list[Form]
    body: int
    scopes: int

    @property
    def located(self) -> bool:
        """Whether it has a location and tags, and is no part or extension of something else."""
        return self.has("location")

    def has(self, name: str) -> bool:
        """Whether the resource itself has a property of that name, in any case."""
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
    """By the type's name in lower case, then by API version."""
    found: defaultdict[str, dict[str, ResourceType]] = defaultdict(dict)
    for path in sorted(folder.glob("*.json")):
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = path.stem.partition("@")[2]
        for name, place in document["resources"].items():
            made = ResourceType(name, version, document["types"], place["body"], place["scopes"])
            found[name.lower()][version] = made
    return dict(found)

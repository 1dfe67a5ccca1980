"""The published types that the templates use, taken from a copy of Azure/bicep-types-az.

Usage: .venv/bin/python -m tests.arm.published [DIRECTORY], after a template got a new type or API
version: writes lab/arm/types. The directory is a checkout of that repository, or one with its files
beside each other, named FOLDER-PROVIDER@VERSION.json; without it, the one that
SLIPWAY_AZURE_TYPES names, or ../shared/azure-types. Only structure is taken: names, flags, words,
bounds and patterns of what can be written, and no description.
"""

import json
import os
import shutil
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab.testing.templates import FOLDER

ROOT = Path(__file__).resolve().parents[2]
SETTING = "SLIPWAY_AZURE_TYPES"
USUAL = ROOT.parent / "shared" / "azure-types"
# Properties that no template has but the stand-in receives: those of a deployed package.
MORE = ("Microsoft.Web/sites/functions@2025-03-01",)
REQUIRED, READ_ONLY = 1, 2
SCALARS = {
    "AnyType": "any",
    "BooleanType": "flag",
    "IntegerType": "number",
    "StringType": "text",
}
BOUNDS = {
    "minLength": "least",
    "minValue": "least",
    "maxLength": "most",
    "maxValue": "most",
    "pattern": "pattern",
}

type Element = dict[str, Any]


class MissingTypeError(Exception):
    """A type or version that the templates use and the directory does not have."""


def directory() -> Path | None:
    """Where the published types are on this machine."""
    named = os.environ.get(SETTING)
    if named:
        return Path(named)
    return USUAL if USUAL.is_dir() else None


def used() -> list[str]:
    """`Type@version` of each resource in the templates, nested ones included."""
    found = set(MORE)
    for path in sorted((ROOT / "arm").rglob("*.json")):
        found |= set(_resources(json.loads(path.read_text(encoding="utf-8"))))
    return sorted(found)


def _resources(template: dict[str, Any]) -> Iterator[str]:
    for resource in template.get("resources", []):
        yield f"{resource['type']}@{resource['apiVersion']}"
        yield from _resources(resource.get("properties", {}).get("template") or {})


class Excerpt:
    """One file of `lab/arm/types`: some resource types, with all that can be written in them. Some
    providers' types are in several files of the source."""

    def __init__(self) -> None:
        self._elements: list[Element] = []
        self._places: dict[int, int] = {}
        self.types: list[Element] = []
        self.resources: dict[str, dict[str, int]] = {}

    def take(self, elements: list[Element], kinds: set[str]) -> None:
        """Adds each resource type whose name in lower case is among the kinds."""
        self._elements, self._places = elements, {}
        for element in elements:
            name = str(element.get("name", "")).partition("@")[0]
            if element["$type"] == "ResourceType" and name.lower() in kinds:
                body = self._place(element["body"])
                self.resources[name] = {"body": body, "scopes": element["writableScopes"]}

    def text(self) -> str:
        """A line for each type, so that a change shows as one."""
        lines = ",\n".join(json.dumps(each) for each in self.types)
        resources = json.dumps(self.resources, indent=1)
        return f'{{"resources": {resources},\n"types": [\n{lines}\n]}}\n'

    def _place(self, reference: dict[str, str]) -> int:
        index = _index(reference)
        if index not in self._places:
            self._places[index] = len(self.types)
            self.types.append({})
            self.types[self._places[index]] = self._form(self._elements[index])
        return self._places[index]

    def _form(self, element: Element) -> Element:
        kind = element["$type"]
        if kind in SCALARS:
            return {"kind": SCALARS[kind], **_bounds(element)}
        match kind:
            case "StringLiteralType":
                return {"kind": "word", "words": [element["value"]]}
            case "UnionType":
                return self._union(element)
            case "ArrayType":
                return {"kind": "list", "of": self._place(element["itemType"]), **_bounds(element)}
            case "ObjectType":
                return {"kind": "object", **self._properties(element["properties"], element)}
            case "DiscriminatedObjectType":
                return {
                    "kind": "variant",
                    "by": element["discriminator"],
                    **self._properties(element["baseProperties"], {}),
                    "variants": {
                        word: self._place(form) for word, form in element["elements"].items()
                    },
                }
            case _:
                raise NotImplementedError(f"an element of type {kind}")

    def _union(self, element: Element) -> Element:
        each = [self._elements[_index(reference)] for reference in element["elements"]]
        words = [one["value"] for one in each if one["$type"] == "StringLiteralType"]
        others = [one["$type"] for one in each if one["$type"] != "StringLiteralType"]
        if set(others) - {"StringType"}:
            raise NotImplementedError(f"a union with {', '.join(sorted(set(others)))}")
        return {"kind": "word", "words": words, **({"open": True} if others else {})}

    def _properties(self, properties: dict[str, Element], element: Element) -> Element:
        written = {n: p for n, p in properties.items() if not p["flags"] & READ_ONLY}
        found: Element = {"properties": {n: self._place(p["type"]) for n, p in written.items()}}
        if required := [name for name, p in written.items() if p["flags"] & REQUIRED]:
            found["required"] = required
        if read := [name for name in properties if name not in written]:
            found["readOnly"] = read
        if "additionalProperties" in element:
            found["others"] = self._place(element["additionalProperties"])
        return found


def _index(reference: dict[str, str]) -> int:
    return int(reference["$ref"].removeprefix("#/"))


def _bounds(element: Element) -> Element:
    return {BOUNDS[key]: value for key, value in element.items() if key in BOUNDS}


def excerpts(source: Path, wanted: list[str]) -> dict[str, str]:
    """Name to text of each file that holds the wanted types.

    Raises:
        MissingTypeError: with the names of all types that the source does not have.
    """
    by_file: defaultdict[str, set[str]] = defaultdict(set)
    for name in wanted:
        kind, _, version = name.lower().partition("@")
        by_file[f"{kind.partition('/')[0]}@{version}"].add(kind)
    found: dict[str, str] = {}
    missing: list[str] = []
    for stem, kinds in sorted(by_file.items()):
        excerpt = Excerpt()
        for path in _files(source, stem):
            excerpt.take(json.loads(path.read_text(encoding="utf-8")), kinds)
        found[f"{stem}.json"] = excerpt.text()
        there = {name.lower() for name in excerpt.resources}
        missing += [f"{kind}@{stem.partition('@')[2]}" for kind in sorted(kinds - there)]
    if missing:
        raise MissingTypeError(f"{source} does not have {', '.join(missing)}")
    return found


def _files(source: Path, stem: str) -> list[Path]:
    provider, _, version = stem.partition("@")
    flat = sorted(source.glob(f"*-{stem}.json"))
    return flat or sorted(source.glob(f"generated/*/{provider}/{version}/types.json"))


def main() -> None:
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else directory()
    if source is None:
        sys.exit(f"name a copy of Azure/bicep-types-az, as an argument or by {SETTING}")
    try:
        found = excerpts(source, used())
    except MissingTypeError as error:
        sys.exit(str(error))
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    shutil.rmtree(FOLDER)
    FOLDER.mkdir()
    for name, text in {**found, "README.md": readme}.items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

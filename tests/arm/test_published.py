"""What is taken from a copy of Azure/bicep-types-az, by a small one."""

import json
from pathlib import Path
from typing import Any

import pytest

from lab.testing.templates import Check, Fault, canonical, load
from tests.arm.published import MissingTypeError, excerpts

SEEN, REQUIRED = 2, 1


def at(index: int) -> dict[str, str]:
    return {"$ref": f"#/{index}"}


def property_of(index: int, flags: int = 0) -> dict[str, Any]:
    return {"type": at(index), "flags": flags, "description": "a text of somebody's"}


ELEMENTS: list[dict[str, Any]] = [
    {"$type": "StringType", "minLength": 2, "pattern": "^[a-z]+$"},
    {"$type": "StringLiteralType", "value": "Small"},
    {"$type": "StringLiteralType", "value": "Large"},
    {"$type": "UnionType", "elements": [at(1), at(2), at(0)]},
    {"$type": "ObjectType", "name": "Tags", "properties": {}, "additionalProperties": at(0)},
    {"$type": "IntegerType", "minValue": 1, "maxValue": 3},
    {"$type": "ArrayType", "itemType": at(5), "maxLength": 2},
    {
        "$type": "DiscriminatedObjectType",
        "name": "Plan",
        "discriminator": "kind",
        "baseProperties": {"note": property_of(0)},
        "elements": {"Small": at(8), "Large": at(9)},
    },
    {"$type": "ObjectType", "name": "S", "properties": {"kind": property_of(1, REQUIRED)}},
    {
        "$type": "ObjectType",
        "name": "L",
        "properties": {"kind": property_of(2, REQUIRED), "counts": property_of(6, REQUIRED)},
    },
    {
        "$type": "ObjectType",
        "name": "Body",
        "properties": {
            "id": property_of(0, SEEN),
            "name": property_of(0, REQUIRED | 8),
            "size": property_of(3),
            "tags": property_of(4),
            "plan": property_of(7),
        },
    },
    {
        "$type": "ResourceType",
        "name": "My.Things/things@2026-01-01",
        "body": at(10),
        "readableScopes": 8,
        "writableScopes": 20,
    },
]
WANTED = ["My.Things/things@2026-01-01"]
FLAT = "some_1-my.things@2026-01-01.json"
CHECKOUT = "generated/some/my.things/2026-01-01/types.json"


def written(folder: Path, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(ELEMENTS), encoding="utf-8")
    return folder


@pytest.fixture
def faults(tmp_path: Path) -> Any:
    """A function of bodies: what is wrong with each."""
    made = excerpts(written(tmp_path / "source", FLAT), WANTED)
    for name, text in made.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (found,) = load(tmp_path)["my.things/things"].values()
    assert (found.of_subscription, found.extension, found.located) == (True, True, False)

    def check(**body: Any) -> list[Fault]:
        return list(Check(found).faults(canonical(found, {"name": "one", **body})))

    return check


def test_a_checkout_and_a_folder_of_files_give_the_same(tmp_path: Path) -> None:
    flat = excerpts(written(tmp_path / "flat", FLAT), WANTED)
    assert excerpts(written(tmp_path / "checkout", CHECKOUT), WANTED) == flat
    assert list(flat) == ["my.things@2026-01-01.json"]
    assert "somebody" not in str(flat)


def test_all_types_that_are_missing_are_named(tmp_path: Path) -> None:
    wanted = [*WANTED, "My.Things/others@2026-01-01", "My.Things/things@2027-01-01"]
    with pytest.raises(MissingTypeError) as caught:
        excerpts(written(tmp_path, FLAT), wanted)
    assert "my.things/others@2026-01-01, my.things/things@2027-01-01" in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        {"size": "Small", "tags": {"any": "text"}},
        {"SIZE": "small", "Tags": {"Any": "text"}},
        {"plan": {"kind": "Small", "note": "text"}},
        {"Plan": {"Kind": "large", "Counts": [1, 3]}},
    ],
)
def test_what_the_type_allows_is_no_fault(faults: Any, body: dict[str, Any]) -> None:
    assert faults(**body) == []


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"name": "x"}, "name"),
        ({"name": "Two"}, "name"),
        ({"id": "xy"}, "id"),
        ({"other": 1}, "other"),
        ({"size": "Medium"}, "size"),
        ({"size": 1}, "size"),
        ({"tags": {"any": 1}}, "tags.any"),
        ({"tags": ["xy"]}, "tags"),
        ({"plan": {"note": "text"}}, "plan.kind"),
        ({"plan": {"kind": "Medium"}}, "plan.kind"),
        ({"plan": {"kind": "Small", "counts": [1]}}, "plan.counts"),
        ({"plan": {"kind": "Large"}}, "plan.counts"),
        ({"plan": {"kind": "Large", "counts": [0]}}, "plan.counts[0]"),
        ({"plan": {"kind": "Large", "counts": [1, 4]}}, "plan.counts[1]"),
        ({"plan": {"kind": "Large", "counts": [True]}}, "plan.counts[0]"),
        ({"plan": {"kind": "Large", "counts": [1, 1, 1]}}, "plan.counts"),
        ({"plan": "Large"}, "plan"),
    ],
)
def test_what_the_type_refuses_is_one_fault_at_its_place(
    faults: Any, body: dict[str, Any], path: str
) -> None:
    assert [fault.path for fault in faults(**body)] == [path]

"""A field that the spec gains is in README's table and the fuzz generator, and the code reads it.
The list of fields that may change names only fields that exist."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from cluster.add_ons import AddOns
from cluster.changes import CHANGEABLE
from cluster.spec import ClusterSpec
from cluster.spec_machines import Taint
from cluster.spec_services import Slack
from cluster.stages import LAST_STAGES
from tests.cluster.specs import SPOILS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# Models whose fields are read in another way than as attributes.
READ_AS_DOCUMENTS = {AddOns, Slack, Taint}
TABLE = README.partition("## The spec\n")[2].partition("\n## ")[0]


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation holds: in a list, a union, or itself."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models(inner)


def fields(model: type[BaseModel], before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Paths of a model's fields, as JSON names them."""
    for name, field in model.model_fields.items():
        path = (*before, field.alias or name)
        yield path
        for inner in models(field.annotation):
            yield from fields(inner, path)


def row(field: str) -> str:
    """The table's row that begins with this field."""
    rows = [line.split("|") for line in TABLE.splitlines() if line.startswith("|")]
    return "\n".join(" ".join(cells) for cells in rows if f"`{field}`" in cells[1])


@pytest.mark.parametrize("path", [*fields(ClusterSpec)], ids=".".join)
def test_each_field_of_the_spec_stands_in_readmes_table(path: tuple[str, ...]) -> None:
    text = row(path[0])
    assert text, f"README.md, 'The spec': no row begins with `{path[0]}`"
    for name in path[1:]:
        assert re.search(rf"\b{name}\b", text), f"README.md: the row of {path[0]} lacks {name}"


def test_each_field_at_the_top_is_spoiled_by_the_fuzz_generator() -> None:
    """`SPOILS` of tests/cluster/specs.py: with what the field refuses."""
    spoiled = {path.partition(".")[0] for path in SPOILS}
    assert {path[0] for path in fields(ClusterSpec)} - spoiled == set()


def test_readmes_table_lists_the_stages_that_a_spec_can_name() -> None:
    assert ", ".join(LAST_STAGES) in row("playbook")


def test_the_fields_that_may_change_exist() -> None:
    known = {".".join(path) for path in fields(ClusterSpec)}
    assert {path.replace("[]", "") for path in CHANGEABLE} - known == set()


def read_fields() -> set[str]:
    """The attributes that the product's modules read, of whatever object."""
    packages = ("activities", "cluster", "orchestrators", "planning", "runs", "triggers")
    sources = [path for name in packages for path in (ROOT / name).rglob("*.py")]
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    return set(re.findall(r"(?<=[\w\])])\.([a-z0-9_]+)\b", text))


def test_each_field_of_the_spec_is_read_by_the_code() -> None:
    """A field that nothing reads would be accepted and ignored."""
    found = {ClusterSpec} | held(ClusterSpec)
    names = {name for model in found - READ_AS_DOCUMENTS for name in model.model_fields}
    assert len(names) > 40
    assert names - read_fields() == set()


def held(model: type[BaseModel]) -> set[type[BaseModel]]:
    """The models in a model's fields, at every level."""
    inner = {each for field in model.model_fields.values() for each in models(field.annotation)}
    return inner.union(*(held(each) for each in inner))

"""Makes a commented spec from the model of the spec, so that it has every field.

A field that is commented out begins with `#` and no space; what it says is the default, or an
example where there is none. A line of text begins with `# `.
"""

import json
import textwrap
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from cluster.spec import ClusterSpec

SCHEMA_FILE = "slipway.schema.json"
WIDTH = 96
HEAD = """\
# yaml-language-server: $schema={schema}
#
# A cluster of Slipway. Only the name is required. Lines that begin with '#' and no space are
# fields; they show the default, or an example if the text above says so. Remove the '#' to
# change a field, also those of the lines that it is in.

name: {name}
"""


def template(name: str) -> str:
    """Returns the spec of a cluster of that name, with all other fields commented out."""
    lines = [HEAD.format(schema=SCHEMA_FILE, name=name)]
    for field_name, field in ClusterSpec.model_fields.items():
        if field_name != "name":
            lines += [*_text(_description(field), "# ")]
            lines += [f"#{line}" for line in _field(field_name, field)]
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _field(name: str, field: FieldInfo) -> Iterator[str]:
    """Yields a field's lines, without the description of the field itself."""
    key, model = field.alias or name, _model_in(field.annotation)
    if model is None:
        yield f"{key}: {_scalar(_value(field))}"
        return
    yield f"{key}:"
    listed = get_origin(field.annotation) is tuple
    lines = [line for inner in model.model_fields.items() for line in _inner(*inner)]
    first = next(index for index, line in enumerate(lines) if not line.startswith("#"))
    for index, line in enumerate(lines):
        if listed:
            yield f"  {'- ' if index == first else '  '}{line}"
        else:
            yield f"  {line}"


def _inner(name: str, field: FieldInfo) -> Iterator[str]:
    yield from _text(_description(field), "# ")
    yield from _field(name, field)


def _text(text: str, margin: str) -> list[str]:
    return [margin + line for line in textwrap.wrap(text, WIDTH)]


def _description(field: FieldInfo) -> str:
    model = _model_in(field.annotation)
    text = field.description or (" ".join((model.__doc__ or "").split()) if model else "")
    return text if _has_default(field) or field.is_required() else f"{text} Example:"


def _has_default(field: FieldInfo) -> bool:
    return bool(_default(field)) or _default(field) in (False, 0)


def _default(field: FieldInfo) -> Any:
    return field.get_default(call_default_factory=True)


def _value(field: FieldInfo) -> Any:
    if not field.is_required() and _has_default(field):
        return _default(field)
    if field.examples:
        return field.examples[0]
    for part in get_args(field.annotation):
        for note in getattr(part, "__metadata__", ()):
            if found := getattr(note, "examples", None):
                return [found[0]]
    return _default(field)


def _scalar(value: Any) -> str:
    plain = value.model_dump() if isinstance(value, BaseModel) else value
    text = yaml.safe_dump(plain, default_flow_style=True, width=10_000, allow_unicode=True)
    text = text.removesuffix("...\n").strip()
    # A text of several lines; YAML reads what JSON writes.
    return json.dumps(plain) if "\n" in text else text


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type):
        return annotation if issubclass(annotation, BaseModel) else None
    found = (_model_in(part) for part in get_args(annotation))
    return next((model for model in found if model), None)

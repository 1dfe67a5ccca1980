"""Reads parts of answers from documents that another version of Slipway may have written."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import BaseModel, ValidationError


def readable[M: BaseModel](model: type[M], document: object) -> M | None:
    """Returns the model without the fields that have another JSON type than in this version, or
    None if the document is no object or a required field cannot be read."""
    if not isinstance(document, Mapping):
        return None
    known = cast(Mapping[str, Any], document)
    try:
        return model.model_validate(known)
    except ValidationError as error:
        places = [e["loc"] for e in error.errors() if e["type"] != "missing"]
    try:
        return model.model_validate(_without(known, places))
    except ValidationError:
        return None


def _without(document: Mapping[str, Any], places: Sequence[tuple[int | str, ...]]) -> Any:
    kept: dict[str, Any] = {}
    for key, value in document.items():
        inner = [place[1:] for place in places if place[0] == key]
        if () not in inner:
            kept[key] = _without(value, inner) if inner and isinstance(value, dict) else value
    return kept

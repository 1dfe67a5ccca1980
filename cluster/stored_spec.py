"""Specs in stored documents, which another version of Slipway may have written."""

import copy
from collections.abc import Mapping
from typing import Any, cast

from pydantic import ValidationError

from cluster.model import read_stored
from cluster.spec import ClusterSpec

type Place = tuple[int | str, ...]


def stored_spec(document: Mapping[str, Any]) -> ClusterSpec:
    """The spec of a record.

    Raises:
        UnreadableDocumentError: a field has another JSON type than in this version.
    """
    return read_stored(ClusterSpec, document)


def unknown_fields(document: Mapping[str, Any]) -> list[Place]:
    """Where the document has fields that this version does not know."""
    return [place for place, unknown in _refusals(document) if unknown]


def unknown_values(document: Mapping[str, Any]) -> list[Place]:
    """Where the document has values that break this version's rules."""
    return [place for place, unknown in _refusals(document) if not unknown]


def _refusals(document: Mapping[str, Any]) -> list[tuple[Place, bool]]:
    """Returns each place that a request could not have, and whether it is an unknown field."""
    try:
        ClusterSpec.model_validate(document)
    except ValidationError as error:
        return [(e["loc"], e["type"] == "extra_forbidden") for e in error.errors()]
    return []


def with_unknown_fields(document: dict[str, Any], earlier: Mapping[str, Any]) -> dict[str, Any]:
    """The document with those fields of an earlier one that this version does not know. A
    pool that the document does not have takes its unknown fields with it."""
    kept = copy.deepcopy(document)
    for *parents, last in unknown_fields(earlier):
        source: Any = earlier
        target: Any = kept
        for part in parents:
            source = source[part]
            target = _counterpart(source, target, part)
        if isinstance(target, dict):
            cast(dict[Any, Any], target)[last] = copy.deepcopy(source[last])
    return kept


def _counterpart(source: Any, holder: Any, part: int | str) -> Any:
    """The part of `holder` that corresponds to `source`; None if there is none."""
    if isinstance(part, str):
        return cast(dict[str, Any], holder).get(part) if isinstance(holder, dict) else None
    items = cast(list[Any], holder) if isinstance(holder, list) else []
    return next((item for item in items if _is_same(item, source)), None)


def _is_same(item: Any, earlier: Any) -> bool:
    """Pools have names and registries hosts; taints are the same if they are equal."""
    if not isinstance(item, dict) or not isinstance(earlier, dict):
        return False
    now, before = cast(dict[str, Any], item), cast(dict[str, Any], earlier)
    identity = [key for key in ("name", "host") if key in now] or list(now)
    return all(now[key] == before.get(key) for key in identity)

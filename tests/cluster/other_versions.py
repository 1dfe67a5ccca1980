"""Stored documents as another version of Slipway would write them."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

# Mappings with keys of the user's or of a cluster's own: a key more is not a field more.
MAPS = ("tags", "labels", "parameters", "stats", "rotations", "kubelets")
# The record's and the plan's subnets are a mapping, the spec's network.subnets has fields.
SUBNETS = ("subnets",)
LATER = {"laterField": {"inner": [1, {"deep": None}]}}


def of_newer_version(document: Any) -> Any:
    """The document with an unknown field at every level."""
    return _enriched(copy.deepcopy(document), ())


def _enriched(value: Any, path: tuple[str, ...]) -> Any:
    if isinstance(value, list):
        return [_enriched(item, path) for item in value]
    if not isinstance(value, dict) or _is_map(path):
        return value
    own = {key: inner for key, inner in value.items() if key not in LATER}
    return {key: _enriched(inner, (*path, key)) for key, inner in own.items()} | LATER


def _is_map(path: tuple[str, ...]) -> bool:
    return path[-1:] in [(name,) for name in MAPS] or path == SUBNETS


def newer(data: bytes) -> bytes:
    """The same of a blob: one JSON document, or one a line."""
    lines = data.decode().split("\n")
    documents = [json.dumps(of_newer_version(json.loads(line))) if line else "" for line in lines]
    return "\n".join(documents).encode()


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all fields of a document, at every level."""
    items = enumerate(document) if isinstance(document, list) else iter(document.items())
    for key, value in items:
        if isinstance(document, dict):
            yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def without(document: Any, gone: tuple[Any, ...]) -> Any:
    """The document as a version wrote it that did not have that field."""
    older = copy.deepcopy(document)
    holder = older
    for part in gone[:-1]:
        holder = holder[part]
    del holder[gone[-1]]
    return older


def shuffled(document: Any, seed: int) -> Any:
    """The same document with its keys in another order, at every level."""
    if isinstance(document, list):
        return [shuffled(item, seed) for item in document]
    if not isinstance(document, dict):
        return document
    keys = sorted(document)
    random.Random(seed).shuffle(keys)  # noqa: S311 -- an order, not a secret
    return {key: shuffled(document[key], seed) for key in keys}

"""Compares the spec that was applied last with the wanted one, field by field."""

import json
from collections.abc import Iterator
from typing import Any, cast

from cluster.api_requests import FieldChange
from cluster.model import UnreadableDocumentError
from cluster.outcomes import cut
from cluster.spec import ClusterSpec
from cluster.stored_spec import stored_spec

VALUE_CHARACTERS = 200


def changed_fields(applied: dict[str, Any], wanted: ClusterSpec) -> list[FieldChange]:
    """Returns every field that differs. None if no spec was applied, or one that cannot be read."""
    if not applied:
        return []
    try:
        before = stored_spec(applied).document()
    except UnreadableDocumentError:
        return []
    return list(_changes(before, wanted.document(), ""))


def _changes(before: Any, after: Any, path: str) -> Iterator[FieldChange]:
    """Yields the differences of two JSON values. A part that only one of them has is one change."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        old, new = cast(dict[str, Any], before), cast(dict[str, Any], after)
        for key in dict.fromkeys([*old, *new]):
            yield from _changes(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    elif isinstance(before, list) and isinstance(after, list):
        items, others = cast(list[Any], before), cast(list[Any], after)
        for index in range(max(len(items), len(others))):
            old_item = items[index] if index < len(items) else None
            new_item = others[index] if index < len(others) else None
            yield from _changes(old_item, new_item, f"{path}[{index}]")
    else:
        yield FieldChange(path=path, before=_text(before), after=_text(after))


def _text(value: Any) -> str:
    return "" if value is None else cut(json.dumps(value, ensure_ascii=False), VALUE_CHARACTERS)

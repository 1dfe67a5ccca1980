"""Reads JSON documents from storage that another version of Slipway may have written."""

import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, cast

from pydantic import BaseModel, TypeAdapter, ValidationError

from clients.errors import Refused
from cluster.contracts import Check
from cluster.model import UnreadableDocumentError, read_stored

# The code of a refusal that concerns a document in our own storage, and no service.
UNREADABLE = "UnreadableDocument"
_TEXTS = TypeAdapter(dict[str, str])

log = logging.getLogger("slipway.store")


def read_document[M: BaseModel](
    model: type[M], document: bytes | Mapping[str, Any], name: str
) -> M:
    """A document of any version of Slipway.

    Raises:
        Refused: this version cannot read it.
    """
    try:
        return read_stored(model, document)
    except UnreadableDocumentError as error:
        raise unreadable(f"{name} {error}", name) from None


def read_texts(document: bytes, name: str) -> dict[str, str]:
    """A document in which every value is a text.

    Raises:
        Refused: this version cannot read it.
    """
    try:
        return _TEXTS.validate_json(document)
    except ValidationError:
        raise unreadable(f"{name} cannot be read by this version of Slipway", name) from None


def unreadable(text: str, name: str) -> Refused:
    """Returns the refusal for a document that cannot be read."""
    text = f"{text}. The version of Slipway that wrote it can read it"
    return Refused(UNREADABLE, text, place=name)


def read_states(document: bytes, name: str) -> dict[str, str]:
    """The states of nodes. A run asks for what is missing again, so one that cannot be read is left
    out, and the log names the document."""
    found = _parsed(document)
    items = cast(dict[str, Any], found) if isinstance(found, dict) else {"": None}
    states = {node: state for node, state in items.items() if isinstance(state, str)}
    _log_rest(name, len(items) - len(states))
    return states


def read_checks(document: bytes, name: str) -> list[Check]:
    """Likewise the checks of a verification."""
    found = _parsed(document)
    items = cast(list[Any], found if isinstance(found, list) else [None])
    checks: list[Check] = []
    for item in items:
        with suppress(UnreadableDocumentError):
            checks.append(read_stored(Check, item))
    _log_rest(name, len(items) - len(checks))
    return checks


def _parsed(document: bytes) -> Any:
    try:
        return json.loads(document)
    except (ValueError, RecursionError):
        return None


def _log_rest(name: str, number: int) -> None:
    if number:
        log.warning("%s: %d entries cannot be read by this version of Slipway", name, number)

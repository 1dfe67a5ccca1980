"""Azure's answers: exceptions of the SDKs turned into ours, errors reduced to their root causes."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

from clients.errors import Refused, Transient

# Throttled, or not now: worth coming again. A conflict on a running deployment is one of these.
AGAIN = (408, 429, 500, 502, 503, 504)
DEPTH = 8


@contextmanager
def azure_errors(what: str) -> Generator[None]:
    """Everything that an SDK raises leaves as Transient or Refused.

    A failed long-running operation raises with status 200: its error body tells.
    """
    from azure.core.exceptions import AzureError, HttpResponseError

    try:
        yield
    except HttpResponseError as error:
        status = error.status_code or 0
        if status in AGAIN:
            raise Transient(f"{what}: status {status}", retry_after(error)) from None
        document = error_document(error)
        code, message, details = root_causes(document)
        raise Refused(code or f"Http{status}", f"{what}: {message}", details) from None
    except AzureError as error:
        raise Transient(f"{what}: {type(error).__name__}") from None


def retry_after(error: Any) -> float | None:
    """`Retry-After` in seconds; ARM sends whole numbers."""
    headers: Any = getattr(getattr(error, "response", None), "headers", None) or {}
    text = str(headers.get("Retry-After") or headers.get("retry-after") or "")
    return float(text) if text.isdecimal() else None


def error_document(error: Any) -> dict[str, Any]:
    try:
        body: Any = json.loads(error.response.text())
    except (AttributeError, ValueError, TypeError):
        return {"message": type(error).__name__}
    if not isinstance(body, dict):
        return {"message": type(error).__name__}
    document = cast(dict[str, Any], body)
    inner = document.get("error", document)
    return cast(dict[str, Any], inner) if isinstance(inner, dict) else document


def root_causes(document: dict[str, Any]) -> tuple[str, str, list[str]]:
    """(code, message, root causes). A detail's message may itself be JSON in a string."""
    found = list(dict.fromkeys(_leaves(document, 0)))
    code = str(document.get("code") or "")
    message = str(document.get("message") or "")
    if found and found[0][0]:
        code = found[0][0]
    others = [f"{leaf_code}: {text}" if leaf_code else text for leaf_code, text in found[1:]]
    return code, found[0][1] if found else message, others


def _leaves(node: Any, depth: int) -> list[tuple[str, str]]:
    if depth > DEPTH or not isinstance(node, dict):
        return []
    item = cast(dict[str, Any], node)
    if isinstance(item.get("error"), dict):
        return _leaves(item["error"], depth + 1)
    leaves: list[tuple[str, str]] = []
    children: Any = item.get("details")
    if isinstance(children, list):
        for child in cast(list[Any], children):
            leaves += _leaves(child, depth + 1)
    text = str(item.get("message") or "")
    if not leaves and text.lstrip().startswith("{"):
        try:
            leaves = _leaves(json.loads(text), depth + 1)
        except ValueError:
            leaves = []
    target = str(item.get("target") or "").rpartition("/")[2]
    own = (str(item.get("code") or ""), f"{target}: {text}" if target and text else text)
    return leaves or ([own] if text or own[0] else [])

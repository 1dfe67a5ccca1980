"""Turns exceptions of the Azure SDKs into Transient and Refused, with the root causes.

Observed: a failed long-running operation raises HttpResponseError with status 200; a detail's
`message` may be JSON in a string; an identity endpoint that does not answer JSON raises ValueError.
"""

import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

from clients.errors import Refused, Transient

# Statuses that mean: retry later.
RETRY_STATUSES = (408, 429, 500, 502, 503, 504)
# Codes of ARM that mean the same with any status (most come with 409).
RETRY_CODES = frozenset(
    {
        "AnotherOperationInProgress",
        "ContainerBeingDeleted",
        "DeploymentBeingDeleted",
        "GatewayTimeout",
        "InternalServerError",
        "OperationPreempted",
        "ReferencedResourceNotProvisioned",
        "ResourceGroupBeingDeleted",
        "RetryableError",
        "RetryableErrorDueToAnotherOperation",
        "ServerTimeout",
        "ServiceUnavailable",
        "TooManyRequests",
    }
)
DEPTH = 8
MISSING = (
    "DeploymentNotFound",
    "Http404",
    "NotFound",
    "ResourceGroupNotFound",
    "ResourceNotFound",
)
NO_TOKEN = re.compile(r"\((\w+)\) (\d{3})\b")


@contextmanager
def azure_errors(what: str) -> Generator[None]:
    """Turns exceptions of an SDK into Transient or Refused, which name the resource `what`."""
    from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

    try:
        yield
    except ClientAuthenticationError as error:
        raise (_no_token(what, error) if error.response is None else _judge(what, error)) from None
    except HttpResponseError as error:
        raise _judge(what, error) from None
    except AzureError as error:
        raise Transient(f"{what}: {type(error).__name__}") from None
    except json.JSONDecodeError:
        raise Transient(f"{what}: an answer that is not JSON") from None


@contextmanager
def none_if_missing() -> Generator[None]:
    """Suppresses Refused if the resource does not exist.

    A function that ends with this block returns None then.
    """
    try:
        yield
    except Refused as error:
        if error.code not in MISSING:
            raise


def _judge(what: str, error: Any) -> Transient | Refused:
    from azure.core.exceptions import DecodeError

    status = error.status_code or 0
    if status in RETRY_STATUSES or not status or isinstance(error, DecodeError):
        reason = f"status {status}" if status else type(error).__name__
        return Transient(f"{what}: {reason}", retry_after(error.response))
    code, message, details = root_causes(error_document(error))
    if code in RETRY_CODES:
        return Transient(f"{what}: {code}", retry_after(error.response))
    return Refused(code or f"Http{status}", f"{what}: {message}", details, place=what)


def _no_token(what: str, error: Exception) -> Transient | Refused:
    """The error if the identity gets no token. Its text contains the status of the endpoint."""
    found = NO_TOKEN.search(str(error))
    status = int(found[2]) if found else 0
    if status in RETRY_STATUSES or (found and not status):
        return Transient(f"{what}: the identity endpoint answered {status}")
    message = f"{what}: the app's identity got no token: {error}"
    return Refused("IdentityUnavailable", message)


def retry_after(response: Any) -> float | None:
    """`Retry-After` in seconds, at least 1: a whole number, or a date."""
    headers: Any = getattr(response, "headers", None) or {}
    text = str(headers.get("Retry-After") or headers.get("retry-after") or "").strip()
    try:
        return max(1.0, float(text)) if text else None
    except ValueError:
        pass
    try:
        left = parsedate_to_datetime(text) - datetime.now(UTC)
    except (ValueError, TypeError):
        return None
    return max(1.0, left.total_seconds())


def error_document(error: Any) -> dict[str, Any]:
    """The `error` object of the answer's body, or the body itself. Storage answers in XML and has
    its code in a header too."""
    headers: Any = getattr(error.response, "headers", None) or {}
    code = str(headers.get("x-ms-error-code") or "")
    other = {"code": code, "message": code or type(error).__name__}
    try:
        body: Any = json.loads(error.response.text())
    except (AttributeError, ValueError, TypeError):
        return other
    if not isinstance(body, dict):
        return other
    document = cast(dict[str, Any], body)
    inner = document.get("error", document)
    return cast(dict[str, Any], inner) if isinstance(inner, dict) else document


def root_causes(document: dict[str, Any]) -> tuple[str, str, list[str]]:
    """(code, message, further root causes) of an error document."""
    code, message = str(document.get("code") or ""), str(document.get("message") or "")
    found = leaves(document) or [(code, message)]
    others = [f"{leaf_code}: {text}" if leaf_code else text for leaf_code, text in found[1:]]
    return found[0][0] or code, found[0][1], others


def leaves(document: Any) -> list[tuple[str, str]]:
    """(code, message) of every root cause, in order and without repeats."""
    return list(dict.fromkeys(_leaves(document, 0)))


def _leaves(node: Any, depth: int) -> list[tuple[str, str]]:
    if depth > DEPTH or not isinstance(node, dict):
        return []
    item = cast(dict[str, Any], node)
    if isinstance(item.get("error"), dict):
        return _leaves(item["error"], depth + 1)
    found: list[tuple[str, str]] = []
    children: Any = item.get("details")
    if isinstance(children, list):
        for child in cast(list[Any], children):
            found += _leaves(child, depth + 1)
    text = str(item.get("message") or "")
    if not found and text.lstrip().startswith("{"):
        try:
            found = _leaves(json.loads(text), depth + 1)
        except ValueError:
            found = []
    target = str(item.get("target") or "").rpartition("/")[2]
    own = (str(item.get("code") or ""), f"{target}: {text}" if target and text else text)
    return found or ([own] if any(own) else [])

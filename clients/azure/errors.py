"""Turns exceptions of the Azure SDKs into Transient and Refused, with the root causes.

Observed: a failed long-running operation raises HttpResponseError with status 200; an identity
endpoint that does not answer JSON raises ValueError.
"""

import json
import math
import re
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from clients.azure.error_forms import RootCause, outer_code, read_answer, root_causes
from clients.errors import Refused, Transient
from cluster.azure_codes import all_mean_later, means_later

# Statuses that mean: retry later. `cluster/azure_codes.py` has the codes that mean the same with
# any status (most come with 409).
RETRY_STATUSES = (408, 429, 500, 502, 503, 504)
BAD_REQUEST = 400
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
    document = error_document(error)
    causes = root_causes(document)
    first = causes[0] if causes else RootCause("", "")
    if not status or (isinstance(error, DecodeError) and status < BAD_REQUEST):
        return Transient(f"{what}: {type(error).__name__}", retry_after(error.response))
    if status in RETRY_STATUSES or _means_later(document, causes):
        told = " ".join(filter(None, (f"status {status}", first.inner or first.code)))
        return Transient(f"{what}: {told}", retry_after(error.response))
    return Refused(
        first.code or f"Http{status}",
        f"{what}: {first.message or first.code or type(error).__name__}",
        [": ".join(filter(None, (cause.code, cause.message))) for cause in causes[1:]],
        place=what,
        inner=first.inner,
    )


def _means_later(document: Any, causes: list[RootCause]) -> bool:
    """Whether the answer's own code, or every root cause, says that the request may be repeated."""
    return means_later(outer_code(document)) or all_mean_later(
        cause.inner if means_later(cause.inner) else cause.code for cause in causes
    )


def _no_token(what: str, error: Exception) -> Transient | Refused:
    """The error if the identity gets no token. Its text contains the status of the endpoint."""
    found = NO_TOKEN.search(str(error))
    status = int(found[2]) if found else 0
    if status in RETRY_STATUSES or (found and not status):
        return Transient(f"{what}: the identity endpoint answered {status}")
    message = f"{what}: the app's identity got no token: {error}"
    return Refused("IdentityUnavailable", message)


def retry_after(response: Any) -> float | None:
    """`Retry-After` in seconds, at least 1: a number, or a date."""
    headers: Any = getattr(response, "headers", None) or {}
    text = str(headers.get("Retry-After") or headers.get("retry-after") or "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    return max(1.0, seconds) if math.isfinite(seconds) else None


def error_document(error: Any) -> Any:
    """Returns the error answer as a document, for `root_causes`. It may have no body: storage sends
    its code in a header, and OAuth in a challenge."""
    headers: Any = getattr(error.response, "headers", None) or {}
    return read_answer(
        _body(error.response),
        str(headers.get("x-ms-error-code") or ""),
        str(headers.get("WWW-Authenticate") or headers.get("www-authenticate") or ""),
    )


def _body(response: Any) -> str:
    try:
        return str(response.text())
    except (AttributeError, ValueError, TypeError):
        pass
    try:
        return bytes(response.body()).decode("utf-8", "replace")
    except (AttributeError, ValueError, TypeError):
        return ""


def inner_code(error: Any) -> str:
    """Returns the code of the answer's `innererror`. Key Vault has its reason there."""
    return next((cause.inner for cause in root_causes(error_document(error)) if cause.inner), "")


def leaves(document: Any) -> list[tuple[str, str]]:
    """(code, message) of every root cause, in order and without repeats."""
    return [(cause.code, cause.message) for cause in root_causes(document)]

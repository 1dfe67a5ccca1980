"""The sessions of the page: exchanges a function key for a cookie, and serves what the page reads
to whoever has one (docs/decisions/0056-page-sessions.md)."""

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import azure.functions as func

from clients.services import services
from cluster.access import AppRole
from cluster.api_requests import PageSession
from triggers.access import access_settings
from triggers.endpoint import endpoint
from triggers.page_cookie import cookie_header, has_session, refuse_without_keys, secrets_of
from triggers.requests import reply


@endpoint(needs=AppRole.ANYONE)
def get_session(req: func.HttpRequest) -> func.HttpResponse:
    """Says whether the cookie of the request is that of a session."""
    refuse_without_keys(access_settings())
    return reply(PageSession(open=has_session(req)), headers={"Cache-Control": "no-store"})


@endpoint(needs=AppRole.READER)
def post_session(req: func.HttpRequest) -> func.HttpResponse:
    """Begins a session. The host has checked the function key."""
    refuse_without_keys(access_settings())
    secret = services().store.begin_page_session(datetime.now(UTC))
    return reply(PageSession(open=True), headers=cookie_header(req, secret))


@endpoint(needs=AppRole.ANYONE)
def delete_session(req: func.HttpRequest) -> func.HttpResponse:
    """Ends the session of the cookie. Without a session, it changes nothing."""
    for secret in secrets_of(req):
        services().store.end_page_session(secret)
    return reply(PageSession(open=False), headers=cookie_header(req, ""))


def in_session(function: Any) -> Callable[..., func.HttpResponse]:
    """Returns the endpoint of a reading function for callers who have a session instead of a key.
    It is registered without a key for the host."""
    handler = function.__wrapped__

    @functools.wraps(handler)
    def read(*args: Any, **kwargs: Any) -> func.HttpResponse:
        answer: func.HttpResponse = handler(*args, **kwargs)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    read.__name__ = f"{handler.__name__}_in_session"
    decorate = endpoint(
        *function.parameters, needs=function.needs, slow=function.slow, in_session=True
    )
    return decorate(read)

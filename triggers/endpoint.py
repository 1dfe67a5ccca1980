"""The common part of all HTTP functions: role, query parameters, time limit, problem documents, the
audit line."""

import functools
from collections.abc import Callable
from typing import Any

import azure.functions as func

from clients.time_limit import time_limit
from cluster.access import AppRole
from triggers.access import admitted
from triggers.audit import AuditEntry, Route
from triggers.parameters import check_parameters
from triggers.problems import as_problem

type Handler = Callable[..., func.HttpResponse]
# Seconds. The platform ends a request after 230 s and answers 502. When a function reaches
# functionTimeout, the host ends the worker process with every activity in it. The command line
# waits for 120 s.
SECONDS, SLOW_SECONDS = 60.0, 110.0


def endpoint(
    *parameters: str,
    needs: AppRole | Callable[[func.HttpRequest], AppRole],
    others: bool = False,
    slow: Callable[[func.HttpRequest], bool] | None = None,
    in_session: bool = False,
) -> Callable[[Handler], Handler]:
    """Returns a decorator that checks the caller and the query parameters of a handler, and answers
    its errors.

    Args:
        parameters: the query parameters that the handler accepts.
        needs: the role that a caller needs, or a function that returns it for a request.
        others: whether other parameters are allowed, for a handler that reads none.
        slow: returns whether a request takes so long that others must not wait behind it
            (`triggers/app.py`).
        in_session: whether the caller has a session of the page instead of a function key.
    """

    def decorate(handler: Handler) -> Handler:
        route = Route()

        def answer(entry: AuditEntry, *args: Any, **kwargs: Any) -> func.HttpResponse:
            req = entry.request
            try:
                with time_limit(SLOW_SECONDS if slow and slow(req) else SECONDS):
                    entry.needed = needs if isinstance(needs, AppRole) else needs(req)
                    with admitted(req, entry.needed, entry.identified, in_session=in_session):
                        if not others:
                            check_parameters(req, parameters)
                        return handler(req, *args, **kwargs)
            except Exception as error:
                return as_problem(error, getattr(handler, "__name__", "a trigger"))

        @functools.wraps(handler)
        def run(req: func.HttpRequest, *args: Any, **kwargs: Any) -> func.HttpResponse:
            entry = AuditEntry(req, route)
            answered = answer(entry, *args, **kwargs)
            entry.write(answered.status_code)
            return answered

        run.slow = slow  # type: ignore[attr-defined]
        run.needs = needs  # type: ignore[attr-defined]
        run.route = route  # type: ignore[attr-defined]
        run.parameters = parameters  # type: ignore[attr-defined]
        return run

    return decorate

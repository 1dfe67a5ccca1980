"""What every HTTP function has in common: its query parameters, its time, and errors as problem
documents."""

import functools
from collections.abc import Callable
from typing import Any

import azure.functions as func

from clients.time_limit import time_limit
from triggers.parameters import check_parameters
from triggers.problems import as_problem

type Handler = Callable[..., func.HttpResponse]
# The platform ends a request after 230 s and answers 502; the host ends the worker process, with
# every activity in it, when a function reaches functionTimeout. The command line waits for 120 s.
SECONDS, SLOW_SECONDS = 60.0, 110.0


def endpoint(
    *parameters: str, others: bool = False, slow: Callable[[func.HttpRequest], bool] | None = None
) -> Callable[[Handler], Handler]:
    """Makes a handler of one that takes these query parameters and raises what it cannot answer.

    `others`: whether further parameters are let through, for a handler that reads none. `slow`:
    which requests take so long that others may not wait behind them (`triggers/app.py`).
    """

    def decorate(handler: Handler) -> Handler:
        @functools.wraps(handler)
        def run(req: func.HttpRequest, *args: Any, **kwargs: Any) -> func.HttpResponse:
            try:
                if not others:
                    check_parameters(req, parameters)
                with time_limit(SLOW_SECONDS if slow and slow(req) else SECONDS):
                    return handler(req, *args, **kwargs)
            except Exception as error:
                return as_problem(error, getattr(handler, "__name__", "a trigger"))

        run.slow = slow  # type: ignore[attr-defined]
        return run

    return decorate

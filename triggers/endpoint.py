"""What every HTTP function has in common: its query parameters, and errors as problem documents."""

import functools
from collections.abc import Callable
from typing import Any

import azure.functions as func

from triggers.parameters import check_parameters
from triggers.problems import as_problem

type Handler = Callable[..., func.HttpResponse]


def endpoint(*parameters: str, others: bool = False) -> Callable[[Handler], Handler]:
    """Makes a handler of one that takes these query parameters and raises what it cannot answer.

    `others`: whether further parameters are let through, for a handler that reads none.
    """

    def decorate(handler: Handler) -> Handler:
        @functools.wraps(handler)
        def run(req: func.HttpRequest, *args: Any, **kwargs: Any) -> func.HttpResponse:
            try:
                if not others:
                    check_parameters(req, parameters)
                return handler(req, *args, **kwargs)
            except Exception as error:
                return as_problem(error, getattr(handler, "__name__", "a trigger"))

        return run

    return decorate

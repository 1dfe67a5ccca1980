"""The function app. Its functions run in its own threads (`triggers.thread_pools` has the
reason)."""

import functools
import inspect
from collections.abc import Callable
from concurrent.futures import Executor
from http import HTTPStatus
from math import inf
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from azure.functions.decorators.function_app import Function, FunctionBuilder

from clients.time_limit import time_limit
from triggers import thread_pools
from triggers.endpoint import SLOW_SECONDS
from triggers.problems import problem

# Chooses, by a call's arguments, its pool and the seconds that it has from its arrival.
type Choice = Callable[[dict[str, Any]], tuple[Executor, float]]
# Seconds after which a slow request that was refused may be sent again.
RETRY_SECONDS = 10


class ConcurrentApp(df.DFApp):
    """Registers every synchronous function as a coroutine function.

    Orchestrators are coroutine functions already. Their turns have the worker's own pool to
    themselves.
    """

    def get_functions(self) -> list[Function]:
        return [_concurrent(function) for function in super().get_functions()]


def _concurrent(function: Function) -> Function:
    """Returns the function as a coroutine function with the same bindings and the same name."""
    called, trigger = function.get_user_function(), function.get_trigger()
    if function.is_http_function() and not hasattr(called, "needs"):
        raise UnguardedError(
            f"{function.get_function_name()} is not an endpoint (triggers/endpoint.py)"
        )
    if function.is_http_function():
        # The audit lines name it (`triggers/audit.py`).
        getattr(called, "route").template = getattr(trigger, "route", "")  # noqa: B009
    if inspect.iscoroutinefunction(called) or trigger is None:
        return function
    choose = _activities if trigger.type == "activityTrigger" else _requests(called)
    builder = FunctionBuilder(as_coroutine(called, choose), function.function_script_file)
    builder.configure_http_type(function.http_type)
    for binding in function.get_bindings():
        if binding is trigger:
            builder.add_trigger(trigger)
        else:
            builder.add_binding(binding)
    # The only setting that the decorators of a durable app make.
    if name := function.get_setting("function_name"):
        builder.add_setting(name)
    return builder.build()


def _activities(arguments: dict[str, Any]) -> tuple[Executor, float]:
    del arguments
    return thread_pools.activities, inf


class UnguardedError(Exception):
    """An HTTP function does not say which role it needs."""


def _requests(called: Callable[..., Any]) -> Choice:
    """Returns the choice of pool for a request. `endpoint` marks which requests of a handler are
    slow."""
    slow = getattr(called, "slow", None)

    def choose(arguments: dict[str, Any]) -> tuple[Executor, float]:
        if slow and slow(arguments["req"]):
            return thread_pools.slow_requests, SLOW_SECONDS
        return thread_pools.requests, inf

    return choose


def as_coroutine(function: Callable[..., Any], choose: Choice) -> Callable[..., Any]:
    """Returns a coroutine function that runs the function in the pool that `choose` returns.

    The worker calls a function by its signature, and passes its `Context` to a parameter with the
    name `context` and that type.
    """
    signature = inspect.signature(function)
    parameter = inspect.Parameter(
        "context", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=func.Context
    )

    @functools.wraps(function)
    async def run(*, context: Any = None, **arguments: Any) -> Any:
        pool, seconds = choose(arguments)
        try:
            # The wait for a thread counts too: the caller does not wait longer because of it.
            with time_limit(seconds):
                return await thread_pools.run(pool, context, function, **arguments)
        except thread_pools.PoolFullError:
            return problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "too many plans and checks at once",
                f"{thread_pools.SLOW_THREADS} run and as many wait; send the request again",
                headers={"Retry-After": str(RETRY_SECONDS)},
            )

    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), parameter]
    )
    run.__annotations__ = {**function.__annotations__, "context": func.Context}
    return run

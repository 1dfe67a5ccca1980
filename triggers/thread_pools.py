"""The threads in which the app's functions run, apart from the worker's own.

Microsoft's Python worker runs synchronous functions, and every turn of an orchestrator, in one pool
of CPUs + 4 threads, whatever host.json allows. The setting for its size has no effect once Flex
Consumption has made a placeholder into the app's instance. A few slow activities in that pool hold
up every orchestrator, and the trace of the call is lost on the way into it. A coroutine function is
awaited on the worker's loop, in the trace; it hands its work to a pool of ours.
"""

import asyncio
import contextvars
import functools
import sys
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, Protocol

# host.json: maxConcurrentActivityFunctions. A test compares the two.
ACTIVITY_THREADS = 16
# HTTP, Event Grid and the timer.
REQUEST_THREADS = 16
# Plans and the examinations of `doctor`: they take seconds to a minute, and nothing else waits
# behind them.
SLOW_THREADS = 4

activities = ThreadPoolExecutor(ACTIVITY_THREADS, thread_name_prefix="activity")
requests = ThreadPoolExecutor(REQUEST_THREADS, thread_name_prefix="request")
slow_requests = ThreadPoolExecutor(SLOW_THREADS, thread_name_prefix="slow")


class Invocation(Protocol):
    """The part of the worker's `Context` that is read here."""

    @property
    def invocation_id(self) -> str: ...


async def run[R](
    pool: Executor, invocation: Invocation | None, function: Callable[..., R], **arguments: Any
) -> R:
    """Runs the function in a thread of the pool, inside of the caller's trace and invocation."""
    context = contextvars.copy_context()
    if invocation is not None:
        context.run(_name_invocation, invocation.invocation_id)
    work = functools.partial(context.run, functools.partial(function, **arguments))
    return await asyncio.get_running_loop().run_in_executor(pool, work)


def _name_invocation(number: str) -> None:
    """Lines of log that a thread writes are the function's for the host only if the worker finds
    the invocation here; for synchronous functions the worker's library sets it by itself. The
    library is the host's own and is not installed with the app."""
    library = sys.modules.get("azure_functions_runtime")
    variable: contextvars.ContextVar[str | None] | None = getattr(library, "invocation_id_cv", None)
    if variable is not None:
        variable.set(number)

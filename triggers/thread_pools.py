"""The threads that run the app's functions, separate from the worker's own.

Microsoft's Python worker runs synchronous functions, and every turn of an orchestrator, in one pool
of CPUs + 4 threads, whatever host.json allows. The setting for its size has no effect after Flex
Consumption has turned a placeholder into the app's instance. A few slow activities in that pool
delay every orchestrator, and the call does not carry its trace into the pool. The worker awaits a
coroutine function on its own loop, inside the trace. The coroutine function passes its work to one
of these pools.
"""

import asyncio
import contextvars
import functools
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, Protocol

# Equals maxConcurrentActivityFunctions in host.json. A test compares the two.
ACTIVITY_THREADS = 16
# For HTTP requests, Event Grid events and the timer.
REQUEST_THREADS = 16
# For plans and the checks of `doctor`, which take seconds to a minute. No other request waits
# behind them. As many of them as there are threads may wait.
SLOW_THREADS = 4


class PoolFullError(Exception):
    """Every thread is busy, and as many calls as there are threads wait already."""


class BoundedPool(ThreadPoolExecutor):
    """A pool whose queue takes as many calls as there are threads and refuses further ones."""

    def __init__(self, threads: int, name: str) -> None:
        super().__init__(threads, thread_name_prefix=name)
        self._places = threading.BoundedSemaphore(2 * threads)

    def submit[R](self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        """Queues a call.

        Raises:
            PoolFullError: no place is left in the queue.
        """
        if not self._places.acquire(blocking=False):
            raise PoolFullError
        try:
            future = super().submit(fn, *args, **kwargs)
        except BaseException:
            self._places.release()
            raise
        future.add_done_callback(lambda _: self._places.release())
        return future


activities = ThreadPoolExecutor(ACTIVITY_THREADS, thread_name_prefix="activity")
requests = ThreadPoolExecutor(REQUEST_THREADS, thread_name_prefix="request")
slow_requests = BoundedPool(SLOW_THREADS, "slow")


class Invocation(Protocol):
    """The part of the worker's `Context` that is read here."""

    @property
    def invocation_id(self) -> str: ...


async def run[R](
    pool: Executor, invocation: Invocation | None, function: Callable[..., R], **arguments: Any
) -> R:
    """Runs the function in a thread of the pool, with the caller's trace and invocation."""
    context = contextvars.copy_context()
    if invocation is not None:
        context.run(_name_invocation, invocation.invocation_id)
    work = functools.partial(context.run, functools.partial(function, **arguments))
    return await asyncio.get_running_loop().run_in_executor(pool, work)


def _name_invocation(number: str) -> None:
    """Sets the invocation's id in the worker's library.

    The host assigns a thread's log lines to the function only if the worker finds the id there. The
    library sets it itself for synchronous functions. It is part of the host and not installed with
    the app.
    """
    library = sys.modules.get("azure_functions_runtime")
    variable: contextvars.ContextVar[str | None] | None = getattr(library, "invocation_id_cv", None)
    if variable is not None:
        variable.set(number)

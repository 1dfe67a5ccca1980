"""The worker's log in the Functions host's format: by category, not by logger.

A function's log lines have the category `Function.NAME.User`, whichever logger wrote them. The
function is found by the running task, or in other threads by the library's variable for the
invocation.
"""

import asyncio
import logging
from collections.abc import Mapping

from azure_functions_runtime import invocation_id_cv

FORMAT = "%(asctime)s %(levelname)s %(category)s %(message)s"
# The worker's own loggers. The host separates their lines from the app's.
SYSTEM = ("azure.functions", "azure_functions_runtime", "lab.host")


class _Category(logging.Filter):
    called: Mapping[str, str] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        function = None if record.name.startswith(SYSTEM) else self.called.get(_invocation())
        record.category = f"Function.{function}.User" if function else record.name
        return True


_category = _Category()


def start() -> None:
    """Configures the root logger with level Information, as Microsoft's worker does."""
    logging.basicConfig(level=logging.INFO, format=FORMAT)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_category)


def categorize(called: Mapping[str, str]) -> None:
    """Sets the category of log records. `called` is the function of each call in flight, by the
    call's number."""
    _category.called = called


def _invocation() -> str:
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop runs in this thread
        task = None
    return task.get_name() if task else invocation_id_cv.get() or ""

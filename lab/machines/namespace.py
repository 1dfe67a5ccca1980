"""Runs Python code in a network namespace."""

import os
import threading
from collections.abc import Callable


def call_in[T](namespace: str, work: Callable[[], T]) -> T:
    """Runs `work` in the namespace and returns its result. A separate thread enters the namespace
    and ends with it.

    Raises:
        OSError: there is no such namespace.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            with open(f"/run/netns/{namespace}", "rb") as file:  # noqa: PTH123 -- a descriptor is needed
                os.setns(file.fileno(), os.CLONE_NEWNET)
            results.append(work())
        except BaseException as error:  # it is raised again in the calling thread
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]

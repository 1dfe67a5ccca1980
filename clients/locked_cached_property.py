"""A cached property that is safe for threads."""

import threading
from collections.abc import Callable
from typing import Any


class locked_cached_property[T]:  # noqa: N801 -- used as a decorator, like cached_property
    """Like `functools.cached_property`, but the value is made once.

    Activities run in threads, and a client that is made twice has two connection pools and two
    token caches. If the function raises, the next access calls it again."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._lock = threading.RLock()
        self._name = ""

    def __set_name__(self, _: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, _: type | None = None) -> T:
        # The next access finds the value in the instance and does not call this method.
        values: dict[str, T] = instance.__dict__
        with self._lock:
            if self._name not in values:
                values[self._name] = self._make(instance)
            return values[self._name]

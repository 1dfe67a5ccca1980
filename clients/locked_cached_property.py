"""A property whose value is made by the first thread that asks for it."""

import threading
from collections.abc import Callable
from typing import Any


class locked_cached_property[T]:  # noqa: N801 -- used as a decorator, like cached_property
    """cached_property without its race: activities run in threads, and a client made twice is a
    second pool of connections and a second cache of tokens. A maker that raises is asked again."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._lock = threading.RLock()
        self._name = ""

    def __set_name__(self, _: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, _: type | None = None) -> T:
        # The next look finds the value in the instance and does not come here.
        values: dict[str, T] = instance.__dict__
        with self._lock:
            if self._name not in values:
                values[self._name] = self._make(instance)
            return values[self._name]

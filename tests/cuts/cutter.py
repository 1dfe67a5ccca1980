"""Counts calls where they are made, and cuts one of them as the death of its process would."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

# No request and no activity makes more calls.
MANY = 400


class CutError(BaseException):
    """The process was killed. Nothing in the app catches it."""


@dataclass
class Cutter:
    """Counts the calls while it is armed, and cuts the one with the number `number`, from 0.

    Before the cut call is done, or after it was done (`after`) and its answer did not arrive, the
    process dies: every call that the rest of it makes fails, too.

    Attributes:
        at: the name of a call, of which the first one is cut instead.
        calls: the names of the calls that were counted.
        done: the calls that took effect, armed or not, with their arguments.
    """

    number: int = MANY
    after: bool = False
    at: str = ""
    calls: list[str] = field(default_factory=list[str])
    done: list[tuple[str, tuple[Any, ...]]] = field(
        default_factory=list[tuple[str, tuple[Any, ...]]]
    )
    armed: bool = False
    dead: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def call(self, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with self._lock:
            if self.dead:
                raise CutError(name)
            here = self.armed and (len(self.calls) == self.number or name == self.at)
            if self.armed:
                self.calls.append(name)
            if here:
                self.dead = True
        if here and not self.after:
            raise CutError(name)
        answer = function(*args, **kwargs)
        self.done.append((name, args))
        if here:
            raise CutError(name)
        return answer

    def passed(self, name: str, function: Callable[[Any], Any], request: Any) -> Any:
        """Passes a call of the durable engine (`lab.simulation.client`)."""
        return self.call(f"engine.{name}", function, request)

    @contextmanager
    def process(self) -> Iterator[None]:
        """A process that lives for the block, and whose calls are counted."""
        self.armed, self.dead = True, False
        try:
            yield
        finally:
            self.armed, self.dead = False, False

    def every_method(self, client: Any, name: str = "") -> Any:
        """Returns the client with every method counted and cut."""
        return Counted(client, name or type(client).__name__.lower(), self)

    def of(self, name: str) -> list[tuple[Any, ...]]:
        """Returns the arguments of each call of that name that took effect."""
        return [args for call, args in self.done if call == name]


class Counted:
    """A client whose methods are counted and cut. Attributes that are no methods are the client's
    own."""

    def __init__(self, client: Any, name: str, cutter: Cutter) -> None:
        self.__dict__.update(_client=client, _name=name, _cutter=cutter)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if not callable(found):
            return found
        place, cutter = f"{self._name}.{name}", self._cutter
        return lambda *args, **kwargs: cutter.call(place, found, *args, **kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._client, name, value)

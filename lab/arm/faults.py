"""Faults that a test injects, so that it exercises the error paths."""

import re
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from lab.arm.errors import ArmError


class InjectedError(ArmError):
    """An injected error with its own Retry-After value, in whole seconds."""

    def __init__(self, status: int, code: str, message: str, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(status, code, message)


@dataclass
class RequestFault:
    """An error response for the next `count` requests whose "METHOD /path" matches the regular
    expression `match`."""

    match: str = ""
    count: int = 1
    status: int = 429
    code: str = "TooManyRequests"
    retry_after: int = 1
    message: str = "A fault that was asked for."

    def hits(self, line: str) -> bool:
        return self.count > 0 and re.search(self.match, line, re.IGNORECASE) is not None


@dataclass
class Faults:
    """The faults that are active.

    `throttle`: number of next requests that get status 429. `requests`: a list of RequestFault,
    sent as objects with match, count, status, code, retryAfter. `restricted`: VM sizes that are not
    available. `restricted_zones`: unavailable zones by VM size. `quota`: limits by name. `fail`:
    error code by resource name. `delay`: seconds before each machine is created.
    """

    throttle: int = 0
    requests: list[RequestFault] = field(default_factory=list[RequestFault])
    restricted: set[str] = field(default_factory=set[str])
    restricted_zones: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    quota: dict[str, int] = field(default_factory=dict[str, int])
    fail: dict[str, str] = field(default_factory=dict[str, str])
    delay: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def change(self, wanted: dict[str, Any]) -> None:
        """Replaces all faults. A fault that is absent from `wanted` is removed."""
        with self._lock:
            self.throttle = int(wanted.get("throttle", 0))
            self.requests = [
                RequestFault(
                    match=str(item.get("match", "")),
                    count=int(item.get("count", 1)),
                    status=int(item.get("status", 429)),
                    code=str(item.get("code", "TooManyRequests")),
                    retry_after=max(1, int(item.get("retryAfter", 1))),
                    message=str(item.get("message", RequestFault.message)),
                )
                for item in wanted.get("requests", [])
            ]
            self.restricted = set(wanted.get("restricted", []))
            self.restricted_zones = dict(wanted.get("restrictedZones", {}))
            self.quota = dict(wanted.get("quota", {}))
            self.fail = dict(wanted.get("fail", {}))
            self.delay = float(wanted.get("delay", 0))

    def on_request(self, method: str, path: str) -> None:
        with self._lock:
            if self.throttle > 0:
                self.throttle -= 1
                raise InjectedError(429, "TooManyRequests", "The request is being throttled.", 1)
            for fault in self.requests:
                if fault.hits(f"{method} {path}"):
                    fault.count -= 1
                    raise InjectedError(fault.status, fault.code, fault.message, fault.retry_after)

    def before_put(self, name: str) -> None:
        if name in self.fail:
            raise ArmError(409, self.fail[name], f"{name}: a fault that was asked for")

    def before_create(self) -> None:
        if self.delay:
            time.sleep(self.delay)

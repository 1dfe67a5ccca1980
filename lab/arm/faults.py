"""Faults that a test asks for, so that the paths of failure run for real."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from lab.arm.errors import ArmError


@dataclass
class Faults:
    """`throttle`: how many of the next requests answer 429; `restricted`: VM sizes; `quota`:
    limits by name; `fail`: resource name to error code; `delay`: seconds before each machine."""

    throttle: int = 0
    restricted: set[str] = field(default_factory=set[str])
    quota: dict[str, int] = field(default_factory=dict[str, int])
    fail: dict[str, str] = field(default_factory=dict[str, str])
    delay: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def change(self, wanted: dict[str, Any]) -> None:
        with self._lock:
            self.throttle = int(wanted.get("throttle", 0))
            self.restricted = set(wanted.get("restricted", []))
            self.quota = dict(wanted.get("quota", {}))
            self.fail = dict(wanted.get("fail", {}))
            self.delay = float(wanted.get("delay", 0))

    def on_request(self) -> None:
        with self._lock:
            if self.throttle > 0:
                self.throttle -= 1
                raise ArmError(429, "TooManyRequests", "The request was throttled.")

    def before_put(self, kind: str, name: str) -> None:
        del kind
        if name in self.fail:
            raise ArmError(409, self.fail[name], f"{name}: a fault that was asked for")

    def before_create(self, name: str) -> None:
        del name
        if self.delay:
            time.sleep(self.delay)

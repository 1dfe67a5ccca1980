"""How often the host runs each activity, and counters of what it runs."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from lab.host.pool import FunctionFailedError

log = logging.getLogger("lab.host")
MODES = ("once", "twice", "lose-first")


class Executions:
    """Runs activities according to `mode`. `once`: each runs once. `twice`: each runs twice and the
    second result counts. `lose-first`: the first result is lost after its side effects, and the
    work is delivered again later."""

    def __init__(self, mode: str = "once") -> None:
        if mode not in MODES:
            raise ValueError(f"mode '{mode}' is none of {', '.join(MODES)}")
        self._mode = mode
        self._lock = threading.Lock()
        self.counts: dict[str, int] = {}
        self.turns = 0

    def turn(self) -> None:
        with self._lock:
            self.turns += 1

    def run(self, activity: str, execute: Callable[[], Any]) -> Any:
        with self._lock:
            self.counts[activity] = self.counts.get(activity, 0) + 1
        if self._mode == "once":
            return execute()
        try:
            execute()
        except FunctionFailedError as error:
            log.info("first execution of %s raised: %s", activity, error)
        if self._mode == "lose-first":
            time.sleep(0.2)
        return execute()

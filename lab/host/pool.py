"""The worker process as the host sees it: started, asked, replaced when it dies."""

import itertools
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.host.wire import Wire
from lab.paths import ROOT

START_SECONDS = 60.0


class WorkerLostError(Exception):
    """The worker died while it worked on this."""


class NoWorkerError(WorkerLostError):
    """No worker is there to take this; another one is being started."""


class FunctionFailedError(Exception):
    """The function raised; type, message and stack as the engine carries them."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.type, self.stack = answer["type"], answer["stack"]
        super().__init__(answer["message"])


class WorkerPool:
    """One worker at a time. `env` is all that it gets of the environment."""

    def __init__(self, app: Path, env: dict[str, str], log: Path) -> None:
        self._app, self._env, self._log = app, env, log
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._waiting: dict[int, Callable[[dict[str, Any] | None], None]] = {}
        self._ended = False
        self.functions: list[dict[str, Any]] = []
        self.starts = 0

    def start(self) -> None:
        """Starts a worker and waits for its index of functions.

        Raises:
            RuntimeError: the worker library refused the app, with its words; or the worker ended
                before it had an index, with the end of its log.
        """
        ours, theirs = socket.socketpair()
        log = self._log.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lab.host.worker", str(self._app), str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            env=self._env,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        theirs.close()
        log.close()
        self.starts += 1
        self._wire = Wire(ours)
        index = self._wire.receive()
        if index is None or "refused" in index:
            self._wire.close()
            self.process.kill()
            self.process.wait()
            if index:
                raise RuntimeError(f"the function app was refused: {index['refused']}")
            text = self._log.read_text(errors="replace")[-3000:]
            raise RuntimeError(f"the functions worker did not start:\n{text}")
        self.functions = index["functions"]
        self._listener = threading.Thread(target=self._listen, args=(self._wire,), daemon=True)
        self._listener.start()

    def end(self) -> None:
        self._ended = True
        self.process.terminate()
        self.process.wait(10)
        self._listener.join(10)

    def ask(self, kind: str, function: str, payload: Any, client: str = "", trace: str = "") -> Any:
        """Runs one function and returns its value. `trace`: the W3C traceparent in which the
        function is called; without one the call begins a trace, as on the host.

        Raises:
            WorkerLostError: the worker died meanwhile; whoever asked may ask again.
            NoWorkerError: there is none at the moment; nothing was begun.
            FunctionFailedError: the function raised.
        """
        done = threading.Event()
        box: list[dict[str, Any] | None] = []

        def take(answer: dict[str, Any] | None) -> None:
            box.append(answer)
            done.set()

        with self._lock:
            number = next(self._ids)
            self._waiting[number] = take
            wire = self._wire
        message = {"id": number, "kind": kind, "function": function, "payload": payload}
        try:
            wire.send(message | {"client": client, "trace": trace or trace_parent()})
        except OSError:
            with self._lock:
                self._waiting.pop(number, None)
            raise NoWorkerError from None
        done.wait()
        answer = box[0]
        if answer is None:
            raise WorkerLostError
        if not answer["ok"]:
            raise FunctionFailedError(answer)
        return answer["value"]

    def _listen(self, wire: Wire) -> None:
        while (answer := wire.receive()) is not None:
            with self._lock:
                take = self._waiting.pop(answer["id"], None)
            if take:
                take(answer)
        wire.close()
        self._replace()

    def _replace(self) -> None:
        """The worker is gone: another one is started, then what was in flight is told."""
        self.process.wait()
        until = time.monotonic() + START_SECONDS
        while not self._ended and time.monotonic() < until:
            try:
                self.start()
                break
            except RuntimeError:
                time.sleep(1.0)
        with self._lock:
            lost, self._waiting = list(self._waiting.values()), {}
        for take in lost:
            take(None)


def trace_parent() -> str:
    """The beginning of a trace that is sampled."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def worker_environment(settings: dict[str, str]) -> dict[str, str]:
    """What a worker gets: the app's settings, and what a program needs to run at all."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")
    base = {key: os.environ[key] for key in kept if key in os.environ}
    return base | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"} | settings

"""The worker process as the host uses it: it starts it, sends it calls, and replaces it when it
dies."""

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
    """The worker died during this call."""


class NoWorkerError(WorkerLostError):
    """There is no worker for this call; another one is being started."""


class FunctionFailedError(Exception):
    """The function raised. The exception has the type, message and stack in the engine's form."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.type, self.stack = answer["type"], answer["stack"]
        super().__init__(answer["message"])


class WorkerPool:
    """Runs one worker at a time. `env` is the worker's complete environment."""

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
            RuntimeError: the worker library rejected the app (with its message), or the worker
                ended before it had an index (with the end of its log).
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
        """Runs one function and returns its value. `trace` is the W3C traceparent of the call;
        without it the call begins a new trace, as on the host.

        Raises:
            WorkerLostError: the worker died during the call; the caller may repeat it.
            NoWorkerError: there is no worker at the moment; the function was not started.
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
        """Starts another worker after the last one died, then fails the calls that were in
        flight."""
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
    """Returns the traceparent of a new, sampled trace."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def worker_environment(settings: dict[str, str]) -> dict[str, str]:
    """Returns a worker's environment: the app's settings, and the variables that any program
    needs."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")
    base = {key: os.environ[key] for key in kept if key in os.environ}
    return base | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"} | settings

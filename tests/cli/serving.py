"""A command that serves until Ctrl-C, used while it does."""

import os
import signal
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest


def while_served(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, use: Callable[[], None]
) -> None:
    """Lets `use` run in its own thread once the module's `serve` is called; then Ctrl-C."""
    serve = module.serve

    def served(*arguments: Any) -> None:
        failed: list[BaseException] = []

        def work() -> None:
            try:
                use()
            except BaseException as error:  # it is told by the test's own thread
                failed.append(error)
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            serve(*arguments)
        finally:
            thread.join()
            assert failed == []

    monkeypatch.setattr(module, "serve", served)

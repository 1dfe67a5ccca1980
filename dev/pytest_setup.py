"""How many examples a property gets: few in the plain run, many with --all. Ctrl-C, as a terminal
gives it. And the functions of the app, which it lists once in a process."""

import importlib
import os
import signal
from typing import Any

import pytest
from hypothesis import settings

from dev.variables import EVERYTHING

settings.register_profile("plain", max_examples=25, deadline=None)
settings.register_profile("all", max_examples=300, deadline=None)
settings.load_profile("all" if os.environ.get(EVERYTHING) else "plain")

# A shell without job control starts what runs in its background with Ctrl-C ignored, which programs
# inherit: the tests of Ctrl-C, in this process and in others, would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def functions() -> list[Any]:
    """As a host would index them."""
    return list(importlib.import_module("function_app").app.get_functions())

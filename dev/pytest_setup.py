"""pytest setup: the number of examples of a property test (few by default, many with --all), Ctrl-C
as from a terminal, and the functions of the app, which can be listed only once in a process."""

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

# A shell without job control starts background programs with Ctrl-C ignored, and programs inherit
# that. The tests of Ctrl-C, in this process and in others, would wait forever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def functions() -> list[Any]:
    """Returns the app's functions as a host indexes them."""
    return list(importlib.import_module("function_app").app.get_functions())

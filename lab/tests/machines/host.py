"""A host for the lab's networks that is not this machine: a network namespace of its own, in which
a function of a test runs as a process."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ENTER = """
import os, subprocess, sys
subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
subprocess.run(["mount", "-t", "sysfs", "none", "/sys"], check=True)
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
from {module} import {name}
{name}.inside()
"""


def on_a_host_of_its_own(work: Callable[[], None]) -> Callable[[], None]:
    """Returns a test that runs `work` there."""

    def test() -> None:
        script = ENTER.format(module=work.__module__, name=work.__name__)
        argv = ["unshare", "--net", "--mount", sys.executable, "-c", script]
        done = subprocess.run(
            argv, cwd=Path.cwd(), capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr

    test.__name__ = work.__name__
    test.inside = work  # type: ignore[attr-defined]
    return test

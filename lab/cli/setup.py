"""Prepares what a lab needs on this machine. Each part is prepared once and cached."""

import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import Any

from cli.exits import CommandError, Exit
from cli.text import duration
from lab import control
from lab.cli.supply import Supply, find_supply
from lab.host.program import ensure_program
from lab.machines import PACKAGES
from lab.machines.image import ensure_image
from lab.storage import ensure_azurite

type Report = Callable[[str], None]

# For the tests of the page that shows a run; no lab needs them. The fonts are for the text on the
# page.
BROWSER_PACKAGES = ("chromium", "chromium-driver", "fonts-liberation")


@contextmanager
def sole_switch() -> Generator[None]:
    """Holds the lock for starting a lab. A second command that starts one would mistake the first
    one's lab for remains of an earlier lab. Raises CommandError if the lock is taken."""
    control.CACHE.mkdir(parents=True, exist_ok=True)
    with (control.CACHE / ".lab.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            text = "a demo or another 'lab up' is under way on this machine"
            raise CommandError(Exit.REFUSED, text) from None
        yield


def set_up(artifacts: str | None, spec: dict[str, Any], engine: str, report: Report) -> Supply:
    """Prepares all that a lab needs, cached for the next time. Reports a line with the duration of
    each step.

    Raises:
        CommandError: packages or artifacts are not available.
        StorageError, FabricError: Azurite or the machine image cannot be prepared.
        ProgramError: the engine's program is not available.
    """
    step("Debian packages", partial(ensure_packages, report), report)
    step("Azurite", partial(ensure_azurite, control.CACHE, report), report)
    if engine != "memory":
        step("functions-host", partial(ensure_program, control.CACHE, report), report)
    step("machine image", partial(ensure_image, control.CACHE, report), report)
    return step("artifacts", partial(find_supply, artifacts, spec, report), report)


def step[T](name: str, work: Callable[[], T], report: Report) -> T:
    started = time.monotonic()
    result = work()
    report(f"{name:<16} {duration(time.monotonic() - started):>9}")
    return result


def ensure_packages(report: Report, packages: tuple[str, ...] = PACKAGES) -> None:
    """Installs the Debian packages that are missing. Updates the package lists only if
    necessary."""
    missing = [name for name in packages if not _installed(name)]
    if not missing:
        return
    if not shutil.which("apt-get"):
        text = f"the lab needs these Debian packages, and there is no apt-get: {', '.join(missing)}"
        raise CommandError(Exit.FAILED, text)
    report(f"installing {', '.join(missing)} (once)")
    install = ["install", "-y", "--no-install-recommends", *missing]
    done = _apt(install)
    if done.returncode:
        report("refreshing the package lists")
        _apt(["update"])
        done = _apt(install)
    if done.returncode:
        text = f"apt-get could not install {', '.join(missing)}:\n{done.stdout[-1500:]}"
        raise CommandError(Exit.FAILED, text)


def _installed(package: str) -> bool:
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status}", package],
        capture_output=True,
        check=False,
        text=True,
    )
    return done.stdout == "installed"


def _apt(arguments: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", *arguments],
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        text=True,
    )

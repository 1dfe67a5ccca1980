"""Root privileges for commands that create machines: obtained with sudo if it is available."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from cli.exits import CommandError, Exit
from lab.paths import ROOT

# The variables that these commands use. The API key is not among them, because no lab needs it.
KEPT = (
    "COLORTERM",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPATH",
    "SLIPWAY_AZURE_TYPES",
    "SLIPWAY_CACHE",
    "SLIPWAY_DEBIAN_MIRROR",
    "SLIPWAY_FUNCTIONS_HOST",
    "SLIPWAY_LAB_DIR",
    "SLIPWAY_TEST_ALL",
    "SLIPWAY_TEST_ARTIFACTS",
    "SLIPWAY_TEST_CONFORMANCE",
    "TERM",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)


def is_root() -> bool:
    return os.geteuid() == 0


def become_root(what: str) -> None:
    """Returns if the user is root. Otherwise restarts this command with sudo and does not return.
    Raises CommandError if sudo is not available."""
    if is_root():
        return
    prefix = sudo()
    if not prefix:
        text = (
            f"{what} needs root, for the lab's machines and its state belong to root, and sudo is "
            "not available: run it as root"
        )
        raise CommandError(Exit.REFUSED, text)
    print(f"slipway: {what} needs root; continuing with sudo", file=sys.stderr)
    _replace([*prefix, sys.executable, "-P", "-m", "dev", *sys.argv[1:]])


def sudo() -> list[str]:
    """Returns the sudo prefix of a command. It is empty if sudo is missing, or needs a password and
    there is no terminal."""
    if not shutil.which("sudo"):
        return []
    silent = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False)
    if silent.returncode and not sys.stdin.isatty():
        return []
    os.environ["PYTHONPATH"] = str(ROOT)
    # The user could not replace compiled files of root in the checkout.
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    return ["sudo", f"--preserve-env={','.join(name for name in KEPT if name in os.environ)}"]


def _replace(argv: list[str]) -> NoReturn:
    os.execvp(argv[0], argv)  # noqa: S606 -- no shell is wanted


def give_to_caller(directory: Path) -> None:
    """Gives files that were created under sudo to the user who called sudo."""
    user, group = os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", "")
    if user.isdecimal() and group.isdecimal():
        for path in (directory, *directory.rglob("*")):
            os.chown(path, int(user), int(group), follow_symlinks=False)

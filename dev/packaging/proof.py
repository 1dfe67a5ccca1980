"""Proves that a package works: a Python without any other packages indexes the app in it with
Microsoft's worker library."""

import io
import json
import platform
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from cli.exits import CommandError, Exit
from cli.text import indented
from dev.packaging.dependencies import AZURE_GLIBC, INSIDE, as_remote_build, worker_library

SECONDS = 120
PROGRAM = Path(__file__).with_name("index.py")


def prove(data: bytes) -> list[str]:
    """Returns the sorted names of the functions that the host finds in the zip.

    Raises CommandError with the cause if the host would reject a function, find none, or not start
    the app.
    """
    library = worker_library()
    with tempfile.TemporaryDirectory(prefix="slipway-package-") as directory:
        tree, elsewhere = Path(directory) / "app", Path(directory) / "elsewhere"
        elsewhere.mkdir()
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            archive.extractall(tree)
        packages = _packages(tree)
        # With -I and -S, variables, installed packages and this checkout's folders have no effect.
        argv = [sys.executable, "-I", "-S", "-B", "-c", PROGRAM.read_text(encoding="utf-8")]
        try:
            done = subprocess.run(
                [*argv, str(tree), str(packages), str(library)],
                cwd=elsewhere,
                env={},
                capture_output=True,
                text=True,
                check=False,
                timeout=SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise _failed(f"no answer in {SECONDS} s") from None
    if done.returncode:
        raise _failed(done.stderr.strip().replace(f"{tree}/", "") or f"exit {done.returncode}")
    names: list[str] = json.loads(done.stdout.splitlines()[-1])
    if not names:
        raise _failed("it has no function")
    return sorted(names)


def _packages(tree: Path) -> Path:
    """Returns the folder of the package's dependencies if they run on this machine, otherwise of
    this machine's own."""
    inside = tree / INSIDE
    if inside.is_dir():
        if _runs_azures_wheels():
            return inside
        print(
            "the packages inside are for Linux on x86-64 and cannot be run here: the app is proved "
            "with this machine's, from the same lock",
            file=sys.stderr,
        )
    return as_remote_build((tree / "requirements.txt").read_text(encoding="utf-8"))


def _runs_azures_wheels() -> bool:
    kind, version = platform.libc_ver()
    if sys.platform != "linux" or platform.machine() != "x86_64" or kind != "glibc":
        return False
    return tuple(map(int, version.split(".")[:2])) >= (2, AZURE_GLIBC)


def _failed(cause: str) -> CommandError:
    return CommandError(
        Exit.FAILED, f"the app does not index from its package; none was written\n{indented(cause)}"
    )

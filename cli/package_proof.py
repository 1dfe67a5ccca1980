"""The proof that a package works: a fresh Python that has nothing else indexes the app from it."""

import io
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from cli.exits import CommandError, Exit
from cli.text import indented

SECONDS = 120
PROGRAM = Path(__file__).with_name("package_index.py")


def prove(data: bytes) -> list[str]:
    """The sorted names of the functions that the host would find in the zip.

    Raises CommandError with the cause where it would find none or the app does not start.
    """
    with tempfile.TemporaryDirectory(prefix="slipway-package-") as directory:
        tree, elsewhere = Path(directory) / "app", Path(directory) / "elsewhere"
        elsewhere.mkdir()
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            archive.extractall(tree)
        # Neither this checkout nor its directory is on the path, and no variable counts.
        argv = [sys.executable, "-I", "-B", "-c", PROGRAM.read_text(encoding="utf-8"), str(tree)]
        try:
            done = subprocess.run(
                argv,
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


def _failed(cause: str) -> CommandError:
    return CommandError(
        Exit.FAILED, f"the app does not index from its package; none was written\n{indented(cause)}"
    )

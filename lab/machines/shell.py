"""Runs programs of the host without a shell, with precise errors."""

import subprocess

from lab.fabric import FabricError


def run(*argv: str, stdin: str | None = None, check: bool = True) -> str:
    """Runs a program and returns its standard output.

    Raises:
        FabricError: the program failed; the message has the end of its output.
    """
    done = subprocess.run(argv, input=stdin, text=True, capture_output=True, check=False)
    if check and done.returncode:
        said = (done.stderr or done.stdout).strip()[-600:]
        raise FabricError(f"{' '.join(argv[:4])}: {said}")
    return done.stdout


def succeeds(*argv: str) -> bool:
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0

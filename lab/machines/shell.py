"""Running the host's programs: no shell, precise errors."""

import subprocess

from lab.fabric import FabricError


def run(*argv: str, stdin: str | None = None, check: bool = True) -> str:
    """Standard output of a program.

    Raises:
        FabricError: it failed, with the end of what it said.
    """
    done = subprocess.run(argv, input=stdin, text=True, capture_output=True, check=False)
    if check and done.returncode:
        said = (done.stderr or done.stdout).strip()[-600:]
        raise FabricError(f"{' '.join(argv[:4])}: {said}")
    return done.stdout


def succeeds(*argv: str) -> bool:
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0

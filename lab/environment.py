"""Virtual environments for tools whose dependencies conflict with newer ones of the project."""

import fcntl
import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from lab.cli.privileges import give_to_caller


def prepare(venv: Path, lock: Path, report: Callable[[str], None] = print) -> str:
    """Creates the environment if it is missing, or if it was made from another lock file or Python.

    Returns the error; an empty string if the environment is ready.
    """
    wanted = f"{hashlib.sha256(lock.read_bytes()).hexdigest()} {sys.version} {venv}"
    mark = venv / ".slipway-lock"
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if mark.exists() and mark.read_text(encoding="utf-8") == wanted:
            return ""
        report(f"making {venv.name} from requirements/{lock.name} (once; about a minute)")
        pip = (str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-input")
        locked = ("--require-hashes", "--no-deps", "--requirement", str(lock))
        for argv in (
            (sys.executable, "-m", "venv", "--clear", str(venv)),
            (*pip, "--disable-pip-version-check", *locked),
        ):
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            if done.returncode:
                return done.stderr.strip() or f"{argv[0]} ended with {done.returncode}"
        mark.write_text(wanted, encoding="utf-8")
        give_to_caller(venv)
    return ""

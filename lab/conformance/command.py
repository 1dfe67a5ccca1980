"""Runs a program and reads its answer."""

import subprocess
from pathlib import Path

TAIL_CHARACTERS = 600


class CommandError(Exception):
    """The program did not run, did not end in time, or failed. The message has its last words."""


def answer_of(argv: list[str], seconds: float, folder: Path | None = None) -> str:
    """Returns what the program prints.

    Args:
        argv: the program and its arguments.
        seconds: how long it may take.
        folder: where it runs, for programs that leave files. Default: here.

    Raises:
        CommandError: without the program's name, which the caller knows better.
    """
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            check=False,
            cwd=folder,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=seconds,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandError(str(error)) from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-TAIL_CHARACTERS:]
        raise CommandError(f"it ended with {done.returncode}: {said}")
    return done.stdout

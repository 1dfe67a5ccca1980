"""Runs one command. Returns its exit code, and prints errors as messages."""

import argparse
import errno
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from cli.exits import CommandError, Exit
from cli.interrupts import end_at_once, raise_interrupts

# What a write fails with where there is no room.
FULL = {errno.ENOSPC, errno.EDQUOT}


def run(command: Callable[[], int]) -> int:
    """Returns the command's exit code. Errors that an operator can act on go to standard error."""
    changed = raise_interrupts()
    _open_closed_streams()
    code: int = Exit.OK
    try:
        code = command()
        sys.stdout.flush()
    except CommandError as error:
        _tell(error)
        return error.code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        _abandon(sys.stdout)
        return code
    except OSError as error:
        if error.errno not in FULL:
            raise
        _abandon(sys.stdout)
        place = f" {error.filename}" if error.filename else ""
        _tell(CommandError(Exit.FAILED, f"cannot write{place}: {error.strerror}"))
        return Exit.FAILED
    finally:
        if changed:
            end_at_once()
    return code


def _open_closed_streams() -> None:
    """Opens the null device for each stream that the caller closed (`>&-`): Python has None there.
    They are opened in the order of their numbers, so each gets its own."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115


def _tell(error: CommandError) -> None:
    """Prints the error. Streams that take nothing do not change the exit code."""
    try:
        print(f"slipway: {error}", file=sys.stderr)
    except OSError:
        _abandon(sys.stderr)
    try:
        sys.stdout.flush()
    except OSError:
        _abandon(sys.stdout)


def _abandon(stream: TextIO) -> None:
    """Sends the rest nowhere: the reader closed the pipe, or there is no room. Without this, the
    interpreter would report the error again when it flushes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def dispatch(parser: argparse.ArgumentParser, argv: list[str]) -> int:
    """Runs the command of `argv`. Wrong arguments print the usage of that command. With --json,
    standard output ends with one JSON document, also after an error."""
    args, unknown = parser.parse_known_args(argv)
    if unknown:
        args.used.error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        return int(args.run(args))
    except CommandError as error:
        if getattr(args, "json", False):
            with suppress(OSError):  # the exit code is still that of the error
                print(json.dumps(error.document()))
        raise

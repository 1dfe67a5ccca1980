"""Runs one command. Returns its exit code, and prints errors as messages."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

from cli.exits import CommandError, Exit
from cli.interrupts import end_at_once, raise_interrupts


def run(command: Callable[[], int]) -> int:
    """Returns the command's exit code. Errors that an operator can act on go to standard error."""
    changed = raise_interrupts()
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
    finally:
        if changed:
            end_at_once()
    return code


def _tell(error: CommandError) -> None:
    """Prints the error. Readers that closed their pipes do not change the exit code."""
    try:
        print(f"slipway: {error}", file=sys.stderr)
    except BrokenPipeError:
        _abandon(sys.stderr)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _abandon(sys.stdout)


def _abandon(stream: TextIO) -> None:
    """Sends the rest nowhere: the reader closed the pipe. Without this, the interpreter would
    report the error again when it flushes."""
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
            with suppress(BrokenPipeError):  # the exit code is still that of the error
                print(json.dumps(error.document()))
        raise

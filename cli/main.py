"""Runs one command. Returns its exit code, and prints errors as messages."""

import argparse
import json
import os
import sys
from collections.abc import Callable

from cli.exits import CommandError, Exit


def run(command: Callable[[], int]) -> int:
    """Returns the command's exit code. Errors that an operator can act on go to standard error."""
    try:
        code = command()
        sys.stdout.flush()
    except CommandError as error:
        print(f"slipway: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # The reader closed the pipe. Without this, the interpreter would report the error again
        # when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    return code


def dispatch(parser: argparse.ArgumentParser, argv: list[str]) -> int:
    """Runs the command of `argv`. With --json, standard output ends with one JSON document, also
    after an error."""
    args = parser.parse_args(argv)
    try:
        return int(args.run(args))
    except CommandError as error:
        if getattr(args, "json", False):
            print(json.dumps(error.document()))
        raise

"""Entry point: python -m cli. The bootstrap `slipway` starts it."""

import json
import os
import sys

from cli.check import run_checks
from cli.exits import CommandError, Exit
from cli.parser import build_parser


def main(argv: list[str]) -> int:
    try:
        code = _dispatch(argv)
        sys.stdout.flush()
    except CommandError as error:
        print(f"slipway: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has enough. The interpreter would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    return code


def _dispatch(argv: list[str]) -> int:
    """With --json, standard output ends with one JSON document, refusals and failures too."""
    if argv[:1] == ["test"] and not {"-h", "--help"} & set(argv[1:]):
        return run_checks(argv[1:])
    args = build_parser().parse_args(argv)
    try:
        return int(args.run(args))
    except CommandError as error:
        if getattr(args, "json", False):
            print(json.dumps(error.document()))
        raise


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Entry point of a checkout: python -m dev. The bootstrap script `slipway` starts it."""

import sys

from cli.interrupts import end_at_once

if __name__ == "__main__":
    end_at_once()  # while the rest is loaded

from cli.main import dispatch, run
from dev.check import run_checks
from dev.parser import build_parser


def main(argv: list[str]) -> int:
    return run(lambda: _dispatch(argv))


def _dispatch(argv: list[str]) -> int:
    if argv[:1] == ["test"] and not {"-h", "--help"} & set(argv[1:]):
        return run_checks(argv[1:])
    return dispatch(build_parser(), argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

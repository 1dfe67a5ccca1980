"""Entry point of the operator's command line: python -m cli."""

import sys

from cli.interrupts import end_at_once

if __name__ == "__main__":
    end_at_once()  # while the rest is loaded

from cli.main import dispatch, run
from cli.parser import build_parser


def main(argv: list[str]) -> int:
    return run(lambda: dispatch(build_parser(), argv))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Entry point of an installed command line: the wheel's module `slipway_cli`.

The wheel has the code in `slipway_cli/app`, laid out as in a checkout. So an environment gets one
importable name from it, and not `cli`, `cluster`, `clients` and `telemetry`.
"""

import sys
from pathlib import Path


def main() -> int:
    sys.path.insert(0, str(Path(__file__).resolve().parent / "app"))
    from cli.__main__ import main as run  # noqa: PLC0415 -- found from here on

    return run(sys.argv[1:])

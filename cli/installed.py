"""Entry point of an installed command line: the wheel's module `slipway_cli`.

The wheel has the code in `slipway_cli/app`, with the same layout as a checkout. So it adds only one
importable name to an environment, not `cli`, `cluster`, `clients` and `telemetry`.
"""

import sys
from pathlib import Path


def main() -> int:
    sys.path.insert(0, str(Path(__file__).resolve().parent / "app"))
    from cli.interrupts import end_at_once  # noqa: PLC0415 -- found from here on

    end_at_once()
    from cli.__main__ import main as run  # noqa: PLC0415 -- the same

    return run(sys.argv[1:])

"""CPU time of the heaviest bodies of 64 KB, from the bytes to the spec's faults.

Usage: .venv/bin/python -m benchmarks.bodies
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from cluster.faults import SpecRefusedError
from cluster.spec_rules import parse_spec
from cluster.strict_parsing import NotPlainError, plain_json, plain_yaml
from tests.cluster.bodies import HEAVY

SHOWN = 8


def seconds(body: str, read: Callable[[str], Any]) -> float:
    """CPU seconds of this process for one body."""
    since = time.process_time()
    with suppress(NotPlainError, SpecRefusedError):
        parse_spec(read(body), "demo")
    return time.process_time() - since


def main() -> None:
    found = [
        (min(seconds(body, read) for _ in range(3)), name, read.__name__)
        for name, body in HEAVY.items()
        for read in (plain_yaml, plain_json)
    ]
    print(f"{len(found)} bodies; the heaviest, in milliseconds of CPU:")
    for cpu, name, reader in sorted(found, reverse=True)[:SHOWN]:
        print(f"  {cpu * 1000:6.1f}  {name}, {reader}")


if __name__ == "__main__":
    main()

"""One worker more and one less cost the same tasks on the same machines in a small cluster and in a
larger one. The seconds are printed, and nothing depends on them."""

import re
import sys
import time
from dataclasses import dataclass
from typing import Any

import pytest

from tests.lab.conftest import Lab, tiny

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(3600)]
MODE, NAME = "once", "size"
# With three etcd members and a control plane: 5 and 30 nodes.
FEW, MANY = 1, 26
RECAP = re.compile(r"recap: (\d+) hosts, ok=(\d+)")


@dataclass(frozen=True)
class Cost:
    """What an operation's play did: machines, the controller included, and tasks on them."""

    hosts: int = 0
    tasks: int = 0


def spec(workers: int) -> dict[str, Any]:
    changes = {
        "etcd": {"count": 3, "dataDiskGiB": 4},
        "workers": [{"name": "worker", "count": workers}],
    }
    return tiny(NAME, 81, "etcd") | changes


def cost(lab: Lab, what: str, workers: int) -> Cost:
    began = time.monotonic()
    answer = lab.apply(spec(workers), 1800)
    assert answer.status_code == 200, answer.text
    recaps = [found for event in lab.events(NAME) if (found := RECAP.match(event["text"]))]
    found = Cost(*map(int, recaps[-1].groups())) if recaps else Cost()
    sys.stderr.write(f"{what}: {time.monotonic() - began:.0f} s, {found}\n")
    return found


def test_a_worker_more_or_less_costs_the_same_in_small_and_large_clusters(lab: Lab) -> None:
    costs: list[tuple[Cost, Cost, Cost]] = []
    for workers in (FEW, MANY):
        cost(lab, f"to {workers} workers", workers)
        more = cost(lab, f"+1 at {workers + 4} nodes", workers + 1)
        same = cost(lab, f"the same spec at {workers + 5} nodes", workers + 1)
        less = cost(lab, f"-1 at {workers + 5} nodes", workers)
        costs.append((more, same, less))
    assert costs[0] == costs[1]
    assert costs[0][0].hosts == 2
    assert costs[0][1] == Cost()

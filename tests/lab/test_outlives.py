"""A run outlives its worker and its host: work in flight is delivered again, and nothing happens
twice."""

import os
import random
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lab.testing.machines import succeeds

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(900)]
MODE, NETWORK, THROUGH = "once", 94, "base"
UPGRADE = "Upgrade the distribution's packages"


def test_workers_that_are_killed_at_random_points_cost_nothing(
    lab: Any, field: dict[str, Any]
) -> None:
    seed = int(os.environ.get("SLIPWAY_TEST_SEED") or time.time_ns() % 1_000_000)
    sys.stdout.write(f"seed {seed}: SLIPWAY_TEST_SEED={seed} has the same intervals\n")
    chance = random.Random(seed)  # noqa: S311 -- intervals, no secrets
    with ThreadPoolExecutor(4) as pool:  # the same start, delivered four times at once
        starts = [pool.submit(lab.call, "PUT", "/api/clusters/field", field) for _ in range(4)]
        answers = [start.result() for start in starts]
    assert {answer.status_code for answer in answers} == {202}
    assert sorted(answer.json()["joined"] for answer in answers) == [False, True, True, True]
    path = answers[0].headers["Location"]
    assert {answer.headers["Location"] for answer in answers} == {path}
    kills = 0
    while (status := lab.call("GET", path).status_code) in (202, 500):
        if status == 500:  # no worker yet: the next one lives until it has answered once
            time.sleep(0.2)
            continue
        time.sleep(chance.uniform(0.5, 5))
        pid = lab.worker()
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            kills += 1
    sys.stdout.write(f"{kills} workers killed\n")
    ended = lab.follow(path)
    assert ended.status_code == 200, ended.text
    assert kills >= 5
    lab.nothing_happened_twice("field")


def test_a_run_in_flight_is_resumed_by_the_same_put_after_the_lab_was_restarted(
    lab: Any, field: dict[str, Any]
) -> None:
    secrets = lab.secrets("field")
    first = lab.call("GET", "/api/clusters/field/events?generation=1").json()["events"]
    assert lab.in_machine("field-etcd-0", lab.HOLD_PACKAGES) == 0
    accepted = lab.call("PUT", "/api/clusters/field?full=true", field)
    lab.until_task("field", UPGRADE)
    lab.restart()
    shown = lab.call("GET", "/api/clusters/field").json()
    assert (shown["state"], shown["generation"]) == ("failed", 2)
    assert "send the same spec again" in shown["note"]
    lost = lab.call("GET", accepted.headers["Location"])
    assert lost.status_code == 424
    assert "send the same spec again" in lost.json()["detail"]
    again = lab.call("PUT", "/api/clusters/field?full=true", field)
    assert again.json()["joined"] is False
    lab.until_task("field", UPGRADE)
    one = "test $(systemctl list-units --plain --no-legend 'slipway-play-*' | wc -l) = 1"
    assert lab.in_machine("field-controller", one) == 0
    assert lab.in_machine("field-etcd-0", lab.RELEASE_PACKAGES) == 0
    ended = lab.follow(again.headers["Location"])
    assert ended.status_code == 200, ended.text
    told = lab.call("GET", accepted.headers["Location"]).json()
    assert told["cause"]["code"] == "RunLost"
    assert lab.secrets("field") == secrets
    kept = lab.call("GET", "/api/clusters/field/events?generation=1").json()["events"]
    assert kept == first
    assert any(line.startswith("recap:") for line in (e["text"] for e in lab.events("field")))
    machine = lab.machine("field-etcd-0")
    assert succeeds("ip", "-n", machine.router, "link", "show", machine.link)

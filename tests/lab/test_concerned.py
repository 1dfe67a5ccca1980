"""On real machines: a play runs on what it concerns, with every activity executed twice."""

from typing import Any

import pytest

from tests.lab.conftest import Lab, tiny

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(900)]

NAME = "grows"
SPEC = tiny(NAME, 88, "etcd") | {"workers": [{"name": "worker", "count": 1}]}
GROWN = SPEC | {"workers": [{"name": "worker", "count": 2}]}
RUNS = "/var/lib/slipway/runs"
LOG = f"$(ls -td {RUNS}/*/ | head -1)play.log"
OLD = f"{NAME}-(etcd-0|control-plane-0|worker-0)"


@pytest.fixture(scope="module", autouse=True)
def _launched(lab: Lab) -> None:
    lab.succeeds(SPEC)


def on_controller(lab: Lab, script: str) -> bool:
    return lab.in_machine(f"{NAME}-controller", script) == 0


def recaps(texts: list[str]) -> list[str]:
    return [text for text in texts if text.startswith("recap:")]


def test_a_request_that_changes_nothing_starts_no_play(lab: Lab) -> None:
    assert on_controller(lab, f"ls {RUNS} >/var/tmp/runs")
    texts = lab.succeeds(SPEC)
    assert on_controller(lab, f"ls {RUNS} | diff /var/tmp/runs -")
    assert "no play: no machine is concerned by any stage" in texts
    assert recaps(texts) == []
    # etcd, its disk, and containerd on two nodes.
    assert "4 checks passed" in texts


def test_a_machine_that_changed_by_itself_is_repaired_by_a_play_on_every_machine(lab: Lab) -> None:
    assert lab.in_machine(f"{NAME}-worker-0", "systemctl stop containerd") == 0
    texts = lab.succeeds(SPEC)
    assert "the playbook runs on every machine, because checks failed" in texts
    assert lab.in_machine(f"{NAME}-worker-0", "systemctl is-active containerd") == 0
    (recap,) = recaps(texts)
    assert recap.startswith("recap: 4 hosts, ")
    assert "failed=0 unreachable=0" in recap


def test_a_full_pass_runs_on_every_machine_and_changes_nothing(lab: Lab) -> None:
    (recap,) = recaps(lab.succeeds(SPEC, full=True))
    assert recap.startswith("recap: 4 hosts, ")
    assert "changed=0 failed=0 unreachable=0" in recap


def test_a_new_worker_is_all_that_its_play_touches_but_the_controller(lab: Lab) -> None:
    planned: dict[str, Any] = lab.call("PUT", f"/api/clusters/{NAME}?plan=true", GROWN).json()
    new = f"{NAME}-worker-1"
    assert [(stage["stage"], stage["nodes"]) for stage in planned["play"]] == [
        ("wait", [new]),
        ("base", [new]),
        ("runtime", [new]),
    ]
    (recap,) = recaps(lab.succeeds(GROWN))
    assert recap.startswith("recap: 2 hosts, ")
    assert on_controller(lab, f"grep -q 'changed: .{new}' {LOG}")
    assert on_controller(lab, f"! grep -E '^(ok|changed|skipping): .{OLD}' {LOG}")
    assert "no play: no machine is concerned by any stage" in lab.succeeds(GROWN)

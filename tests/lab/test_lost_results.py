"""Every activity's first result is lost after its side effects: the run ends as any other."""

from typing import Any

import pytest
import requests

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(900)]
MODE = "lose-first"


def test_a_run_whose_first_results_are_all_lost_ends_as_any_other(
    lab: Any, cluster: requests.Response
) -> None:
    assert cluster.status_code == 200, cluster.text
    checks = cluster.json()["checks"]
    assert [check["name"] for check in checks if check["ok"]] == [
        "etcd on first-etcd-0",
        "etcd disk on first-etcd-0",
        "containerd on first-control-plane-0",
        "containerd on first-worker-0",
    ]
    shown = lab.call("GET", "/api/clusters/first").json()
    assert (shown["state"], shown["percent"], shown["note"]) == ("ready", 100, None)
    assert {node["state"] for node in shown["nodes"]} == {"ready"}
    lab.nothing_happened_twice("first")


def test_a_removal_whose_first_results_are_all_lost_leaves_nothing(
    lab: Any, cluster: requests.Response
) -> None:
    assert cluster.status_code == 200
    removed = lab.call("DELETE", "/api/clusters/first")
    assert lab.follow(removed.headers["Location"]).status_code == 200
    assert lab.secrets("first") == {}
    assert lab.machines("first") == []

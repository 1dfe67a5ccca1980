"""A machine that vanished is found by a maintenance and made again by the timer, on machines."""

from typing import Any

import pytest
import requests

from clients.azure.arm import Resources
from tests.lab.conftest import Lab, tiny

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1200)]
MODE, NAME, LOST = "once", "mended", "mended-worker-1"
API = f"/api/clusters/{NAME}"
SPEC = tiny(NAME, 79, "etcd") | {
    "workers": [{"name": "worker", "count": 2}],
    "maintenance": {"repair": True},
}


def shown(lab: Lab) -> dict[str, Any]:
    return lab.call("GET", API).json()


def look(lab: Lab) -> None:
    """Runs the function of the maintenance's timer, as the host does by its schedule."""
    url = f"{lab.info.url}/admin/functions/maintain_clusters"
    headers = {"x-functions-key": lab.info.info["keys"]["master"]}
    answer = requests.post(url, json={"input": ""}, headers=headers, timeout=30)
    assert answer.status_code == 202, answer.text


def test_a_machine_that_vanished_is_found_and_made_again(lab: Lab) -> None:
    lab.succeeds(SPEC)
    resources = Resources(lab.settings())
    (vm,) = [
        one.id
        for one in resources.list(f"{NAME}-rg")
        if one.name == LOST and one.type.lower().endswith("/virtualmachines")
    ]
    resources.begin_delete(vm)
    lab.until("the machine vanishes", lambda: LOST not in lab.machines(NAME))
    accepted = lab.call("POST", f"{API}/maintenance")
    assert accepted.status_code == 202, accepted.text
    assert lab.follow(accepted.headers["Location"]).status_code == 200
    assert (shown(lab)["state"], shown(lab)["kind"]) == ("degraded", "maintain")
    assert [found["code"] for found in shown(lab)["findings"]] == ["MachineMissing"]
    look(lab)
    lab.until("the repair begins", lambda: shown(lab)["kind"] == "reconcile")
    repair = f"{API}/operations/{shown(lab)['generation']}"
    answer = lab.follow(repair)
    assert answer.status_code == 200, answer.text
    assert (shown(lab)["state"], shown(lab)["findings"]) == ("ready", [])
    assert LOST in lab.machines(NAME)
    assert lab.in_machine(LOST, "systemctl is-active containerd") == 0

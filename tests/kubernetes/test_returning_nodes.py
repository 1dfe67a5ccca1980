"""Kubelets that cannot sign in, and nodes that the API server lost, come back with the next run."""

import pytest
import requests

from tests.kubernetes.machines import kubectl, members
from tests.kubernetes.test_cluster import again, await_ready
from tests.lab.conftest import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1200)]

CREDENTIAL = "/var/lib/kubelet/pki/kubelet-client-current.pem"
ROLE = "node-role.kubernetes.io/control-plane"


@pytest.fixture(autouse=True)
def built(cluster: requests.Response) -> None:
    assert cluster.status_code == 200, cluster.text


@pytest.mark.parametrize(("role", "index"), [("worker", 0), ("control-plane", 0)])
def test_a_kubelet_whose_credential_is_gone_gets_another(lab: Lab, role: str, index: int) -> None:
    name = members(lab, role)[index]
    lose = f"systemctl stop kubelet && rm $(readlink -f {CREDENTIAL}) && systemctl start kubelet"
    assert lab.in_machine(name, lose) == 0
    # A pod does not start on the worker, so its run sees it. The API server takes the control plane
    # for ready until its heartbeat is missed, 40 s later.
    answer = again(lab, full=role == "control-plane")
    assert answer.status_code == 200, answer.text
    assert lab.in_machine(name, f"openssl x509 -noout -checkend 0 -in {CREDENTIAL}") == 0
    await_ready(lab)


@pytest.mark.parametrize(("role", "index"), [("worker", 1), ("control-plane", 2)])
def test_a_node_whose_object_was_deleted_registers_again(lab: Lab, role: str, index: int) -> None:
    name = members(lab, role)[index]
    assert kubectl(lab, f"delete node {name}")
    answer = again(lab)
    assert answer.status_code == 200, answer.text
    if role == "control-plane":
        shown = f"get node {name} -o jsonpath='{{.metadata.labels}}{{.spec.taints}}'"
        assert kubectl(lab, f"{shown} | grep '\"{ROLE}\"' | grep -q NoSchedule")
    else:
        assert kubectl(lab, f"get node {name} -o yaml | grep -q 'tier: web'")
    await_ready(lab)

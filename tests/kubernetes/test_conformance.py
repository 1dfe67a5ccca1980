"""Some of Kubernetes' own conformance specs, on a cluster in the lab. The whole suite takes hours:
`slipway lab conformance` runs it."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from cluster.kubeconfig import with_server
from cluster.kubernetes_api import tunnel_server
from cluster.roles import CONTROL_PLANE, WORKER
from dev.check_summary import CONFORMANCE as RAN
from dev.variables import CONFORMANCE
from lab.testing.machines import (
    Request,
    Run,
    State,
    Target,
    load_images,
    network_entry,
    open_suite,
)
from tests.kubernetes.machines import members
from tests.lab.conftest import STATE, Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1800)]

SPEC = {
    "name": "whole",
    "etcd": {"count": 1, "dataDiskGiB": 4},
    "controller": {"keep": True},
    "workers": [{"name": "worker", "count": 2}],
}
# Each has failed once, or asks what security groups and the pods' network decide.
FOCUS = (
    r"Services should (be able to create a functioning NodePort service"
    r"|have session affinity work for NodePort service"
    r"|serve endpoints on same port and different protocols"
    r"|serve a basic endpoint from pods) "
    r"|Networking Granular Checks: Pods should function for node-pod communication: (http|udp) "
    r"|DNS should provide DNS for services "
    r"|Pods should support remote command execution over websockets "
    r"|Namespaces \[Serial\] should patch a Namespace "
)


def test_kubernetes_own_specs_pass(
    lab: Lab,
    cluster: requests.Response,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    named = os.environ.get(CONFORMANCE)
    if not named:
        pytest.skip(
            "NOT RUN: no suite at hand (./slipway test --all --artifacts … --conformance …)"
        )
    assert cluster.status_code == 200, cluster.text
    suite = open_suite(Path(named))
    planes = members(lab, CONTROL_PLANE)
    load_images(suite, STATE, [*planes, *members(lab, WORKER)], print)
    (secret,) = (text for text in lab.secrets("whole") if "kubeconfig" in text)
    config = tmp_path / "kubeconfig"
    config.touch(mode=0o600)
    config.write_text(with_server(lab.secrets("whole")[secret][-1]["value"], tunnel_server()))
    way = tuple(network_entry(STATE, planes[0]))
    target = Target("whole", config, suite.program("kubectl"), way)
    request = Request(re.compile(FOCUS), 4, tmp_path / "report")
    run = Run(suite, suite.specs(), target, request, print)
    run.conduct()
    others = {
        name: (result.state, result.tail)
        for name, result in run.summary.results.items()
        if result.state != State.PASSED
    }
    assert others == {}
    assert len(run.summary.results) == 9
    record_property(RAN, str(len(run.summary.results)))

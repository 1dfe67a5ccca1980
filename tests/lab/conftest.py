"""A whole lab for the tests: real machines, real SSH, real Ansible, every activity run twice."""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from lab import control
from lab.control import CACHE, LabInfo, LabOptions
from lab.machines.machines import run_in
from lab.mirror import fill

STATE = Path("/var/lib/slipway-lab-test")
PREFIX = "slt"
SPEC: dict[str, Any] = {
    "name": "first",
    "network": {
        "vnetCidr": "10.90.0.0/16",
        "subnets": {
            "controller": "10.90.0.0/24",
            "controlPlane": "10.90.1.0/24",
            "etcd": "10.90.2.0/24",
        },
    },
    "etcd": {"count": 1, "dataDiskGiB": 4},
    "workers": [{"name": "worker", "count": 1}],
}


@dataclass
class Lab:
    """The HTTP API of the running lab, and its machines."""

    info: LabInfo

    def call(self, method: str, path: str, body: Any = None) -> requests.Response:
        headers = {"x-functions-key": self.info.key}
        return requests.request(
            method, self.info.url + path, json=body, headers=headers, timeout=60
        )

    def follow(self, path: str, seconds: float = 420) -> requests.Response:
        """As a pipeline does: until the answer is no longer 202."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            answer = self.call("GET", path)
            if answer.status_code != 202:
                return answer
            time.sleep(1)
        raise AssertionError(f"{path} never ended")

    def apply(self, spec: dict[str, Any], seconds: float = 420) -> requests.Response:
        accepted = self.call("PUT", f"/api/clusters/{spec['name']}", spec)
        assert accepted.status_code == 202, accepted.text
        return self.follow(accepted.headers["Location"], seconds)

    def events(self, name: str) -> list[dict[str, Any]]:
        return self.call("GET", f"/api/clusters/{name}/events").json()["events"]

    def slack(self) -> list[str]:
        path = STATE / "slack.jsonl"
        return path.read_text().splitlines() if path.exists() else []

    def in_machine(self, hostname: str, script: str) -> int:
        """Runs a script as root inside a machine; its exit code."""
        return run_in(STATE, hostname, ["bash", "-c", script], prefix=PREFIX)

    def faults(self, **faults: Any) -> None:
        requests.put(f"{self.info.info['azure']}/_lab/faults", json=faults, timeout=10)

    def event(self, group: str, **changes: Any) -> int:
        """A resource group event, as Event Grid delivers it."""
        subscription = self.info.info["subscription"]
        event = {
            "specversion": "1.0",
            "id": hashlib.sha256(group.encode()).hexdigest(),
            "source": f"/subscriptions/{subscription}",
            "type": "Microsoft.Resources.ResourceWriteSuccess",
            "subject": f"/subscriptions/{subscription}/resourceGroups/{group}",
            "time": "2026-01-01T00:00:00Z",
            "data": {"operationName": "Microsoft.Resources/subscriptions/resourceGroups/write"},
        }
        url = f"{self.info.url}/runtime/webhooks/eventgrid?functionName=on_group_event"
        url += f"&code={self.info.info['systemKey']}"
        return requests.post(url, json=event | changes, timeout=60).status_code


@contextmanager
def open_lab(mirror: dict[str, str], mode: str) -> Iterator[Lab]:
    """One at a time on a machine; taken down whatever happened."""
    if os.geteuid() != 0:
        pytest.fail("lab tests need root: run ./slipway test as root or with sudo")
    if control.read_info():
        pytest.fail("a lab is up; './slipway lab down' takes it down")
    control.down(lambda _: None, STATE, PREFIX)
    served = {"address": "198.18.0.1", **mirror}
    options = LabOptions(state=STATE, mode=mode, prefix=PREFIX, mirror=served)
    yield Lab(control.up(options, print))
    assert control.down(lambda _: None, STATE, PREFIX)
    assert control.down(lambda _: None, STATE, PREFIX) == []


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    made = fill(CACHE, print)
    mirror = {
        "directory": str(made.directory),
        "manifestSha256": made.manifest_sha256,
        "through": "etcd",
    }
    with open_lab(mirror, "twice") as opened:
        yield opened


@pytest.fixture(scope="module")
def cluster(lab: Lab) -> requests.Response:
    """The first cluster, brought up once for all tests, with every activity executed twice."""
    return lab.apply(SPEC)

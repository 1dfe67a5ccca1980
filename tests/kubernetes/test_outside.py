"""A cluster that gets out by a proxy only, and a registry whose authority it does not know at
first. The tests follow each other: each goes on from the cluster that the one before left."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import yaml

from dev.variables import ARTIFACTS
from tests.kubernetes.outside import PROXY, REGISTRY, Outside, open_outside
from tests.lab.conftest import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1200)]

NAME = "outside"
PLANE, WORKER = f"{NAME}-control-plane-0", f"{NAME}-worker-0"
MACHINES = (f"{NAME}-controller", f"{NAME}-etcd-0", PLANE, WORKER)
RUNNING = (PLANE, WORKER)
KUBECTL = "kubectl --kubeconfig=/etc/kubernetes/admin.conf --request-timeout=6s -n default"
IMAGE = "team/pause:1"
# A name that leads nowhere: what is pulled by it came from the mirror.
MIRRORED = "images.example.com"
PLAIN: dict[str, Any] = {
    "name": NAME,
    "etcd": {"count": 1, "dataDiskGiB": 4},
    "controller": {"keep": True},
    "workers": [{"name": "worker", "count": 1}],
}
PROXIED = PLAIN | {"proxy": {"http": PROXY}}
PULL_SECONDS = 60
ENVIRONMENT = "tr '\\0' '\\n' < /proc/$(systemctl show -P MainPID {unit})/environ"


@pytest.fixture(scope="module")
def outside(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    mirror = Path(os.environ[ARTIFACTS])
    images = yaml.safe_load((mirror / "manifest.yml").read_text())["kubernetes"]["1.36"]["images"]
    pause = next(image for image in images if image["name"] == "pause")
    archive = mirror / "pause" / pause["version"] / pause["url"]
    with open_outside(tmp_path_factory.mktemp("outside")) as opened:
        opened.push(f"docker-archive:{archive}", IMAGE)
        yield opened


@pytest.fixture(scope="module")
def cluster(lab: Lab, outside: Outside) -> requests.Response:
    return lab.apply(PROXIED, seconds=900)


@pytest.fixture(autouse=True)
def built(cluster: requests.Response) -> None:
    assert cluster.status_code == 200, cluster.text


def apply(lab: Lab, spec: dict[str, Any], *, full: bool = False) -> str:
    """The recap of the play."""
    answer = lab.apply(spec, seconds=600, full=full)
    assert answer.status_code == 200, answer.text
    return [event["text"] for event in lab.events(NAME) if "recap" in event["text"]][-1]


def start(lab: Lab, pod: str, registry: str) -> None:
    run = f"run {pod} --image={registry}/{IMAGE} --image-pull-policy=Always --restart=Never"
    assert lab.in_machine(PLANE, f"{KUBECTL} {run}") == 0


def runs(lab: Lab, pod: str, registry: str) -> bool:
    start(lab, pod, registry)
    ready = f"wait --for=condition=Ready --timeout={PULL_SECONDS}s pod/{pod}"
    return lab.in_machine(PLANE, f"{KUBECTL.replace('=6s', '=90s')} {ready}") == 0


def refused(lab: Lab, pod: str, registry: str, cause: str) -> bool:
    """Whether the pod's image is not pulled, for this cause."""
    start(lab, pod, registry)
    events = f"{KUBECTL} get events --field-selector=involvedObject.name={pod} -o json"
    until = time.monotonic() + PULL_SECONDS
    while time.monotonic() < until:
        if lab.in_machine(PLANE, f"{events} | grep -q '{cause}'") == 0:
            return True
        time.sleep(1)
    return False


def process(lab: Lab, machine: str) -> str:
    """Where containerd's process id was noted, to be held against the one of later."""
    note = "/var/tmp/containerd-was"
    assert lab.in_machine(machine, f"systemctl show -P MainPID containerd > {note}") == 0
    return f'test "$(systemctl show -P MainPID containerd)" = "$(cat {note})"'


def test_an_unknown_authority_is_refused(lab: Lab) -> None:
    assert refused(lab, "direct-0", REGISTRY, "certificate signed by unknown authority")
    assert refused(lab, "mirrored-0", MIRRORED, "ErrImagePull")


def test_an_authority_and_a_mirror_serve_at_once_without_a_restart(
    lab: Lab, outside: Outside
) -> None:
    same = process(lab, WORKER)
    registries = [
        {"host": REGISTRY, "caCertificates": [outside.authority]},
        {
            "host": MIRRORED,
            "mirrors": [f"https://{REGISTRY}"],
            "caCertificates": [outside.authority],
        },
    ]
    apply(lab, PROXIED | {"registries": registries})
    assert lab.in_machine(WORKER, same) == 0
    assert runs(lab, "direct-1", REGISTRY)
    assert runs(lab, "mirrored-1", MIRRORED)
    assert any(f"ns={MIRRORED}" in line for line in outside.served())


def test_an_authority_of_the_system_serves_every_program(lab: Lab, outside: Outside) -> None:
    ask = f"curl -sf --noproxy '*' -o /dev/null https://{REGISTRY}/v2/"
    assert [name for name in MACHINES if lab.in_machine(name, ask) == 0] == []
    changed = process(lab, WORKER)
    spec = PROXIED | {
        "trustedCertificates": [outside.authority],
        "registries": [{"host": MIRRORED, "mirrors": [f"https://{REGISTRY}/v2"]}],
    }
    apply(lab, spec)
    assert lab.in_machine(WORKER, changed) != 0, "containerd reads the store at its start only"
    assert [name for name in MACHINES if lab.in_machine(name, ask) != 0] == []
    assert lab.in_machine(WORKER, f"test -e /etc/containerd/certs.d/{REGISTRY}") != 0
    assert lab.in_machine(WORKER, f"test -e /etc/containerd/certs.d/{MIRRORED}/ca.crt") != 0
    assert runs(lab, "direct-2", REGISTRY)
    assert runs(lab, "mirrored-2", MIRRORED)
    assert "changed=0 failed=0" in apply(lab, spec, full=True)


def test_only_what_lies_outside_goes_through_the_proxy(lab: Lab, outside: Outside) -> None:
    for name in MACHINES:
        assert lab.in_machine(name, "apt-get -q update") == 0
    passed = outside.passed()
    # All machines leave their network with one address, so each has asked for the same index.
    asked = Counter(target for method, target in passed if method == "GET")
    assert max(asked.values()) >= len(MACHINES)
    assert ("CONNECT", REGISTRY) in passed
    targets = {urlsplit(t).netloc if m == "GET" else t for m, t in passed}
    archive_hosts = {target for target in targets if "debian" in target}
    assert archive_hosts
    assert targets - archive_hosts <= {REGISTRY, f"{MIRRORED}:443"}


def test_services_know_the_proxy_and_what_is_not_for_it(lab: Lab) -> None:
    for name in RUNNING:
        for unit in ("containerd", "kubelet"):
            listed = ENVIRONMENT.format(unit=unit)
            for word in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
                assert lab.in_machine(name, f"{listed} | grep -qx {word}={PROXY}") == 0, (
                    unit,
                    word,
                )
            for word in ("NO_PROXY", "no_proxy"):
                check = f"{listed} | grep '^{word}=' | tr = , | tr , '\\n' | grep -qx {WORKER}"
                assert lab.in_machine(name, check) == 0, (unit, word)


def test_what_the_spec_no_longer_names_is_gone(lab: Lab) -> None:
    apply(lab, PLAIN)
    ask = f"curl -sf -o /dev/null https://{REGISTRY}/v2/"
    assert [name for name in MACHINES if lab.in_machine(name, ask) == 0] == []
    left = (
        "ls /usr/local/share/ca-certificates/slipway-* /etc/ssl/certs/slipway-* "
        "/etc/containerd/certs.d/*; grep -h Proxy /etc/apt/apt.conf.d/*; "
        "grep -i '^[a-z_]*proxy=' /etc/slipway/proxy.env; "
    )
    for name in MACHINES:
        assert lab.in_machine(name, f'test -z "$({left} true)"') == 0, name
    for name in RUNNING:
        for unit in ("containerd", "kubelet"):
            assert lab.in_machine(name, f"{ENVIRONMENT} | grep -qi proxy".format(unit=unit)) != 0
    assert refused(lab, "direct-3", REGISTRY, "certificate signed by unknown authority")

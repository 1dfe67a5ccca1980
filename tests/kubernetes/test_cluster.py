"""The cluster that a run ends with: verified from its own API server, and again after losses."""

import re
import shlex
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from cluster.roles import CONTROL_PLANE, ETCD, WORKER
from tests.kubernetes.conftest import SPEC
from tests.kubernetes.machines import ETCDCTL, KUBECTL, kubectl, members, recap
from tests.lab.conftest import STATE, Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1200)]

BACK_SECONDS = 240
# What fills a journal: the same line, apart from its numbers, in most seconds of a minute.
WATCHED_SECONDS, MOST_SECONDS = 60, 30
REPEATED = f"""
import json, re, subprocess, sys
from collections import defaultdict
asked = ["journalctl", "--quiet", "--since=-{WATCHED_SECONDS}s", "--output=json"]
seconds = defaultdict(set)
for line in subprocess.run(asked, capture_output=True, check=True, text=True).stdout.splitlines():
    entry = json.loads(line)
    unit = entry.get("_SYSTEMD_UNIT") or entry.get("SYSLOG_IDENTIFIER")
    text = re.sub("[0-9a-f]{{8,}}|[0-9]+", "#", str(entry.get("MESSAGE")))
    seconds[unit, text].add(int(entry["__REALTIME_TIMESTAMP"]) // 1_000_000)
repeated = [(len(at), *which) for which, at in seconds.items() if len(at) >= {MOST_SECONDS}]
print(len(seconds), repeated)
sys.exit(bool(repeated))
"""
# Whether the kubelet may remove an image, as it asks containerd.
PINNED = """
import json, subprocess, sys
asked = ["crictl", "images", "--output=json"]
images = json.loads(subprocess.run(asked, capture_output=True, check=True).stdout)["images"]
loose = [image["repoTags"] for image in images if not image.get("pinned")]
print(len(images), loose)
sys.exit(bool(loose) or len(images) < 3)
"""
FETCHED = re.compile(r'"GET (\S+) HTTP/1\.\d" 200')


@pytest.fixture(autouse=True)
def built(cluster: requests.Response) -> None:
    assert cluster.status_code == 200, cluster.text


def again(lab: Lab, *, full: bool = False) -> requests.Response:
    return lab.apply(SPEC, seconds=900, full=full)


def test_the_checks_come_from_the_api_server_and_the_pods(lab: Lab) -> None:
    found = {
        check["name"]: check for check in lab.call("GET", "/api/clusters/whole").json()["checks"]
    }
    assert all(check["ok"] for check in found.values())
    assert found["nodes"]["detail"] == "5 of 5"
    first, second = members(lab, WORKER)
    assert found[f"node {first}"]["detail"].startswith("Ready, v1.36.")
    assert found[f"{first} to a neighbour"]["detail"] == f"reached {second}"
    assert found[f"{second} to a neighbour"]["detail"] == f"reached {first}"
    assert found[f"names on {first}"]["ok"]


def test_a_full_pass_changes_nothing_and_fetches_nothing(lab: Lab) -> None:
    log = STATE / "logs/mirror.log"
    before = Counter(FETCHED.findall(log.read_text()))
    assert all(times == 1 for path, times in before.items() if path != "/manifest.yml"), before
    answer = again(lab, full=True)
    assert answer.status_code == 200, answer.text
    assert "changed=0 failed=0" in recap(lab)
    after = Counter(FETCHED.findall(log.read_text()))
    assert set(after - before) <= {"/manifest.yml"}


def test_nodes_carry_the_labels_and_taints_of_their_pools(lab: Lab) -> None:
    worker = members(lab, WORKER)[0]
    assert kubectl(lab, f"get node {worker} -o yaml | grep -q 'tier: web'")
    assert kubectl(lab, f"get node {worker} -o yaml | grep -A2 taints: | grep -q PreferNoSchedule")
    assert not kubectl(lab, f"get node {worker} -o yaml | grep -q 'tier: data'")


def test_no_unit_repeats_a_line_each_second(lab: Lab) -> None:
    time.sleep(WATCHED_SECONDS)
    machines = [name for role in (ETCD, CONTROL_PLANE, WORKER) for name in members(lab, role)]
    for name in [*machines, "whole-controller"]:
        assert lab.in_machine(name, f"python3 -c {shlex.quote(REPEATED)}") == 0, name


def test_the_kubelet_keeps_every_image_that_the_play_brought(lab: Lab) -> None:
    for name in members(lab, CONTROL_PLANE) + members(lab, WORKER):
        assert lab.in_machine(name, f"python3 -c {shlex.quote(PINNED)}") == 0, name


def test_secrets_are_encrypted_in_etcd(lab: Lab) -> None:
    assert kubectl(lab, "-n default create secret generic canary --from-literal=word=plainly")
    stored = f"{ETCDCTL} get /registry/secrets/default/canary"
    etcd = members(lab, ETCD)[0]
    assert lab.in_machine(etcd, f"{stored} | grep -aq k8s:enc:secretbox:v1") == 0
    assert lab.in_machine(etcd, f"{stored} | grep -aq plainly") == 1


def test_without_a_name_one_learns_only_whether_the_api_is_well(lab: Lab) -> None:
    ask = "curl -sk -o /dev/null -w '%{http_code}' https://api.whole.slipway.internal:6443"
    worker = members(lab, WORKER)[0]
    for path, code in (("/readyz", 200), ("/version", 401), ("/api/v1/namespaces", 401)):
        assert lab.in_machine(worker, f'test "$({ask}{path})" = {code}') == 0, path


def test_privileged_pods_are_refused_outside_of_the_systems_namespace(lab: Lab) -> None:
    run = "run greedy --image=none --restart=Never --dry-run=server"
    asked = '--overrides=\'{"spec":{"hostNetwork":true}}\''
    assert kubectl(lab, f"-n default {run}")
    assert not kubectl(lab, f"-n default {run} {asked}")


@contextmanager
def asking(lab: Lab) -> Iterator[list[bool]]:
    """Asks the API by its one name from a worker, all the while."""
    worker = members(lab, WORKER)[0]
    answers: list[bool] = []
    ended = threading.Event()
    url = "https://api.whole.slipway.internal:6443/readyz"

    def ask() -> None:
        while not ended.is_set():
            answers.append(lab.in_machine(worker, f"curl -skf -m 3 -o /dev/null {url}") == 0)
            time.sleep(0.3)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        ended.set()
        thread.join()


def test_the_api_outlives_an_etcd_member(lab: Lab) -> None:
    lost = members(lab, ETCD)[0]
    assert lab.in_machine(lost, "systemctl stop etcd") == 0
    try:
        for number in range(5):
            assert kubectl(lab, f"-n default create configmap without-etcd-{number}")
    finally:
        assert lab.in_machine(lost, "systemctl start etcd") == 0


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_the_api_outlives_any_control_plane(lab: Lab, lost: int) -> None:
    name = members(lab, CONTROL_PLANE)[lost]
    kill = "for c in $(ctr -n k8s.io tasks ls -q); do ctr -n k8s.io tasks kill -s KILL $c; done"
    with asking(lab) as answers:
        assert lab.in_machine(name, f"systemctl stop kubelet; {kill} >/dev/null 2>&1; true") == 0
        try:
            time.sleep(15)  # the load balancer's probe finds it gone
            del answers[:]
            time.sleep(5)
            assert answers
            assert all(answers)
            other = (lost + 1) % 3
            assert kubectl(lab, f"-n default create configmap without-{lost}", member=other)
        finally:
            assert lab.in_machine(name, "systemctl start kubelet") == 0
    await_ready(lab)


def await_ready(lab: Lab) -> None:
    until = time.monotonic() + BACK_SECONDS
    ready = f"{KUBECTL} wait --for=condition=Ready node --all --timeout=5s >/dev/null 2>&1"
    answering = "curl -skf -m 3 -o /dev/null https://127.0.0.1:6443/readyz"
    while time.monotonic() < until:
        planes = members(lab, CONTROL_PLANE)
        if all(lab.in_machine(name, f"{answering} && {ready}") == 0 for name in planes):
            return
        time.sleep(2)
    raise AssertionError("not every node came back")


def test_every_kind_of_node_returns_from_a_reboot_by_itself(lab: Lab) -> None:
    # The start of its PID 1, in ticks of the host.
    booted = "cut -d' ' -f22 /proc/1/stat"
    rebooted = [members(lab, role)[-1] for role in (WORKER, CONTROL_PLANE, ETCD)]
    for name in rebooted:
        assert lab.in_machine(name, f"{booted} > /var/tmp/booted && systemctl reboot") == 0
    # The heartbeat of a node that is gone takes 40 s to be missed.
    time.sleep(45)
    await_ready(lab)
    for name in rebooted:
        assert lab.in_machine(name, f'test "$({booted})" != "$(cat /var/tmp/booted)"') == 0, name
    answer = again(lab)
    assert answer.status_code == 200, answer.text

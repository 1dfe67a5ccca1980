"""Add-ons of a whole cluster: metrics answer, a real browser shows the dashboard, and what is
switched off goes."""

import json
import logging
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from selenium.webdriver import Chrome

from tests.kubernetes.test_access import environment, kubeconfig, kubectl, slipway
from tests.lab.conftest import SITE, Lab
from tests.view.browser import Page, browser

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1500)]

SPEC: dict[str, Any] = {
    "name": "door",
    "controlPlane": {"count": 1, "publicApi": {"allowedSources": [f"{SITE.host}/32"]}},
    "etcd": {"count": 1, "dataDiskGiB": 4},
    "workers": [{"name": "worker", "count": 1}],
    "addOns": {"dashboard": True},
}
NODES = {"door-control-plane-0", "door-worker-0"}
LABEL = "slipway.dev/add-on"
PRESS = "[...document.querySelectorAll('button')].find(b => b.innerText === 'Authenticate').click()"
LOG = logging.getLogger(__name__)
BUSY = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: busy, namespace: default}
spec:
  selector: {matchLabels: {app: busy}}
  template:
    metadata: {labels: {app: busy}}
    spec:
      containers:
        - name: busy
          image: registry.k8s.io/pause:3.10.2
          imagePullPolicy: Never
          resources: {requests: {cpu: 10m, memory: 16Mi}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: busy, namespace: default}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: busy}
  minReplicas: 1
  maxReplicas: 2
  metrics:
    - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}
"""


@pytest.fixture(autouse=True)
def built(cluster: requests.Response) -> None:
    assert cluster.status_code == 200, cluster.text


@pytest.fixture
def config(tmp_path: Path) -> Path:
    kubeconfig(tmp_path / "door")
    return tmp_path / "door"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chrome]:
    with browser() as driver:
        yield driver


def answer_of(config: Path, *arguments: str, seconds: float = 120) -> str:
    """What kubectl says as soon as it succeeds and says something."""
    until, last = time.monotonic() + seconds, ""
    while time.monotonic() < until:
        try:
            if last := kubectl(config, *arguments).strip():
                return last
        except AssertionError as error:
            last = str(error)
        time.sleep(1)
    raise AssertionError(f"kubectl {' '.join(arguments)}: {last}")


def labelled(config: Path, name: str) -> str:
    kinds = "deployments,serviceaccounts,clusterroles,clusterrolebindings,apiservices"
    return kubectl(config, "get", kinds, "-A", "-l", f"{LABEL}={name}", "-o", "name").strip()


def used(config: Path, pod: str) -> int:
    """The pod's memory in MiB, as its add-on's own metrics tell it."""
    line = answer_of(config, "-n", "kube-system", "top", "pod", "-l", pod, "--no-headers")
    return int(re.findall(r"(\d+)Mi", line)[0])


def test_the_use_of_every_node_is_known(lab: Lab, config: Path) -> None:
    until = time.monotonic() + 90
    while True:
        lines = answer_of(config, "top", "nodes", "--no-headers").splitlines()
        known = {line.split()[0] for line in lines if "<unknown>" not in line}
        if known == NODES:
            break
        assert time.monotonic() < until, lines
        time.sleep(1)
    service = kubectl(config, "get", "apiservice", "v1beta1.metrics.k8s.io", "-o", "json")
    since = json.loads(service)["status"]["conditions"][0]["lastTransitionTime"]
    started = lab.call("GET", "/api/clusters/door").json()["startedAt"]
    seconds = datetime.fromisoformat(since) - datetime.fromisoformat(started)
    LOG.info("metrics answer %s after the run began", seconds)
    for name in ("metrics-server", "headlamp"):
        LOG.info("%s uses %s MiB", name, used(config, f"app.kubernetes.io/name={name}"))


def test_kubelets_are_asked_with_their_certificates_verified(config: Path) -> None:
    arguments = kubectl(config, "-n", "kube-system", "get", "deployment", "metrics-server",
                        "-o", "jsonpath={.spec.template.spec.containers[0].args}")  # fmt: skip
    assert "insecure" not in arguments
    log = kubectl(config, "-n", "kube-system", "logs", "deployment/metrics-server", "--since=30s")
    assert "x509" not in log


def test_autoscaling_reads_the_use_of_pods(config: Path, tmp_path: Path) -> None:
    (tmp_path / "busy.yml").write_text(BUSY)
    kubectl(config, "apply", "-f", str(tmp_path / "busy.yml"))
    active = 'jsonpath={.status.conditions[?(@.type=="ScalingActive")].status}'
    until = time.monotonic() + 180
    while kubectl(config, "-n", "default", "get", "hpa", "busy", "-o", active) != "True":
        assert time.monotonic() < until, kubectl(config, "-n", "default", "describe", "hpa", "busy")
        time.sleep(2)
    kubectl(config, "delete", "-f", str(tmp_path / "busy.yml"), "--wait=false")


@contextmanager
def opened(port: int, said: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The running command, and the token that it printed. `said`: its standard error."""
    argv = slipway("dashboard", "door", "--port", str(port), "--no-browser")
    with (
        said.open("w") as errors,
        subprocess.Popen(
            argv, env=environment(), text=True, stdout=subprocess.PIPE, stderr=errors
        ) as process,
    ):
        assert process.stdout
        try:
            token = process.stdout.readline().strip()
            assert token.count(".") == 2, said.read_text()
            yield process, token
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(90)


def listening(port: int) -> set[str]:
    """The addresses on which this machine listens at the port."""
    done = subprocess.run(["ss", "-Hltn"], check=True, capture_output=True, text=True)
    places = (line.split()[3].rpartition(":") for line in done.stdout.splitlines())
    return {address for address, _, number in places if number == str(port)}


def command_lines() -> str:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return "\n".join(found)


def asked(config: Path, token: str, path: str) -> int:
    """The status with which the public frontend answers whoever has the token."""
    server = re.findall(r"server: (\S+)", config.read_text())[0]
    headers = {"Authorization": f"Bearer {token}"}
    session = requests.Session()
    session.trust_env = False
    return session.get(server + path, headers=headers, verify=False, timeout=20).status_code


@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_a_browser_shows_the_nodes_and_the_token_ends_with_the_command(
    lab: Lab, config: Path, chromium: Chrome, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    with opened(14466, said) as (process, token):
        assert listening(14466) == {"127.0.0.1"}
        assert token not in command_lines()
        assert asked(config, token, "/api/v1/nodes") == 200
        assert asked(config, token, "/api/v1/secrets") == 403
        page = Page(chromium)
        page.size(1280, 900)
        page.open("http://127.0.0.1:14466/c/main/nodes")
        page.until("document.querySelector('#token') !== null", 60)
        page.one("#token").send_keys(token)
        page.run(PRESS)
        shown = "document.body.innerText"
        page.until(f"{shown}.includes('door-worker-0')", 60)
        for name in NODES:
            assert name in page.run(f"return {shown}")
    assert process.returncode == 0
    assert "the token was withdrawn" in said.read_text()
    assert token not in said.read_text()
    assert listening(14466) == set()
    # The API server remembers for ten seconds whom it accepted.
    lab.until("the token is refused", lambda: asked(config, token, "/api/v1/nodes") == 401, 30)
    found = kubectl(config, "-n", "kube-system", "get", "secrets", "-o", "name")
    assert "slipway-dashboard" not in found
    log = "\n".join(event["text"] for event in lab.events("door"))
    assert token not in log


def test_what_is_switched_off_goes_and_a_second_run_changes_nothing(lab: Lab, config: Path) -> None:
    off = SPEC | {"addOns": {"metrics": False, "dashboard": False}}
    answer = lab.apply(off, seconds=900)
    assert answer.status_code == 200, answer.text
    assert labelled(config, "metrics") == ""
    assert labelled(config, "dashboard") == ""
    done = subprocess.run(
        slipway("dashboard", "door", "--no-browser"),
        env=environment(), check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "addOns.dashboard: true" in done.stderr
    began = time.monotonic()
    answer = lab.apply(SPEC | {"addOns": {}}, seconds=900)
    assert answer.status_code == 200, answer.text
    LOG.info("a run that adds metrics takes %.0f s", time.monotonic() - began)
    assert labelled(config, "metrics") != ""
    answer_of(config, "top", "nodes", "--no-headers")
    answer = lab.apply(SPEC | {"addOns": {}}, seconds=900, full=True)
    assert answer.status_code == 200, answer.text
    (recap,) = [one["text"] for one in lab.events("door") if one["kind"] == "play.recap"]
    assert "changed=0 failed=0" in recap
    json.loads(kubectl(config, "get", "--raw", "/apis/metrics.k8s.io/v1beta1/nodes"))

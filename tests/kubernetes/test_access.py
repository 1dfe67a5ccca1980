"""The way in from outside: kubeconfig, tunnel and public frontend, used with a real kubectl."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from dev.variables import ARTIFACTS
from tests.lab.conftest import SITE, STATE, Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1200)]

HOST, STRANGER = SITE.host, str(SITE.public[9])
SPEC: dict[str, Any] = {
    "name": "door",
    "controlPlane": {"count": 1, "publicApi": {"allowedSources": [f"{HOST}/32"]}},
    "etcd": {"count": 1, "dataDiskGiB": 4},
    "workers": [{"name": "worker", "count": 1}],
}
NODES = {"door-control-plane-0", "door-worker-0"}


@pytest.fixture(autouse=True)
def built(cluster: requests.Response) -> None:
    assert cluster.status_code == 200, cluster.text


def slipway(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "cli", *arguments]


def environment() -> dict[str, str]:
    """Without what leads elsewhere: another app, another cluster, a proxy."""
    others = ("SLIPWAY_", "KUBE")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(others)}
    kept = {k: v for k, v in kept.items() if not k.lower().endswith("_proxy")}
    return kept | {"SLIPWAY_LAB_DIR": str(STATE)}


def kubeconfig(path: Path, *options: str) -> str:
    """What it said; the file is checked for its mode."""
    done = subprocess.run(
        slipway("kubeconfig", "door", "-o", str(path), *options),
        env=environment(), check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert path.stat().st_mode & 0o777 == 0o600
    return done.stderr


def kubectl(config: Path, *arguments: str) -> str:
    (mirrored,) = Path(os.environ[ARTIFACTS]).glob("kubectl/*/kubectl")
    program = config.parent / "kubectl"
    if not program.exists():
        shutil.copy(mirrored, program)
        program.chmod(0o755)
    done = subprocess.run(
        [str(program), f"--kubeconfig={config}", "--request-timeout=20s", *arguments],
        env=environment() | {"HOME": str(config.parent)},
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def version(config: Path) -> str:
    """The server's."""
    return json.loads(kubectl(config, "version", "-o", "json"))["serverVersion"]["gitVersion"]


def nodes(config: Path) -> set[str]:
    found = json.loads(kubectl(config, "get", "nodes", "-o", "json"))["items"]
    return {node["metadata"]["name"] for node in found}


def controller(lab: Lab) -> str:
    """`running`, or `deallocated`."""
    pid = STATE / "machines" / "door-rg--door-controller" / "pid"
    return "running" if pid.exists() else "deallocated"


@contextmanager
def open_tunnel(port: int) -> Iterator["subprocess.Popen[str]"]:
    argv = slipway("tunnel", "door", "--port", str(port))
    with subprocess.Popen(argv, env=environment(), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        try:
            told = ""
            while "Ctrl-C ends it" not in told:
                line = process.stderr.readline()
                assert line, f"it ended: {told}"
                told += line
            assert "deallocates door-controller" in told
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def test_the_api_is_reached_by_its_public_frontend(lab: Lab, tmp_path: Path) -> None:
    access = lab.call("GET", "/api/clusters/door").json()["access"]
    said = kubeconfig(tmp_path / "door")
    assert f"https://{access['publicAddress']}:6443" in said
    assert version(tmp_path / "door").startswith("v1.36.")
    assert nodes(tmp_path / "door") == NODES
    assert kubectl(tmp_path / "door", "auth", "can-i", "*", "*").strip() == "yes"
    told = kubectl(tmp_path / "door", "auth", "whoami", "-o", "json")
    assert json.loads(told)["status"]["userInfo"]["username"] == "slipway-admin"


def test_its_address_is_in_the_api_servers_certificate(lab: Lab, tmp_path: Path) -> None:
    """Without `tls-server-name`: as a client that knows nothing but the address."""
    kubeconfig(tmp_path / "door")
    plain = yaml.safe_load((tmp_path / "door").read_text())
    del plain["clusters"][0]["cluster"]["tls-server-name"]
    (tmp_path / "door").write_text(yaml.safe_dump(plain))
    assert nodes(tmp_path / "door") == NODES


def test_an_address_that_is_not_on_the_list_does_not_reach_it(lab: Lab) -> None:
    address = lab.call("GET", "/api/clusters/door").json()["access"]["publicAddress"]
    ask = ["curl", "-sk", "-m", "4", "-o", "/dev/null", "-w", "%{http_code}", "--noproxy", "*"]
    device = ["dev", SITE.host_link]
    subprocess.run(["ip", "address", "add", f"{STRANGER}/32", *device], check=True)
    try:
        answers = [
            subprocess.run(
                [*ask, "--interface", source, f"https://{address}:6443/readyz"],
                check=False, capture_output=True, text=True,
            )
            for source in (HOST, STRANGER, HOST)
        ]  # fmt: skip
    finally:
        subprocess.run(["ip", "address", "delete", f"{STRANGER}/32", *device], check=True)
    assert [answer.stdout for answer in answers] == ["200", "000", "200"]
    assert answers[1].returncode == 28, "a timeout: its packets are dropped"


def test_the_tunnel_starts_the_controller_and_leaves_nothing_behind(
    lab: Lab, tmp_path: Path
) -> None:
    assert controller(lab) == "deallocated"
    with open_tunnel(16443) as process:
        assert controller(lab) == "running"
        assert "slipway tunnel door --port 16443" in kubeconfig(tmp_path / "t", "--port", "16443")
        assert version(tmp_path / "t").startswith("v1.36.")
        assert nodes(tmp_path / "t") == NODES
    assert process.returncode == 0
    until = time.monotonic() + 60
    while controller(lab) != "deallocated" and time.monotonic() < until:
        time.sleep(0.5)
    assert controller(lab) == "deallocated"


def test_a_frontend_whose_backends_fail_their_probe_lets_nobody_through(
    lab: Lab, tmp_path: Path
) -> None:
    kubeconfig(tmp_path / "door")
    stop = "systemctl stop kubelet; crictl ps -q --name kube-apiserver | xargs -r crictl stop"
    assert lab.in_machine("door-control-plane-0", f"{stop} >/dev/null 2>&1; true") == 0
    address = lab.call("GET", "/api/clusters/door").json()["access"]["publicAddress"]
    ask = ["curl", "-sk", "-m", "3", "--noproxy", "*", f"https://{address}:6443/readyz"]
    try:
        time.sleep(15)
        assert subprocess.run(ask, check=False, capture_output=True).returncode in (7, 28)
    finally:
        assert lab.in_machine("door-control-plane-0", "systemctl start kubelet") == 0
    until = time.monotonic() + 120
    while subprocess.run(ask, check=False, capture_output=True).stdout != b"ok":
        assert time.monotonic() < until
        time.sleep(1)


def test_nothing_of_the_kubeconfig_is_in_history_events_or_blobs(lab: Lab, tmp_path: Path) -> None:
    kubeconfig(tmp_path / "door")
    user = yaml.safe_load((tmp_path / "door").read_text())["users"][0]["user"]
    key = user["client-key-data"]
    shapes = key[60:120].encode(), b64decode(key).splitlines()[1]
    needle = re.compile(b"|".join(re.escape(shape) for shape in shapes))
    searched = [STATE / "blobs", STATE / "logs", STATE / "arm.json"]
    files = [f for top in searched for f in ([top] if top.is_file() else top.rglob("*"))]
    assert len(files) > 10
    for file in files:
        if file.is_file():
            assert not needle.search(file.read_bytes()), file

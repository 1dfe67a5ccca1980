"""An API server that began with fewer etcd members uses those that were added."""

import runpy
import stat
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[2] / "playbooks/roles/control_plane/files/use-etcd-servers.py"
ONE, TWO, THREE = (f"https://10.0.2.{number}:2379" for number in (4, 5, 6))
MANIFEST = f"""spec:
  containers:
  - command:
    - kube-apiserver
    - --etcd-cafile=/etc/kubernetes/etcd/ca.crt
    - --etcd-servers={ONE}
    - --etcd-servers-overrides=/events#{ONE}
    - --profiling=false
"""
CONFIGURATION = f"""apiVersion: kubeadm.k8s.io/v1beta4
etcd:
  external:
    caFile: /etc/kubernetes/etcd/ca.crt
    endpoints:
    - {ONE}
    keyFile: /etc/kubernetes/etcd/client.key
kubernetesVersion: v1.36.2
networking:
  podSubnet: 10.244.0.0/16
"""


@pytest.fixture(scope="module")
def program() -> dict[str, Any]:
    return runpy.run_path(str(PROGRAM))


def test_only_the_servers_of_the_manifest_change(program: dict[str, Any]) -> None:
    changed = program["with_servers"](MANIFEST, [ONE, TWO, THREE])
    lines = dict(zip(MANIFEST.splitlines(), changed.splitlines(), strict=True))
    differing = {old: new for old, new in lines.items() if old != new}
    assert differing == {f"    - --etcd-servers={ONE}": f"    - --etcd-servers={ONE},{TWO},{THREE}"}
    assert program["with_servers"](changed, [ONE, TWO, THREE]) == changed


def test_only_the_endpoints_of_kubeadms_configuration_change(program: dict[str, Any]) -> None:
    changed = program["with_endpoints"](CONFIGURATION, [ONE, TWO])
    assert changed == CONFIGURATION.replace(f"    - {ONE}\n", f"    - {ONE}\n    - {TWO}\n")
    assert program["with_endpoints"](changed, [ONE]) == CONFIGURATION


def test_the_endpoints_that_kubeadm_asks_for_health_change_too(program: dict[str, Any]) -> None:
    later = CONFIGURATION.replace("    keyFile", f"    httpEndpoints:\n    - {ONE}\n    keyFile")
    changed = program["with_endpoints"](later, [ONE, TWO])
    assert changed == later.replace(f"    - {ONE}\n", f"    - {ONE}\n    - {TWO}\n")


def test_a_configuration_without_endpoints_is_an_error(program: dict[str, Any]) -> None:
    with pytest.raises(SystemExit, match="names no endpoints of etcd"):
        program["with_endpoints"]("etcd:\n  local:\n    dataDir: /var/lib/etcd\n", [ONE])


def test_the_manifest_is_exchanged_whole_and_stays_private(
    program: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "manifests/kube-apiserver.yaml"
    path.parent.mkdir()
    path.write_text(MANIFEST)
    assert program["update_manifest"](path, [ONE, TWO]) is True
    assert f"--etcd-servers={ONE},{TWO}\n" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    # The kubelet runs whatever lies in that folder.
    assert [one.name for one in path.parent.iterdir()] == ["kube-apiserver.yaml"]
    assert program["update_manifest"](path, [ONE, TWO]) is False


def test_the_servers_that_a_running_process_uses_are_found(
    program: dict[str, Any], tmp_path: Path
) -> None:
    for number, words in {
        "7": ["kube-apiserver", "--v=2", f"--etcd-servers={ONE}"],
        "8": ["/usr/local/bin/kube-apiserver", f"--etcd-servers={ONE},{TWO}"],
        "9": ["python3", "use-etcd-servers.py", f"--etcd-servers={THREE}"],
    }.items():
        (tmp_path / number).mkdir()
        (tmp_path / number / "cmdline").write_bytes("\0".join(words).encode() + b"\0")
    (tmp_path / "10").mkdir()  # it has ended meanwhile
    assert sorted(program["running"](tmp_path)) == [ONE, f"{ONE},{TWO}"]

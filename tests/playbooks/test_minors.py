"""The files that a play takes for each minor of Kubernetes: the role's own tasks, run here."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.add_ons import STAGE, AddOns, add_on_variables

# Ansible takes seconds to start.
pytestmark = pytest.mark.long

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
CONTROL_PLANE = PLAYBOOKS / "roles/control_plane"
MANIFEST: dict[str, Any] = yaml.safe_load((PLAYBOOKS / "vars/manifest.yml").read_text())
RELEASES: dict[str, Any] = MANIFEST["kubernetes"]
STAGES = ["runtime", "etcd", "control-plane", "workers", "network"]
VARIABLES: dict[str, Any] = {
    "ansible_connection": "local",
    "ansible_python_interpreter": sys.executable,
    "slipway_artifacts_url": "",
    "slipway_address": "10.0.1.4",
    "slipway_api_address": "10.0.1.100",
    "slipway_api_name": "api.demo.internal",
    "slipway_api_public_addresses": [],
    "slipway_cluster": "demo",
    "slipway_pod_cidr": "10.244.0.0/16",
    "slipway_service_cidr": "10.96.0.0/16",
}


def until_checked() -> list[dict[str, Any]]:
    """The role's tasks up to the one that stops a play whose manifest lacks something."""
    tasks = yaml.safe_load((PLAYBOOKS / "roles/artifacts/tasks/main.yml").read_text())
    names = [task["name"] for task in tasks]
    return tasks[: names.index("Stop if the manifest lacks an artifact or image") + 1]


def play(
    directory: Path, minor: str, manifest: dict[str, Any], stages: list[str]
) -> "subprocess.CompletedProcess[str]":
    """Runs the tasks, and writes the names of what they chose and kubeadm's configuration."""
    (directory / "vars").mkdir()
    (directory / "vars/manifest.yml").write_text(yaml.safe_dump(manifest))
    chosen = "{{ artifacts_by_name.values() | list + artifacts_images }}"
    template = f"lookup('ansible.builtin.template', '{CONTROL_PLANE}/templates/kubeadm.yml.j2')"
    tasks = [
        *until_checked(),
        {"ansible.builtin.copy": {"dest": f"{directory}/chosen.json", "content": chosen}},
        {
            "ansible.builtin.copy": {
                "dest": f"{directory}/kubeadm.yml",
                "content": "{{ " + template + " }}",
            },
            "when": "'control-plane' in slipway_stages",
        },
    ]
    files = [
        PLAYBOOKS / "roles/artifacts/defaults/main.yml",
        PLAYBOOKS / "roles/artifacts/vars/main.yml",
        CONTROL_PLANE / "defaults/main.yml",
    ]
    variables = VARIABLES | {
        "slipway_add_ons": add_on_variables(AddOns(dashboard=True), [STAGE]),
        "artifacts_directory": str(directory / "artifacts"),
        "slipway_kubernetes_version": minor,
        "slipway_stages": stages,
    }
    for file in files:
        variables = yaml.safe_load(file.read_text()) | variables
    groups = {
        "controller": {"hosts": {"localhost": {}}},
        "etcd": {"hosts": {"e0": {"slipway_address": "10.0.2.4"}}},
    }
    inventory = {"all": {"vars": variables, "children": groups}}
    (directory / "hosts.json").write_text(json.dumps(inventory))
    book = [{"hosts": "controller", "gather_facts": False, "tasks": tasks}]
    (directory / "play.json").write_text(json.dumps(book))
    return subprocess.run(
        [f"{Path(sys.executable).parent}/ansible-playbook", "-i", "hosts.json", "play.json"],
        cwd=directory,
        env={"HOME": str(directory), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize("minor", RELEASES)
def test_a_play_takes_the_files_and_writes_the_configuration_of_its_minor(
    tmp_path: Path, minor: str
) -> None:
    done = play(tmp_path, minor, MANIFEST, STAGES)
    assert done.returncode == 0, done.stdout[-3000:]
    chosen = json.loads((tmp_path / "chosen.json").read_text())
    release = RELEASES[minor]
    wanted = MANIFEST["artifacts"] + release["artifacts"] + release["images"]
    assert sorted(e["name"] + e["version"] for e in chosen) == sorted(
        e["name"] + e["version"] for e in wanted
    )
    documents = list(yaml.safe_load_all((tmp_path / "kubeadm.yml").read_text()))
    kinds = {document["kind"]: document for document in documents}
    cluster = kinds["ClusterConfiguration"]
    assert cluster["kubernetesVersion"] == f"v{release['version']}"
    # v1beta4 is what kubeadm has read since 1.31.
    assert cluster["apiVersion"] == "kubeadm.k8s.io/v1beta4"
    # 1.35 removed this flag of the kubelet.
    assert "pod-infra-container-image" not in (tmp_path / "kubeadm.yml").read_text()


def test_a_manifest_of_another_minor_stops_the_play_and_says_what_it_has(tmp_path: Path) -> None:
    """A mirror that an earlier version made has one minor."""
    earlier = MANIFEST | {"kubernetes": {"1.36": RELEASES["1.36"]}}
    done = play(tmp_path, "1.35", earlier, STAGES)
    assert done.returncode != 0
    shown = " ".join(done.stdout.split())
    assert "for Kubernetes 1.35, it has Kubernetes 1.36; name a mirror that has it" in shown
    assert "slipway mirror DIR --kubernetes 1.35" in shown
    assert not (tmp_path / "chosen.json").exists()


@pytest.mark.parametrize("held", [{}, {"kubernetes": {"1.36": RELEASES["1.36"]}}])
def test_a_play_that_ends_before_kubernetes_needs_no_minor(
    tmp_path: Path, held: dict[str, Any]
) -> None:
    manifest = {"artifacts": MANIFEST["artifacts"]} | held
    done = play(tmp_path, "1.34", manifest, ["runtime", "etcd"])
    assert done.returncode == 0, done.stdout[-3000:]
    chosen = json.loads((tmp_path / "chosen.json").read_text())
    assert {e["name"] for e in chosen} == {"containerd", "runc", "cni-plugins", "etcd"}

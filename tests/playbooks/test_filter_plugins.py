"""What the playbooks' filters make of the spec's data, and that Ansible finds each of them."""

import io
import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from activities.bundle import playbook_bundle
from playbooks.filter_plugins import (
    artifacts,
    authorities,
    contents,
    etcd_space,
    package_lists,
    registries,
)

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
CERTS = "/etc/containerd/certs.d"
STORE = "/usr/local/share/ca-certificates"


def entry(name: str, version: str, file: str) -> artifacts.Artifact:
    url = f"https://releases.example/{version}/{file}"
    return {"name": name, "version": version, "url": url, "sha256": name * 4}


RUNC, CRICTL = entry("runc", "1.4", "runc.amd64"), entry("crictl", "1.36", "crictl.tar.gz")


def test_the_controller_downloads_from_the_publisher_or_from_the_mirror() -> None:
    target = {"sha256": "runc" * 4, "path": "/artifacts/runc.amd64"}
    (direct,) = artifacts.controller_downloads([RUNC], "/artifacts", "")
    assert direct == {"url": "https://releases.example/1.4/runc.amd64", **target}
    (mirrored,) = artifacts.controller_downloads([RUNC], "/artifacts", "http://mirror.example/m")
    assert mirrored == {"url": "http://mirror.example/m/runc/1.4/runc.amd64", **target}


def test_a_node_downloads_programs_images_and_crictl_from_the_controller() -> None:
    kubelet, pause = entry("kubelet", "1.36", "kubelet"), entry("pause", "3", "pause.tar")
    known = {"kubelet": kubelet, "crictl": CRICTL, "runc": RUNC}
    found = artifacts.node_downloads(
        known, "http://10.0.0.4:8480", ["kubelet"], [pause], "/images", "/opt/crictl"
    )
    assert found == [
        {
            "url": "http://10.0.0.4:8480/kubelet",
            "sha256": "kubelet" * 4,
            "path": "/usr/local/bin/kubelet",
            "mode": "0755",
        },
        {
            "url": "http://10.0.0.4:8480/pause.tar",
            "sha256": "pause" * 4,
            "path": "/images/pause.tar",
        },
        {
            "url": "http://10.0.0.4:8480/crictl.tar.gz",
            "sha256": "crictl" * 4,
            "unpack": "/opt/crictl",
        },
    ]


def test_a_pulled_image_has_the_path_and_checksum_of_its_archive() -> None:
    pause = {"name": "pause", "image": "registry.example/pause:3", "digest": "sha256:1"}
    stat = {"path": "/artifacts/sha256-1.tar", "checksum": "ab", "exists": True}
    assert artifacts.pulled_images([{"artifacts_item": pause, "stat": stat}]) == [
        {**pause, "url": "/artifacts/sha256-1.tar", "sha256": "ab"}
    ]


def test_an_authority_is_stale_when_the_spec_does_not_name_it_in_either_directory() -> None:
    trusted: list[authorities.Authority] = [{"name": "slipway-a.crt", "pem": "PEM A"}]
    assert authorities.authority_files(trusted, STORE) == [
        {"path": f"{STORE}/slipway-a.crt", "content": "PEM A"}
    ]
    found = [f"{STORE}/slipway-a.crt", f"{STORE}/slipway-b.crt",
             "/etc/ssl/certs/slipway-a.pem", "/etc/ssl/certs/slipway-b.pem"]  # fmt: skip
    assert authorities.stale_authorities(found, trusted) == [found[1], found[3]]
    assert authorities.stale_authorities(found, []) == found


def registry(host: str, pem: str = "") -> registries.Registry:
    return {"host": host, "mirrors": [], "authorities": pem}


def test_a_registry_has_a_file_of_authorities_only_if_it_has_some() -> None:
    files = registries.registry_files(
        [registry("a.example", "PEM A"), registry("b.example")], CERTS
    )
    assert [file["path"] for file in files] == [
        f"{CERTS}/a.example/ca.crt",
        f"{CERTS}/a.example/hosts.toml",
        f"{CERTS}/b.example/hosts.toml",
    ]
    assert files[0]["content"] == "# Managed by Slipway.\nPEM A"
    assert all(file["content"].startswith(registries.MARK) for file in files)


def test_the_mark_that_the_role_looks_for_is_the_mark_of_the_files() -> None:
    variables = (PLAYBOOKS / "roles/runtime/vars/main.yml").read_text()
    assert f'runtime_registry_mark: "{registries.MARK}"' in variables


def test_a_registry_that_the_spec_no_longer_names_is_removed_as_a_whole() -> None:
    found = [f"{CERTS}/a.example/ca.crt", f"{CERTS}/a.example/hosts.toml",
             f"{CERTS}/gone.example/ca.crt", f"{CERTS}/gone.example/hosts.toml"]  # fmt: skip
    stale = registries.stale_registry_paths(found, [registry("a.example")], CERTS)
    assert stale == [f"{CERTS}/a.example/ca.crt", f"{CERTS}/gone.example"]
    assert registries.stale_registry_paths(found[:2], [registry("a.example", "PEM")], CERTS) == []


def test_files_and_contents_are_joined_in_their_order_and_never_cut() -> None:
    files = [{"path": "/a", "mode": "0600"}, {"path": "/b"}]
    assert contents.with_contents(files, ["A", "B"]) == [
        {"path": "/a", "mode": "0600", "content": "A"},
        {"path": "/b", "content": "B"},
    ]
    with pytest.raises(ValueError, match="shorter"):
        contents.with_contents(files, ["A"])


def test_each_nodes_list_of_packages_is_a_file_of_its_name() -> None:
    assert package_lists.package_lists(["n0", "n1"], ["a 1\nb 2", "a 1"], "/packages") == [
        {"path": "/packages/n0.txt", "content": "a 1\nb 2\n"},
        {"path": "/packages/n1.txt", "content": "a 1\n"},
    ]
    with pytest.raises(ValueError, match="shorter"):
        package_lists.package_lists(["n0", "n1"], ["a 1"], "/packages")


def used() -> set[str]:
    """Filters of Slipway's own that playbooks and roles call."""
    texts = [path.read_text() for path in PLAYBOOKS.rglob("*.yml")]
    return {name for text in texts for name in re.findall(r"\|\s*(slipway_\w+)", text)}


def provided() -> set[str]:
    modules: tuple[Any, ...] = (
        artifacts,
        authorities,
        contents,
        etcd_space,
        package_lists,
        registries,
    )
    return {name for module in modules for name in module.FilterModule().filters()}


def test_every_filter_is_used_and_every_filter_that_is_used_exists() -> None:
    assert used() == provided()


def test_ansible_finds_the_filters_of_a_bundle(tmp_path: Path) -> None:
    """The configuration and the filters as they lie on the controller."""
    with tarfile.open(fileobj=io.BytesIO(playbook_bundle().data)) as archive:
        archive.extractall(tmp_path, filter="data")
    expression = "{{ ['n0'] | slipway_package_lists(['a 1'], '/packages') | to_json }}"
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible"), "localhost", "--module-name", "debug",
         "--args", json.dumps({"msg": expression})],
        cwd=tmp_path, check=False, capture_output=True, text=True,
        env=os.environ | {"ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"), "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "/packages/n0.txt" in done.stdout

"""Images that a manifest names by digest, as the official ones are: pulled once, by the controller,
here through a private mirror of their registry. The second test goes on from the first."""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.add_ons import ADD_ONS, AddOns
from dev.variables import ARTIFACTS
from lab.testing.machines import ensure_packages, serve_directory
from tests.kubernetes.outside import REGISTRY, Outside, open_outside
from tests.lab.conftest import SITE, Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1200)]

NAME = "digests"
UPSTREAM = "registry.k8s.io"
NODES = (f"{NAME}-control-plane-0", f"{NAME}-worker-0")
LATE = "pause"


@dataclass(frozen=True)
class Pinned:
    """`images` are entries of the manifest; each lies under its name in `directory`."""

    spec: dict[str, Any]
    images: list[dict[str, str]]
    directory: Path

    def source(self, image: dict[str, str]) -> str:
        return f"dir:{self.directory / image['name']}"

    def repository(self, image: dict[str, str]) -> str:
        return image["image"].removeprefix(f"{UPSTREAM}/")


@pytest.fixture(scope="module")
def outside(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    with open_outside(tmp_path_factory.mktemp("outside")) as opened:
        yield opened


@pytest.fixture(scope="module")
def pinned(outside: Outside, tmp_path_factory: pytest.TempPathFactory) -> Pinned:
    """The named mirror's files, but its images by digest and in the registry only."""
    ensure_packages(print, ("skopeo",))
    named, folder = Path(os.environ[ARTIFACTS]), tmp_path_factory.mktemp("pinned")
    (folder / "mirror").mkdir()
    for entry in named.iterdir():
        if entry.is_dir():
            (folder / "mirror" / entry.name).symlink_to(entry)
    manifest = yaml.safe_load((named / "manifest.yml").read_text())
    images: list[dict[str, str]] = []
    for image in manifest["kubernetes"]["1.36"]["images"]:
        archive = named / image["name"] / image["version"] / image["url"]
        (folder / "mirror" / image["name"]).unlink()
        copy = ["skopeo", "--insecure-policy", "copy", "--dest-compress"]
        copy += [f"docker-archive:{archive}", f"dir:{folder / image['name']}"]
        subprocess.run(copy, check=True)
        digest = hashlib.sha256((folder / image["name"] / "manifest.json").read_bytes())
        kept = {key: image[key] for key in ("name", "version", "image")}
        images.append(kept | {"digest": f"sha256:{digest.hexdigest()}"})
    manifest["kubernetes"]["1.36"]["images"] = images
    (folder / "mirror/manifest.yml").write_text(text := yaml.safe_dump(manifest))
    spec = {
        "name": NAME,
        "etcd": {"count": 1, "dataDiskGiB": 4},
        "controller": {"keep": True},
        "workers": [{"name": "worker", "count": 1}],
        "registries": [
            {
                "host": UPSTREAM,
                "mirrors": [f"https://{REGISTRY}"],
                "caCertificates": [outside.authority],
            }
        ],
        "artifacts": {
            "url": serve_directory(folder / "mirror", SITE.host, folder / "log"),
            "manifestSha256": hashlib.sha256(text.encode()).hexdigest(),
        },
    }
    return Pinned(spec, images, folder)


def test_a_missing_image_is_named_before_a_node_is_changed(
    lab: Lab, outside: Outside, pinned: Pinned
) -> None:
    for image in pinned.images:
        if image["name"] != LATE:
            outside.push(pinned.source(image), pinned.repository(image))
    cause = lab.refused(pinned.spec)
    assert cause["code"] == "PlayFailed"
    late = next(image for image in pinned.images if image["name"] == LATE)
    assert late["digest"] in str(cause), cause
    for name in NODES:
        assert lab.in_machine(name, "! test -e /etc/sysctl.d/90-slipway.conf") == 0


def test_each_image_is_pulled_once_for_all_nodes(
    lab: Lab, outside: Outside, pinned: Pinned
) -> None:
    late = next(image for image in pinned.images if image["name"] == LATE)
    outside.push(pinned.source(late), pinned.repository(late))
    part = f"/var/lib/slipway/artifacts/{late['digest'].replace(':', '-')}.tar.part"
    assert lab.in_machine(f"{NAME}-controller", f"echo half >{part}") == 0, "as a killed pull does"
    answer = lab.apply(pinned.spec, seconds=900)
    assert answer.status_code == 200, answer.text
    answer = lab.apply(pinned.spec, seconds=600, full=True)
    assert answer.status_code == 200, answer.text
    last = [event["text"] for event in lab.events(NAME) if "recap" in event["text"]][-1]
    assert "changed=0 failed=0" in last
    manifests = [line for line in outside.served() if '"GET ' in line and "/manifests/" in line]
    off = {name for it in ADD_ONS if not AddOns().enabled(it) for name in it.images}
    for image in pinned.images:
        mine = [line for line in manifests if f"/manifests/{image['digest']}" in line]
        pulls = len([line for line in mine if '" 200 ' in line])
        assert pulls == (0 if image["name"] in off else 1), (image, mine)
    assert lab.in_machine(f"{NAME}-controller", f"test -e {part}") == 1
    listed = "ctr -n k8s.io images ls -q"
    for name in NODES:
        assert lab.in_machine(name, f"{listed} | grep -qxF {late['image']}") == 0

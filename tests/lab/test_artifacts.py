"""Mirrors that are not what their manifest says: the play ends before a node is changed."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.testing.machines import CACHE, fill, serve_directory
from tests.lab.conftest import SITE, Lab

pytestmark = pytest.mark.lab

SPEC: dict[str, Any] = {
    "name": "altered",
    "etcd": {"count": 1, "dataDiskGiB": 4},
    "workers": [{"name": "worker", "count": 0}],
    "playbook": {"through": "etcd"},
}


def spoil(folder: Path) -> dict[str, str]:
    """A copy of the lab's mirror with one file altered and one missing; their names by artifact."""
    shutil.copytree(fill(CACHE, print).directory, folder)
    entries = yaml.safe_load((folder / "manifest.yml").read_text())["artifacts"]
    files = {entry["name"]: folder / entry["name"] / entry["version"] / entry["url"]
             for entry in entries}  # fmt: skip
    with files["etcd"].open("ab") as file:
        file.write(b"altered")
    files["runc"].unlink()
    return {name: path.name for name, path in files.items()}


def test_what_is_altered_or_missing_is_named_before_a_node_is_changed(
    lab: Lab, tmp_path: Path
) -> None:
    names = spoil(tmp_path / "mirror")
    url = serve_directory(tmp_path / "mirror", SITE.host, tmp_path / "log")
    manifest = hashlib.sha256((tmp_path / "mirror/manifest.yml").read_bytes()).hexdigest()
    answer = lab.apply({**SPEC, "artifacts": {"url": url, "manifestSha256": manifest}})
    assert answer.status_code == 424, answer.text
    cause = answer.json()["cause"]
    assert cause["code"] == "PlayFailed", cause
    assert f"{names['etcd']} has the SHA-256" in str(cause)
    assert f"{names['runc']} cannot be fetched: HTTP Error 404" in str(cause)
    untouched = "! test -e /etc/sysctl.d/90-slipway.conf"
    assert lab.in_machine("altered-etcd-0", untouched) == 0
    assert lab.in_machine("altered-control-plane-0", untouched) == 0

    # The same spec with the lab's own mirror goes on from there.
    assert lab.apply(SPEC | {"playbook": {"through": "base"}}).status_code == 200
    assert lab.in_machine("altered-etcd-0", untouched) != 0

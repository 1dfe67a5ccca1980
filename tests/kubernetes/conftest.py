"""A whole cluster on real machines, from a mirror that is named with --artifacts."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from dev.variables import ARTIFACTS
from tests.lab.conftest import Lab, open_lab

SPEC: dict[str, Any] = {
    "name": "whole",
    "controlPlane": {"count": 3},
    "etcd": {"count": 3, "dataDiskGiB": 4},
    "controller": {"keep": True},
    "workers": [
        {
            "name": "worker",
            "count": 2,
            "labels": {"tier": "web"},
            "taints": [{"key": "spot", "value": "yes", "effect": "PreferNoSchedule"}],
        }
    ],
}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    named = os.environ.get(ARTIFACTS)
    if not named:
        pytest.skip("NOT RUN: no artifacts at hand (./slipway test --all --artifacts DIR)")
    digest = hashlib.sha256((Path(named) / "manifest.yml").read_bytes()).hexdigest()
    with open_lab({"directory": named, "manifestSha256": digest}, "once") as opened:
        yield opened


@pytest.fixture(scope="module")
def cluster(lab: Lab, request: pytest.FixtureRequest) -> requests.Response:
    """Each module has its own, of its own SPEC where it has one."""
    return lab.apply(getattr(request.module, "SPEC", SPEC), seconds=900)

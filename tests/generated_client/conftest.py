"""A client of the API, generated from the OpenAPI document in an environment of its own."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dev.paths import ROOT
from lab.testing.machines import prepare
from triggers.documents import openapi

VENV, LOCK = ROOT / ".venv-openapi-client", ROOT / "requirements" / "openapi-client.txt"
PACKAGE = "slipway_client"
LAUNCH = Path(__file__).with_name("launch.py")
SECONDS = 280.0

type Launch = Callable[[str, str, dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder that the generated package is in, and what the generator printed."""
    if fault := prepare(VENV, LOCK):
        pytest.skip(f"pip could not install {LOCK.name}: {fault.splitlines()[-1]}")
    folder = tmp_path_factory.mktemp("generated")
    document, config = folder / "openapi.json", folder / "config.json"
    document.write_text(json.dumps(openapi()), encoding="utf-8")
    # The generator's hooks format the code, which nobody reads here.
    config.write_text(json.dumps({"post_hooks": [], "package_name_override": PACKAGE}))
    arguments = {
        "--path": document,
        "--config": config,
        "--output-path": folder / PACKAGE,
        "--meta": "none",
    }
    argv = [str(part) for pair in arguments.items() for part in pair]
    program = str(VENV / "bin" / "openapi-python-client")
    done = subprocess.run(
        [program, "generate", *argv], capture_output=True, text=True, check=False, timeout=120
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    return folder, printed


@pytest.fixture
def launch(generated: tuple[Path, str], tmp_path: Path) -> Launch:
    """Launches and removes a cluster by the generated client; returns what the client saw."""

    def run(url: str, key: str, spec: dict[str, Any], seconds: float = SECONDS) -> dict[str, Any]:
        path = tmp_path / "spec.json"
        path.write_text(json.dumps(spec), encoding="utf-8")
        done = subprocess.run(
            [str(VENV / "bin" / "python"), "-W", "error", str(LAUNCH), url, key, str(path)],
            env=os.environ | {"PYTHONPATH": str(generated[0]), "NO_PROXY": "*"},
            capture_output=True, text=True, check=False, timeout=seconds,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-4000:]
        return json.loads(done.stdout)

    return run

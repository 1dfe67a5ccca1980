"""What importing the clients costs: nothing of the SDKs, which are imported where they are used."""

import subprocess
import sys
from pathlib import Path

import pytest

import clients

ROOT = Path(clients.__path__[0]).parent
PACKAGES = ("clients", "doctor", "planning", "telemetry")
HEAVY = ("azure.core", "azure.identity", "azure.mgmt", "msal", "paramiko", "requests", "slack_sdk")
# These hold subclasses of the SDKs' classes, and are imported where a client is made.
ON_DEMAND = (
    "clients.azure.limited_transport",
    "clients.azure.loopback",
    "clients.azure.retries",
)
MODULES = sorted(
    name
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
    if (name := ".".join(path.relative_to(ROOT).with_suffix("").parts)) not in ON_DEMAND
)
SCRIPT = """
import importlib, sys
for name in {modules!r}:
    importlib.import_module(name)
print(*[name for name in {heavy!r} if name in sys.modules])
"""


def test_no_sdk_is_imported_before_it_is_used() -> None:
    script = SCRIPT.format(modules=MODULES, heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, text=True, capture_output=True, check=True
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", ON_DEMAND)
def test_what_is_imported_on_demand_needs_azure_core_only(name: str) -> None:
    script = SCRIPT.format(modules=[name], heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, text=True, capture_output=True, check=True
    )
    assert set(done.stdout.split()) <= {"azure.core", "requests"}

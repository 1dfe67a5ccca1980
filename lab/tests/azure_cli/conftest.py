"""Microsoft's command line, signed in to a lab that has an installation and a machine in it."""

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.azure import AzureFacade
from lab.azure_cli import AzureCli, azure_cli
from lab.cli.az import LOCK, PROGRAM, VENV
from lab.environment import prepare
from lab.testing.fabric import RememberingFabric
from lab.testing.serving import serving_wsgi
from lab.tests.arm import samples
from tests.arm.installation import SUBSCRIPTION, Installation

MACHINES = "demo-rg"


@dataclass
class Lab:
    az: AzureCli
    installation: Installation
    outputs: dict[str, Any]

    def run(self, arguments: list[str]) -> str:
        """What the command prints; AssertionError with its own words where it fails."""
        done = self.az.run(arguments, 600.0)
        assert done.returncode == 0, f"az {' '.join(arguments)}\n{done.stderr[-3000:]}"
        return done.stdout


@pytest.fixture(scope="package")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    if fault := prepare(VENV, LOCK):
        pytest.skip(f"pip could not install {LOCK.name}: {fault.splitlines()[-1]}")
    state = tmp_path_factory.mktemp("azure")
    header = secrets.token_hex(8)
    config = {
        "state": str(state),
        "subscription": SUBSCRIPTION,
        "vault": _vault_name(tmp_path_factory.mktemp("name")),
        "key": secrets.token_hex(8),
        "identityHeader": header,
    }
    facade = AzureFacade(config, RememberingFabric())
    installation = Installation(state, facade.arm)
    outputs = installation.install(operatorSources=["198.51.100.7"])
    installation.publish()
    with serving_wsgi(facade.wsgi_app) as url, azure_cli(PROGRAM, url, header, state / "az") as az:
        found = Lab(az, installation, outputs)
        found.run(["group", "create", "-n", MACHINES, "-l", "westeurope"])
        installation.deploy(MACHINES, _machines())
        # For the fix that recovers a secret which was deleted softly.
        where = ["--vault-name", config["vault"], "--name", "lost"]
        found.run(["keyvault", "secret", "set", *where, "--value", "x"])
        found.run(["keyvault", "secret", "delete", *where])
        yield found


def _vault_name(directory: Path) -> str:
    """It follows from the names of subscription and group."""
    other = Installation(directory)
    other.install(operatorSources=[])
    return other.one("Microsoft.KeyVault/vaults")["name"]


def _machines() -> dict[str, Any]:
    disk = {"lun": 0, "createOption": "Empty", "diskSizeGB": 8, "name": "vm-data"}
    template = samples.one_machine(dataDisks=[disk])
    address = "[resourceId('Microsoft.Network/publicIPAddresses', 'ip')]"
    frontend = {"name": "public", "properties": {"publicIPAddress": {"id": address}}}
    probe = {"name": "api", "properties": {"protocol": "Tcp", "port": 6443}}
    template["resources"] += [
        samples.address(),
        samples.resource("Microsoft.Network/networkSecurityGroups", "rules", {"securityRules": []}),
        samples.resource(
            "Microsoft.Network/loadBalancers", "balancer",
            {"frontendIPConfigurations": [frontend], "probes": [probe]},
            sku={"name": "Standard"}, dependsOn=["ip"],
        ),
    ]  # fmt: skip
    return template


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Documents name files from the checkout's root, and one that the reader makes."""
    root = Path(__file__).parents[3]
    (tmp_path / "webhook.txt").write_text("https://hooks.slack.com/services/x", encoding="utf-8")
    (tmp_path / "arm").symlink_to(root / "arm")
    monkeypatch.chdir(tmp_path)
    assert os.access("arm/platform/azuredeploy.json", os.R_OK)

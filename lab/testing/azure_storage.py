"""Storage behind gates, and hosts of Microsoft's extension that use it. Both can fail as in Azure.

A conftest imports the fixture by its name.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab.control import CACHE
from lab.host.azure_storage import ExtensionHub
from lab.host.executions import Executions
from lab.host.hub import Functions, HubOptions
from lab.host.program import ensure_program
from lab.paths import ROOT
from lab.testing.azurite import running_azurite
from lab.testing.engines import KEYS
from lab.testing.gate import StorageGates


@dataclass
class Azure:
    """A storage account with hosts. `gates` are by service (blob, queue, table). `hub` is the name
    of the one hub of all hosts."""

    gates: StorageGates
    storage: str
    folder: Path
    hosts: list[ExtensionHub] = field(default_factory=list[ExtensionHub])
    hub: str = field(default_factory=lambda: f"t{secrets.token_hex(8)}")

    def host(self, app: Functions) -> ExtensionHub:
        """Starts and returns one more host."""
        logs = self.folder / f"host-{len(self.hosts)}"
        logs.mkdir()
        options = HubOptions(
            host_json=ROOT / "host.json",
            logs=logs,
            keys=KEYS,
            durable={"hubName": self.hub},
            program=ensure_program(CACHE, lambda _: None),
            storage=self.storage,
        )
        host = ExtensionHub(app, Executions(), options)
        host.start()
        self.hosts.append(host)
        return host

    def logs(self) -> str:
        """Returns the logs of all hosts."""
        files = sorted(self.folder.glob("host-*/functions-host.log"))
        return "".join(file.read_text(errors="replace") for file in files)


@pytest.fixture
def azure(engine_name: str, tmp_path: Path) -> Iterator[Azure]:
    gates = StorageGates("blob", "queue", "table")
    with running_azurite(tmp_path / "azurite", durable=True) as storage:
        azure = Azure(gates, gates.before(storage), tmp_path)
        try:
            yield azure
        finally:
            for host in azure.hosts:
                if not host.ended:
                    host.kill()

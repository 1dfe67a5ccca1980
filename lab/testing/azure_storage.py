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
from lab.storage import Ports, connection_string, ensure_azurite, free_ports, start_azurite
from lab.testing.engines import KEYS
from lab.testing.gate import Gate


@dataclass
class Azure:
    """A storage account with hosts. `gates` are by service (blob, queue, table). `hub` is the name
    of the one hub of all hosts."""

    gates: dict[str, Gate]
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
    ports, key = free_ports(durable=True), secrets.token_bytes(32).hex()
    log = tmp_path / "azurite.log"
    process = start_azurite(
        ensure_azurite(CACHE, lambda _: None), tmp_path / "azurite", ports, key, log
    )
    gates = {service: Gate(port) for service, port in ports.of_services().items()}
    through = Ports(*(gates[service].port for service in ("blob", "queue", "table")))
    azure = Azure(gates, connection_string(through, key), tmp_path)
    try:
        yield azure
    finally:
        for host in azure.hosts:
            if not host.ended:
                host.kill()
        process.terminate()
        process.wait()

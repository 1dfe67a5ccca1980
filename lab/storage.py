"""The lab's storage: Azurite from npm, pinned by its lock file, run with the wheel's Node.js."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from lab import npm
from lab.npm import node

PACKAGE = Path(__file__).with_name("azurite")
ACCOUNT = "slipwaylab"
START_SECONDS = 120.0


class StorageError(Exception):
    """Azurite could not be installed or started."""


@dataclass(frozen=True)
class Ports:
    """The loopback ports of Azurite. Without ports for queues and tables it serves blobs only."""

    blob: int
    queue: int | None = None
    table: int | None = None

    def of_services(self) -> dict[str, int]:
        every = {"blob": self.blob, "queue": self.queue, "table": self.table}
        return {service: port for service, port in every.items() if port is not None}


def free_ports(*, durable: bool) -> Ports:
    """Returns free ports. With `durable`, they include ports for queues and tables, in which the
    Durable extension keeps its hub."""
    return Ports(*_free_ports(3 if durable else 1))


def free_port() -> int:
    return _free_ports(1)[0]


def _free_ports(count: int) -> list[int]:
    """Returns different free ports. Each is held open until the last one is found."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def ensure_azurite(cache: Path, report: Callable[[str], None]) -> Path:
    """Returns the folder of Azurite's scripts. Installs it if it is missing."""
    try:
        return npm.ensure(PACKAGE, "azurite", cache, report) / "azurite/dist/src"
    except npm.NpmError as error:
        raise StorageError(str(error)) from None


def connection_string(ports: Ports, key: str) -> str:
    endpoints = "".join(
        f"{service.title()}Endpoint=http://127.0.0.1:{port}/{ACCOUNT};"
        for service, port in ports.of_services().items()
    )
    return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={key};{endpoints}"


def start_azurite(
    scripts: Path, data: Path, ports: Ports, key: str, log: Path
) -> "subprocess.Popen[bytes]":
    """Starts Azurite on loopback and returns when every service responds. API versions are not
    checked, because the SDK's newest one is ahead of Azurite's.

    Raises:
        StorageError: Azurite ended, or does not respond.
    """
    data.mkdir(parents=True, exist_ok=True)
    script = scripts / ("azurite.js" if ports.queue else "blob/main.js")
    argv = ["setpriv", "--pdeathsig", "TERM", "--", str(node()), str(script)]
    for service, port in ports.of_services().items():
        argv += [f"--{service}Host", "127.0.0.1", f"--{service}Port", str(port)]
    argv += ["--location", str(data), "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    with log.open("ab") as file:
        process = subprocess.Popen(
            argv,
            env={"AZURITE_ACCOUNTS": f"{ACCOUNT}:{key}", "PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    for port in ports.of_services().values():
        _await_port(process, port, log)
    return process


def _await_port(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    process.kill()
    process.wait()
    raise StorageError(f"Azurite did not start:\n{log.read_text(errors='replace')[-2000:]}")


if __name__ == "__main__":
    sys.stdout.write(str(ensure_azurite(Path(sys.argv[1]), print)) + "\n")

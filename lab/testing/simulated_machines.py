"""Machines that exist only as files, for processes that die: `FileFabric` is the fabric of the ARM
stand-in, and `SimulatedController` stands in for SSH in the functions worker.

The folder holds `machines.json`, and for each controller its disk: the bundles that were copied to
it and the plays that were started on it (`simulated_plays.py`).
"""

import json
import re
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from clients.errors import Transient
from clients.ssh.controller import Completed
from cluster.on_node import program
from cluster.roles import CONTROLLER
from lab.fabric import MachineSpec, NetworkState
from lab.simulation.connections import checks
from lab.simulation.play import controller_program
from lab.testing.fabric import RememberingFabric
from lab.testing.simulated_plays import Plays, replace_document

ROLE = re.compile(r'role\\*": \\*"([a-z-]+)')
# A connection and a command take this long, so that a worker can die during them.
CONNECT_SECONDS, COMMAND_SECONDS = 0.05, 0.05


@dataclass
class FileFabric(RememberingFabric):
    """Writes every change to the folder's `machines.json`."""

    folder: Path = field(kw_only=True)
    made: int = 0
    twice: list[str] = field(default_factory=list[str])
    _disks: dict[str, int] = field(default_factory=dict[str, int])
    # Deployments make machines in threads. An older list must not replace a newer one.
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def apply_network(self, state: NetworkState) -> None:
        super().apply_network(state)
        self._write()

    def create(self, spec: MachineSpec) -> None:
        if spec.id in self.machines:
            self.twice.append(spec.id)
            return
        super().create(spec)
        self.made += 1
        self._disks[spec.id] = self.made
        self._write()

    def start(self, id: str) -> None:  # noqa: A002
        super().start(id)
        self._write()

    def stop(self, id: str) -> None:  # noqa: A002
        super().stop(id)
        self._write()

    def delete(self, id: str) -> None:  # noqa: A002
        super().delete(id)
        self._write()

    def _write(self) -> None:
        with self._lock:
            replace_document(self.folder / "machines.json", self._document())

    def _document(self) -> dict[str, Any]:
        networks = self.networks[-1].networks if self.networks else ()
        return {
            "public": {one.address: one.private for made in networks for one in made.addresses},
            "machines": [
                {
                    "id": spec.id,
                    "hostname": spec.hostname,
                    "address": spec.address,
                    "subnet": spec.subnet,
                    "role": _role(spec.custom_data.decode(errors="replace")),
                    "disk": self._disks[spec.id],
                    "runs": spec.id not in self.stopped,
                }
                for spec in list(self.machines.values())
            ],
        }


def _role(custom_data: str) -> str:
    """Returns the role in the node's own file, which is JSON inside of the first boot's YAML."""
    found = ROLE.search(custom_data)
    return found[1] if found else ""


class SimulatedController:
    """In place of `clients.ssh.controller.SshController`. `folder` is set by the app."""

    folder: Path

    def __init__(self, host: str, user: str, private_key: str, host_public_key: str) -> None:
        del user, private_key, host_public_key
        self._host = host

    def __enter__(self) -> Self:
        time.sleep(CONNECT_SECONDS)
        known = json.loads((self.folder / "machines.json").read_text(encoding="utf-8"))
        private = known["public"].get(self._host)
        found = [m for m in known["machines"] if m["role"] == CONTROLLER]
        found = [m for m in found if private and m["address"] == private and m["runs"]]
        if len(found) != 1:
            raise Transient(f"{self._host} does not answer on SSH")
        group = found[0]["id"].partition("/")[0]
        cluster = found[0]["hostname"].removesuffix("-controller")
        self._machines = [
            machine
            for machine in known["machines"]
            if machine["id"].startswith(f"{group}/{cluster}-")
        ]
        self._disk = self.folder / f"disk-{found[0]['disk']}"
        self._disk.mkdir(exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, argv: list[str], stdin: bytes = b"", timeout: float = 30.0) -> Completed:
        del stdin, timeout
        time.sleep(COMMAND_SECONDS)
        if "stage" in argv:
            (self._disk / argv[-3]).touch()
            return Completed(0, b"", b"")
        if argv[0] == "test":
            there = (self._disk / Path(argv[-1]).name).exists()
            return Completed(0 if there else 1, b"", b"")
        at = next(i for i, part in enumerate(argv) if part.endswith("play.py"))
        digest = Path(argv[at].removesuffix("/controller/play.py")).name
        if not (self._disk / digest).exists():
            return Completed(2, b"", f"python3: can't open file '{argv[at]}'".encode())
        command, _, run, *rest = argv[at + 1 :]
        names = (name.removeprefix("--").replace("-", "_") for name in rest[::2])
        options = dict(zip(names, map(int, rest[1::2]), strict=True))
        answer = self._control(command, run, options)
        return Completed(0, json.dumps(answer).encode(), b"")

    def put(self, path: str, data: bytes, mode: int, timeout: float = 30.0) -> None:
        del path, data, mode, timeout
        time.sleep(COMMAND_SECONDS)

    def node(self, host: str, user: str, host_public_key: str, port: int = 22) -> "_Node":
        del host, user, host_public_key, port
        return _Node(self._disk)

    def read_tcp_many(
        self, hosts: list[str], port: int, timeout: float, limit: int
    ) -> dict[str, bytes | str]:
        del port, timeout, limit
        time.sleep(COMMAND_SECONDS)
        machines = {machine["address"]: machine for machine in self._machines if machine["runs"]}
        return {
            host: _report(machines[host]) if host in machines else f"{host}: nothing answers"
            for host in hosts
        }

    def _control(self, command: str, run: str, options: dict[str, int]) -> dict[str, Any]:
        plays = Plays(self._disk)
        with plays.locked():
            if command == "start":
                return {"state": plays.start(run)}
            if command == "stop":
                plays.stop(run)
                return {"state": "finished"}
            files = plays.files(run, [machine["hostname"] for machine in self._machines])
            streams = controller_program("streams")
            # The same for all threads: the files know whether their play is running.
            streams.unit.is_active = lambda files: files.active
            return streams.poll(files, **options)


@dataclass
class _Node:
    """`disk`: that of the cluster's controller, which keeps what the nodes keep."""

    disk: Path

    def run(self, argv: list[str], stdin: bytes = b"", timeout: float = 30.0) -> Completed:
        """Every program exists and succeeds."""
        del timeout
        time.sleep(COMMAND_SECONDS)
        if any(part.endswith("probe.py") for part in argv):
            return Completed(0, json.dumps(checks(json.loads(stdin))).encode(), b"")
        if program("drain") in argv:
            return Completed(0, json.dumps(self._drain(json.loads(stdin))).encode(), b"")
        return Completed(0, b"ok", b"")

    def _drain(self, request: dict[str, Any]) -> dict[str, Any]:
        """Returns the answer of a pass of `cluster/on_node/drain.py`. The first pass that meets a
        node finds pods on it, and the next one finds none."""
        empty: list[str] = []
        for name in request.get("leaving", []):
            met = self.disk / f"drain-{name}"
            if met.exists():
                empty.append(name)
            met.touch()
        return {
            "returned": request.get("returning", []),
            "gone": request.get("gone", []),
            "drained": empty,
            "left": {name: 1 for name in request.get("leaving", []) if name not in empty},
            "changed": [],
            "blocked": [],
        }


def _report(machine: dict[str, Any]) -> bytes:
    report = {"name": machine["hostname"], "role": machine["role"], "address": machine["address"]}
    return json.dumps(report | {"bootId": "0", "status": "ok", "detail": ""}).encode()

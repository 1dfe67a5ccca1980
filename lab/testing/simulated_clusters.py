"""One cluster of `simulated_machines.py`: what runs on its machines, and what was done to them.

It counts what must not happen twice: an upgrade of a node, a restart, a member that joins etcd.
"""

import json
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from activities.kubernetes_state import MANIFEST
from clients.errors import Transient
from clients.ssh.controller import Completed
from cluster.concern import group_of_stage
from cluster.on_node import program
from cluster.roles import CONTROLLER, ETCD
from cluster.stages import UPGRADE
from lab.simulation.connections import Node
from lab.simulation.etcd import Ended, Etcd
from lab.simulation.machines import Fleet
from lab.simulation.play import Play, controller_program
from lab.testing.simulated_plays import PLAY_SECONDS, TASKS, Plays

# How much faster than the real clock the machines' programs are.
FASTER = 20.0


@dataclass(frozen=True)
class Machine:
    """`disk`: its number, which no other machine has, not even one of the same name."""

    id: str
    name: str
    address: str
    role: str
    disk: int
    runs: bool


@dataclass
class Seen:
    """The machines, in place of a plan."""

    machines: list[Machine] = field(default_factory=list[Machine])

    @property
    def nodes(self) -> list[Machine]:
        return [one for one in self.machines if one.role != CONTROLLER]

    @property
    def controller(self) -> Machine:
        return next(one for one in self.machines if one.role == CONTROLLER)


class FastClock:
    """A clock whose seconds pass by themselves."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        return (time.monotonic() - self._began) * FASTER

    def spend(self, seconds: float) -> None:
        time.sleep(seconds / FASTER)


class StoredBlobs:
    """The app's storage as the programs of etcd's members use it, by the paths of addresses."""

    def __init__(self, blobs: Any, container: str) -> None:
        self._blobs, self._container, self.content = blobs, container, self

    def stored_content(self, name: str) -> Any:
        return self._blobs.stored_content(self._named(name))

    def write(self, name: str, data: bytes) -> None:
        self._blobs.write(self._named(name), data, if_none_match=True)

    def __getitem__(self, name: str) -> tuple[bytes, str]:
        return self._blobs.read(self._named(name))

    def _named(self, name: str) -> str:
        """Returns the name in the container: an address of the emulator begins with an account."""
        return name.removeprefix(f"{self._container}/")


class CountedEtcd(Etcd):
    """etcd whose members join in a play and leave by the program.

    Attributes:
        members_now: the members, by the disks of their machines.
        joined, left_etcd: each join and each removal, with the disk.
        wrong: what etcd would have refused, or would not have survived.
    """

    def __init__(self, clock: Any, blobs: Any) -> None:
        super().__init__(clock, blobs)
        self.members_now: dict[str, int] = {}
        self.joined: list[tuple[str, int]] = []
        self.left_etcd: list[tuple[str, int]] = []
        self.wrong: list[str] = []

    def join(self, machine: Machine) -> None:
        known = self.members_now.get(machine.name)
        if known == machine.disk:
            return
        if known is not None:
            self.wrong.append(f"{machine.name} joins while a member of its name is there")
        self.joined.append((machine.name, machine.disk))
        self.members_now[machine.name] = machine.disk
        self.removed = [one for one in self.removed if one != _peer(machine.address)]

    def members(self, asked: str, request: dict[str, Any], peers: dict[str, str]) -> Ended:
        there = {name: peer for name, peer in peers.items() if name in self.members_now}
        code, found, error = super().members(asked, request, there)
        if found.get("removed"):
            name = next(name for name, peer in there.items() if peer == request["peer"])
            self.left_etcd.append((name, self.members_now.pop(name)))
        return code, found, error


class ServedCluster(Fleet):
    """The machines of one cluster, for many connections at once.

    Attributes:
        upgraded: each upgrade of a node that ended: its name, its disk, its version.
        removed_full: machines that were deleted while their node was not empty.
    """

    def __init__(self, name: str, disk: Path, blobs: StoredBlobs) -> None:
        cloud = SimpleNamespace(clock=FastClock(), machines={})
        services: Any = SimpleNamespace(cloud=cloud, store=SimpleNamespace(blobs=blobs))
        self._seen, self._disk = Seen(), disk
        play = Play((), PLAY_SECONDS, tasks=TASKS)
        super().__init__(services, name, 0, lambda *_: 0.0, play, disk)
        self.etcd: CountedEtcd = CountedEtcd(cloud.clock, blobs)
        self.upgraded: list[tuple[str, int, str]] = []
        self.removed_full: list[str] = []
        self._disks: dict[str, int] = {}
        self._started: dict[str, tuple[str, dict[str, int]]] = {}
        self._settled: set[str] = set()
        self._lock = threading.RLock()

    @property
    def plan(self) -> Any:
        return self._seen

    def see(self, machines: list[Machine]) -> None:
        """Takes the machines that there are. One that is new has nothing of what the machine of
        its name had."""
        with self._lock:
            disks = {one.name: one.disk for one in machines}
            for name in self._disks.keys() | disks.keys():
                if name in self._disks and self._disks[name] != disks.get(name):
                    self._forget(name)
            self._seen, self._disks = Seen(machines), disks
            self.services.cloud.machines = dict.fromkeys(disks, 0.0)
            self._settle()

    def lose(self, id: str) -> None:  # noqa: A002
        """Notes whether a machine that is deleted now was empty."""
        with self._lock:
            for one in self._seen.nodes:
                if one.id == id and one.role != ETCD and not self._is_empty(one.name):
                    self.removed_full.append(one.name)

    @property
    def peers(self) -> dict[str, str]:
        return {one.name: _peer(one.address) for one in self._seen.nodes if one.role == ETCD}

    def name_at(self, address: str) -> str:
        """Raises Transient if no machine runs there."""
        found = (one.name for one in self._seen.nodes if one.address == address and one.runs)
        name = next(found, None)
        if name is None:
            raise Transient(f"{address} does not answer on SSH")
        return name

    def machine_reports(self, addresses: Iterable[str]) -> dict[str, Any]:
        running = {one.address: one for one in self._seen.machines if one.runs}
        return {
            address: {
                "name": running[address].name,
                "role": running[address].role,
                "address": address,
                "bootId": "0",
                "status": "ok",
                "detail": "",
            }
            if address in running
            else f"{address}: nothing answers"
            for address in addresses
        }

    def run_on(self, address: str, key: str, argv: list[str], stdin: bytes) -> Completed:
        with self._lock:
            return Node(self, address, key).run(argv, stdin)

    def run_on_controller(self, key: str, argv: list[str], stdin: bytes) -> Completed:
        with self._lock:
            if "stage" in argv:
                (self._disk / argv[-3]).touch()
                return Completed(0, b"", b"")
            if argv[0] == "test":
                there = (self._disk / Path(argv[-1]).name).exists()
                return Completed(0 if there else 1, b"", b"")
            if argv[-1] == MANIFEST:
                return Completed(0, self.manifest(), b"")
            if program("authorized_keys") in argv:
                return self.exchange_keys(self.plan.controller.name, json.loads(stdin), key)
            at = next(i for i, part in enumerate(argv) if part.endswith("play.py"))
            digest = Path(argv[at].removesuffix("/controller/play.py")).name
            if not (self._disk / digest).exists():
                return Completed(2, b"", f"python3: can't open file '{argv[at]}'".encode())
            command, _, run, *rest = argv[at + 1 :]
            names = (name.removeprefix("--").replace("-", "_") for name in rest[::2])
            options = dict(zip(names, map(int, rest[1::2]), strict=True))
            return Completed(
                0, json.dumps(self.control(command, run, options, stdin)).encode(), b""
            )

    def control(
        self, command: str, run: str, options: dict[str, int], request: bytes = b""
    ) -> dict[str, Any]:
        plays = Plays(self._disk)
        with plays.locked():
            if command == "start":
                if run not in self.inventories:
                    self.inventories[run] = json.loads(request)["inventory"]
                    self._started[run] = self.kubernetes.manifest, dict(self._disks)
                return {"state": plays.start(run)}
            if command == "stop":
                plays.stop(run)
                return {"state": "finished"}
            play = self.play_of(run) if run in self.inventories else self.play
            files = plays.files(run, play)
            streams = controller_program("streams")
            # The same for all threads: the files know whether their play is running.
            streams.unit.is_active = lambda files: files.active
            return streams.poll(files, **options)

    def _settle(self) -> None:
        """Lets each play that has ended by itself have its effects."""
        for run in Plays(self._disk).done():
            if run not in self._settled and run in self._started:
                self._settled.add(run)
                self._effects(run)

    def _effects(self, run: str) -> None:
        version, disks = self._started[run]
        groups = self.inventories[run]["all"]["children"]
        upgraded = groups[group_of_stage(UPGRADE)]["hosts"]
        joining = groups[group_of_stage("etcd")]["hosts"]
        versions = self.kubernetes.versions
        for one in self._seen.nodes:
            if disks.get(one.name) != one.disk:
                continue
            if one.role == ETCD and one.name in joining:
                self.etcd.join(one)
            if one.role == ETCD:
                continue
            if one.name in upgraded and versions.get(one.name) != version:
                self.upgraded.append((one.name, one.disk, version))
                versions[one.name] = version
            versions.setdefault(one.name, version)

    def _is_empty(self, name: str) -> bool:
        kubernetes = self.kubernetes
        ends = kubernetes._ends.get(name)
        return (
            name in kubernetes.cordoned and ends is not None and ends <= kubernetes._clock.seconds
        )

    def _forget(self, name: str) -> None:
        kubernetes, updates, etcd = self.kubernetes, self.updates, self.etcd
        for known in (
            *(kubernetes.versions, kubernetes._ends, kubernetes.encryption, kubernetes.reads),
            *(kubernetes.changed, kubernetes.started, updates.boots, updates.packages),
            *(updates.kernels, updates._back, self.accepted, etcd.data, etcd.prepared),
        ):
            known.pop(name, None)
        for names in (kubernetes.cordoned, kubernetes.away, etcd.stopped):
            names.discard(name)


def _peer(address: str) -> str:
    return f"https://{address}:2380"

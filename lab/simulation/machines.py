"""The controller and the nodes behind it, as seen over SSH.

The controller's answers to polls come from its own program, `playbooks/controller/streams.py`,
which reads files with what the play has written by then.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from clients.errors import Refused, Transient
from clients.ssh.controller import Completed
from cluster.concern import group_of_stage
from cluster.contracts import RunRef
from cluster.encryption import FIRST
from cluster.names import run_blob
from cluster.plan import Plan
from cluster.record import PlannedNode
from cluster.roles import ETCD
from cluster.stages import UPGRADE
from lab.simulation.azure import Services
from lab.simulation.etcd import Etcd
from lab.simulation.kubernetes import Kubernetes
from lab.simulation.play import Play, controller_program
from lab.simulation.updates import Updates

# Assumed seconds of a connection with its handshake.
CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 0.5
BOOT_SECONDS = 20.0


@dataclass
class Fleet:
    """All machines of one cluster.

    Attributes:
        ready_after: seconds from a machine's creation to its report, by its index and the number of
            machines.
        play: what the playbook will do.
        kubernetes: the nodes and pods that a removal meets.
        etcd: the members that a backup is taken from.
        accepted: the public SSH keys that a machine accepts, once a rotation has changed them.
        updates: the security updates of the machines, and their restarts.
        programs: how many commands ran on nodes.
        delays: seconds until a node's report was received, from the report, or from the first query
            to any node if the node was ready before that.
    """

    services: Services
    cluster: str
    generation: int
    ready_after: Callable[[int, int], float]
    play: Play
    folder: Path

    def __post_init__(self) -> None:
        self._read: tuple[Any, Plan, dict[str, tuple[int, PlannedNode]]] | None = None
        self.programs = 0
        self.first_asked: float | None = None
        self.delays: dict[str, float] = {}
        self.runs: dict[str, float] = {}
        self.inventories: dict[str, dict[str, Any]] = {}
        self._plays: dict[str, tuple[Play, Play]] = {}
        self.bundles: set[str] = set()
        # What is due of a machine's certificates, as `cluster/on_node/certificates.py` prints it.
        self.due: dict[str, list[dict[str, str]]] = {}
        # Machines on which every program fails, and with what.
        self.unwell: dict[str, str] = {}
        self.accepted: dict[str, frozenset[str]] = {}
        self.kubernetes = Kubernetes(self.services.cloud.clock)
        self.updates = Updates(self.services.cloud.clock)
        self.kubernetes.boot_of = self.updates.boot_of
        blobs: Any = self.services.store.blobs
        self.etcd = Etcd(self.services.cloud.clock, blobs)

    @property
    def plan(self) -> Plan:
        """Returns the run's plan, which a replacement replaces in each turn."""
        there = self._plan_version()
        if self._read is None or self._read[0] != there:
            ref = RunRef(cluster=self.cluster, generation=self.generation)
            plan = self.services.store.need_plan(ref)
            slots = {slot.address: (place, slot) for place, slot in enumerate(plan.slots)}
            self._read = there, plan, slots
        return self._read[1]

    def _plan_version(self) -> object:
        """Returns what differs after each write of the plan. Reads of simulated storage would take
        simulated time."""
        blobs: Any = self.services.store.blobs
        name = run_blob(self.cluster, self.generation, "plan.json")
        if hasattr(blobs, "content"):
            return blobs.content.get(name)
        found = blobs.read(name)
        return found and found[1]

    @property
    def _slots(self) -> dict[str, tuple[int, PlannedNode]]:
        plan, read = self.plan, self._read
        return read[2] if read and read[1] is plan else {}

    def begin(self, generation: int) -> None:
        """Turns to the plan of another run."""
        self.generation = generation

    @property
    def peers(self) -> dict[str, str]:
        """Returns the peer URL of each etcd member whose machine exists."""
        made = self.services.cloud.machines
        members = [slot for slot in self.plan.nodes if slot.role == ETCD and slot.name in made]
        return {slot.name: f"https://{slot.address}:2380" for slot in members}

    def etcd_faults(self) -> str:
        """Returns what every member says of those that are not healthy, or ""."""
        away = {name: "no answer" for name in self.peers if self.updates.is_away(name)}
        return "; ".join(f"{name}: {why}" for name, why in (self.etcd.unseen | away).items())

    def name_at(self, address: str) -> str:
        return self._slots[address][1].name

    def ready_at(self, slot: PlannedNode) -> float:
        made = self.services.cloud.machines.get(slot.name, float("inf"))
        place, _ = self._slots[slot.address]
        return made + self.ready_after(place, len(self._slots))

    def connected(self) -> None:
        clock = self.services.cloud.clock
        clock.spend(CONNECT_SECONDS)
        made = self.services.cloud.machines.get(self.plan.controller.name, float("inf"))
        if clock.seconds < made + BOOT_SECONDS:
            raise Transient("203.0.113.7 does not answer on SSH")

    def require_key(self, machine: str, key: str) -> None:
        """Raises Refused if the machine does not accept the public key."""
        if key not in self.accepted.get(machine, {key}):
            raise Refused("AuthenticationFailed", f"{machine} refused the key", place=machine)

    def exchange_keys(self, machine: str, request: dict[str, Any], used: str) -> Completed:
        """Answers as `cluster/on_node/authorized_keys.py` does. `used`: the public key with which
        the caller has connected."""
        there = self.accepted.get(machine, frozenset({used}))
        changed = there | {request["key"]}
        if request["action"] == "remove":
            changed -= {request["old"]}
        self.accepted[machine] = changed
        return Completed(0, json.dumps({"changed": changed != there}).encode(), b"")

    def rewrite(self, machine: str, request: dict[str, Any]) -> Completed:
        """Answers as `cluster/on_node/rewrite_secrets.py` does: the API server encrypts with its
        first key."""
        first = re.search(r"\{name: ([^,]+),", self.kubernetes.reads.get(machine, ""))
        names = [(str(space), str(name)) for space, name in request["names"]]
        self.etcd.rewrite(names, first[1] if first else FIRST)
        return Completed(0, json.dumps({"faults": []}).encode(), b"")

    def reports(self, addresses: list[str], silence: float) -> dict[str, bytes | str]:
        """Queries all nodes at once. If any do not respond, that takes `silence` seconds in
        total."""
        clock = self.services.cloud.clock
        asked = clock.seconds
        self.first_asked = asked if self.first_asked is None else self.first_asked
        answers: dict[str, bytes | str] = {}
        for address in addresses:
            slot = self._slots[address][1]
            if self.ready_at(slot) <= asked:
                report = {"name": slot.name, "role": slot.role, "address": slot.address}
                report |= {"bootId": "0", "status": "ok", "detail": ""}
                answers[address] = json.dumps(report).encode()
            else:
                answers[address] = f"{address}:3333: nothing answers there"
        silent = any(isinstance(answer, str) for answer in answers.values())
        clock.spend(silence if silent else ANSWER_SECONDS)
        for address, answer in answers.items():
            if isinstance(answer, bytes):
                slot = self._slots[address][1]
                ready = max(self.ready_at(slot), self.first_asked)
                self.delays.setdefault(slot.name, clock.seconds - ready)
        return answers

    def play_of(self, run: str) -> Play:
        """Returns what the playbook does in a run: `play` on the hosts of the run's inventory."""
        base, play = self._plays.get(run, (None, self.play))
        if base is not self.play:
            play = self.play.with_inventory(self.inventories[run])
            upgraded = self.inventories[run]["all"]["children"][group_of_stage(UPGRADE)]["hosts"]
            if self.kubernetes.fails & upgraded.keys():
                play = replace(play, failing=1)
            self._plays[run] = (self.play, play)
        return play

    def node_roles(self) -> dict[str, str]:
        """Returns the role of each machine that exists and runs a kubelet."""
        made = self.services.cloud.machines
        return {s.name: s.role for s in self.plan.nodes if s.role != ETCD and s.name in made}

    def manifest(self) -> bytes:
        """Returns the manifest that the play has put onto the controller."""
        version = self.kubernetes.manifest
        minor = ".".join(version.split(".")[:2])
        return json.dumps({"kubernetes": {minor: {"version": version}}}).encode()

    def _end_upgrade(self, run: str) -> None:
        """Gives the node of an upgrade's play the manifest's version, when the play has ended."""
        groups = self.inventories[run]["all"]["children"]
        for name in groups[group_of_stage(UPGRADE)]["hosts"]:
            self.kubernetes.versions[name] = self.kubernetes.manifest

    def control(
        self, command: str, run: str, options: dict[str, int], request: bytes = b""
    ) -> dict[str, Any]:
        """Returns what the bundle's `play.py` prints. `request` is what a start reads."""
        clock = self.services.cloud.clock
        if command == "start":
            self.runs.setdefault(run, clock.seconds)
            self.inventories.setdefault(run, json.loads(request)["inventory"])
            return {"state": "started"}
        if command == "stop":
            self.runs.pop(run, None)
            return {"state": "stopped"}
        streams = controller_program("streams")
        files = PlayFiles(self.folder / run)
        started = self.runs.get(run)
        if started is not None:
            play, spent = self.play_of(run), clock.seconds - started
            files.bring_to(play, spent)
            if spent >= play.seconds and not play.failing:
                self._end_upgrade(run)
        with patch.object(streams.unit, "is_active", lambda _: started is not None):
            return streams.poll(files, **options)


class PlayFiles:
    """In place of the controller's `paths.Run`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.events, self.log = folder / "events.jsonl", folder / "play.log"
        self._result: dict[str, Any] | None = None

    def bring_to(self, play: Play, seconds: float) -> None:
        """Writes the files as they are after so many seconds of the play."""
        play.write(seconds, self.events, self.log)
        if seconds >= play.seconds:
            self._result = {"exitCode": play.exit_code, "timedOut": False}

    def result(self) -> dict[str, Any] | None:
        return self._result

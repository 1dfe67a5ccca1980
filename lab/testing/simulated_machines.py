"""Machines that outlive the processes of an app: `CountingFabric` is the ARM stand-in's fabric,
`ServedMachines` answers for its machines, and `SimulatedController` stands in for SSH in the
functions worker.

What runs on the machines is the simulation's (`lab/simulation`), on a clock that is faster than the
real one. It runs in the process of the test: a worker that dies ends nothing there.
"""

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import requests
from werkzeug.wrappers import Request, Response

from clients.errors import Refused, Transient
from clients.ssh.controller import Completed
from cluster.keys import public_half
from cluster.roles import CONTROLLER
from lab.fabric import MachineSpec
from lab.testing.fabric import RememberingFabric
from lab.testing.simulated_clusters import Machine, ServedCluster

ROLE = re.compile(r'role\\*": \\*"([a-z-]+)')
# A connection and a command take this long, so that a worker can die during them.
CONNECT_SECONDS, COMMAND_SECONDS = 0.05, 0.05
ANSWER_SECONDS = 60.0


@dataclass
class CountingFabric(RememberingFabric):
    """Counts what is made and deleted.

    Attributes:
        created: the id of each machine that was made, in order.
        twice: the ids of machines that were made while they existed.
        removed: what was deleted: the machine's id, and the number of its disk.
        deleting: called with the id of a machine before it is deleted.
    """

    created: list[str] = field(default_factory=list[str])
    twice: list[str] = field(default_factory=list[str])
    removed: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    deleting: Callable[[str], None] = lambda _: None
    _disks: dict[str, int] = field(default_factory=dict[str, int])
    # Deployments make machines in threads.
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def create(self, spec: MachineSpec) -> None:
        with self._lock:
            if spec.id in self.machines:
                self.twice.append(spec.id)
                return
            self.created.append(spec.id)
            self._disks[spec.id] = len(self.created)
            super().create(spec)

    def delete(self, id: str) -> None:  # noqa: A002
        if id in self.machines:
            self.deleting(id)
            self.removed.append((id, self._disks[id]))
        super().delete(id)

    @property
    def made(self) -> int:
        return len(self.created)

    def of_group(self, group: str) -> list[Machine]:
        return [
            Machine(
                id=spec.id,
                name=spec.hostname,
                address=spec.address,
                role=_role(spec.custom_data),
                disk=self._disks[spec.id],
                runs=spec.id not in self.stopped,
            )
            for spec in list(self.machines.values())
            if spec.id.startswith(f"{group}/")
        ]

    def controller_at(self, public: str) -> Machine | None:
        """Returns the running controller with this public address."""
        networks = self.networks[-1].networks if self.networks else ()
        private = next(
            (a.private for one in networks for a in one.addresses if a.address == public), None
        )
        for spec in list(self.machines.values()):
            if spec.address == private and spec.id not in self.stopped:
                group = spec.id.partition("/")[0]
                found = (m for m in self.of_group(group) if m.id == spec.id)
                machine = next(found, None)
                if machine and machine.role == CONTROLLER:
                    return machine
        return None


def _role(custom_data: bytes) -> str:
    """Returns the role in the node's own file, which is JSON inside of the first boot's YAML."""
    found = ROLE.search(custom_data.decode(errors="replace"))
    return found[1] if found else ""


class ServedMachines:
    """Answers what the app asks of machines. A WSGI application of `SimulatedController`."""

    def __init__(self, fabric: CountingFabric, folder: Path, blobs: Callable[[], Any]) -> None:
        """`blobs`: returns the app's storage, for the machines that write and read there."""
        self._fabric, self._folder, self._blobs = fabric, folder, blobs
        self._clusters: dict[tuple[str, str, int], ServedCluster] = {}
        self._lock = threading.Lock()
        fabric.deleting = self._deleted

    def cluster(self, name: str) -> ServedCluster:
        """Returns the newest cluster of that name."""
        found = {key: one for key, one in self._clusters.items() if key[1] == name}
        return found[max(found, key=lambda key: key[2])]

    def __call__(self, request: Request) -> Response:
        asked = json.loads(request.get_data())
        try:
            answer = self._answered(asked)
        except Transient as error:
            answer = {"transient": str(error)}
        except Refused as error:
            answer = {"refused": [error.code, error.message, error.place]}
        return Response(json.dumps(answer), content_type="application/json")

    def _answered(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        cluster = self._at(asked["host"])
        cluster.require_key(cluster.plan.controller.name, asked["key"])
        match asked["what"]:
            case "connect":
                time.sleep(CONNECT_SECONDS)
                return {}
            case "reports":
                time.sleep(COMMAND_SECONDS)
                return {"reports": cluster.machine_reports(asked["hosts"])}
        time.sleep(COMMAND_SECONDS)
        stdin, argv = base64.b64decode(asked["stdin"]), asked["argv"]
        if asked["node"]:
            done = cluster.run_on(asked["node"], asked["key"], argv, stdin)
        else:
            done = cluster.run_on_controller(asked["key"], argv, stdin)
        out, err = (base64.b64encode(text).decode() for text in (done.stdout, done.stderr))
        return {"exit": done.exit, "stdout": out, "stderr": err}

    def _at(self, public: str) -> ServedCluster:
        """Raises Transient if no controller answers there."""
        controller = self._fabric.controller_at(public)
        if controller is None:
            raise Transient(f"{public} does not answer on SSH")
        group, name = controller.id.partition("/")[0], controller.name.removesuffix("-controller")
        key = group, name, controller.disk
        with self._lock:
            if key not in self._clusters:
                disk = self._folder / f"disk-{controller.disk}"
                disk.mkdir(exist_ok=True)
                self._clusters[key] = ServedCluster(name, disk, self._blobs())
            cluster = self._clusters[key]
        prefix = f"{group}/{name}-"
        cluster.see([m for m in self._fabric.of_group(group) if m.id.startswith(prefix)])
        return cluster

    def _deleted(self, id: str) -> None:  # noqa: A002
        """Lets a machine's cluster note whether it was empty."""
        for (group, _, _), cluster in list(self._clusters.items()):
            if id.startswith(f"{group}/"):
                cluster.lose(id)


class SimulatedController:
    """In place of `clients.ssh.controller.SshController`. `url`, of the machines, is set by the
    app."""

    url: str

    def __init__(self, host: str, user: str, private_key: str, host_public_key: str) -> None:
        del user, host_public_key
        self._asking = {"host": host, "key": public_half(private_key)}

    def __enter__(self) -> Self:
        self.ask(what="connect")
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, argv: list[str], stdin: bytes = b"", timeout: float = 30.0) -> Completed:
        del timeout
        return self.command("", argv, stdin)

    def put(self, path: str, data: bytes, mode: int, timeout: float = 30.0) -> None:
        del path, data, mode, timeout
        self.ask(what="connect")

    def node(self, host: str, user: str, host_public_key: str, port: int = 22) -> "_Node":
        del user, host_public_key, port
        return _Node(self, host)

    def read_tcp_many(
        self, hosts: list[str], port: int, timeout: float, limit: int
    ) -> dict[str, bytes | str]:
        del port, timeout, limit
        found = self.ask(what="reports", hosts=hosts)["reports"]
        return {
            host: answer if isinstance(answer, str) else json.dumps(answer).encode()
            for host, answer in found.items()
        }

    def command(self, node: str, argv: list[str], stdin: bytes) -> Completed:
        """Runs a command on a node, or without a node on the controller."""
        text = base64.b64encode(stdin).decode()
        done = self.ask(what="run", node=node, argv=argv, stdin=text)
        out, err = base64.b64decode(done["stdout"]), base64.b64decode(done["stderr"])
        return Completed(done["exit"], out, err)

    def ask(self, **more: Any) -> dict[str, Any]:
        """Raises Transient and Refused, as a connection does."""
        answer = requests.post(self.url, json=self._asking | more, timeout=ANSWER_SECONDS).json()
        if "transient" in answer:
            raise Transient(answer["transient"])
        if "refused" in answer:
            code, message, place = answer["refused"]
            raise Refused(code, message, place=place)
        return answer


@dataclass
class _Node:
    controller: SimulatedController
    address: str

    def run(self, argv: list[str], stdin: bytes = b"", timeout: float = 30.0) -> Completed:
        del timeout
        return self.controller.command(self.address, argv, stdin)

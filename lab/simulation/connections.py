"""Connections to the controller and to the nodes behind it: each program that the app starts there
is answered by the simulated fleet."""

import json
from typing import Any, Self

from activities.control_planes import NOT_INSTALLED, READY
from activities.kubernetes_state import MANIFEST
from clients.ssh.controller import CONNECT_SECONDS as SILENCE_SECONDS
from clients.ssh.controller import Completed
from cluster.keys import public_half
from cluster.on_node import program
from cluster.roles import WORKER
from lab.simulation.etcd import Ended
from lab.simulation.kubernetes import Kubernetes
from lab.simulation.machines import Fleet

# Assumed durations in seconds: a command; a command on a node behind the controller (sixteen at a
# time share the activity's time); the verification from inside.
COMMAND_SECONDS, NODE_SECONDS, PROBE_SECONDS = 0.3, 1.5, 20.0


class Node:
    def __init__(self, fleet: Fleet, address: str, key: str) -> None:
        """`key`: the public SSH key that the connection uses."""
        self.fleet, self.name, self.key = fleet, fleet.name_at(address), key
        fleet.require_key(self.name, key)

    def run(self, argv: list[str], stdin: bytes = b"", timeout: float = 30.0) -> Completed:
        """Simulates a program: every program exists and succeeds."""
        del timeout
        clock = self.fleet.services.cloud.clock
        self.fleet.programs += 1
        if any(part.endswith("probe.py") for part in argv):
            clock.spend(PROBE_SECONDS)
            return Completed(
                0, json.dumps(checks(json.loads(stdin), self.fleet.kubernetes)).encode(), b""
            )
        clock.spend(NODE_SECONDS / 16)
        self.fleet.updates.need_there(self.name)
        if reason := self.fleet.unwell.get(self.name):
            return Completed(1, b"", reason.encode())
        if argv[-2:] == ["endpoint", "health"] and (faults := self.fleet.etcd_faults()):
            return Completed(1, b"", faults.encode())
        kubernetes = self.fleet.kubernetes
        if argv == READY and not kubernetes.installed:
            return Completed(NOT_INSTALLED, b"", b"")
        if program("drain") in argv:
            return Completed(0, json.dumps(kubernetes.answer(json.loads(stdin))).encode(), b"")
        if program("kubernetes_state") in argv:
            found = kubernetes.state(self.fleet.node_roles())
            return Completed(0, json.dumps(found).encode(), b"")
        if program("updates") in argv:
            answer = self.fleet.updates.answer(self.name, json.loads(stdin))
            return Completed(0, json.dumps(answer).encode(), b"")
        if program("certificates") in argv:
            return Completed(0, json.dumps(self.fleet.due.get(self.name, [])).encode(), b"")
        if program("snapshot") in argv:
            return _ended(self.fleet.etcd.answer(self.name, json.loads(stdin)))
        if program("members") in argv:
            etcd, request = self.fleet.etcd, json.loads(stdin)
            return _ended(etcd.members(self.name, request, self.fleet.peers))
        if program("authorized_keys") in argv:
            return self.fleet.exchange_keys(self.name, json.loads(stdin), self.key)
        if program("encryption_config") in argv:
            answer = kubernetes.answer_encryption(self.name, json.loads(stdin))
            return Completed(0, json.dumps(answer).encode(), b"")
        if program("admin_access") in argv:
            answer = kubernetes.answer_access(json.loads(stdin))
            return Completed(0, json.dumps(answer).encode(), b"")
        if program("etcd_secrets") in argv:
            return _ended(self.fleet.etcd.answer_secrets(self.name, json.loads(stdin)))
        if program("rewrite_secrets") in argv:
            return self.fleet.rewrite(self.name, json.loads(stdin))
        if program("restore") in argv:
            return _ended(self.fleet.etcd.answer_restore(self.name, json.loads(stdin)))
        if program("api_server") in argv:
            answer = kubernetes.answer_api_server(self.name, json.loads(stdin))
            return Completed(0, json.dumps(answer).encode(), b"")
        return Completed(0, b"ok", b"")


def _ended(ended: Ended) -> Completed:
    code, answer, error = ended
    return Completed(code, json.dumps(answer).encode(), error.encode())


def checks(wanted: dict[str, Any], kubernetes: Kubernetes) -> list[dict[str, Any]]:
    """Returns the results of `probe.py` in a fully working cluster."""
    names = wanted["nodes"]
    found = [("nodes", f"{len(names)} of {len(names)}")]
    found += [(f"node {name}", f"Ready, v{kubernetes.version_of(name)}") for name in names]
    found.append(("CoreDNS", "2 of 2 available"))
    for name, role in names.items():
        if role == WORKER:
            found.append((f"pod on {name}", name))
            found.append((f"{name} to a neighbour", "reached another"))
            found.append((f"names on {name}", "kubernetes.default.svc.cluster.local is 10.96.0.1"))
    return [{"name": name, "ok": True, "detail": detail} for name, detail in found]


def ssh_to(fleet: Fleet) -> type:
    """Returns a class in place of `clients.ssh.controller.SshController`."""

    class Controller:
        def __init__(self, host: str, user: str, private_key: str, host_public_key: str) -> None:
            del host, user, host_public_key
            self.key = public_half(private_key)

        def __enter__(self) -> Self:
            fleet.connected()
            fleet.require_key(fleet.plan.controller.name, self.key)
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def run(self, argv: list[str], stdin: bytes = b"", timeout: float = 30.0) -> Completed:
            del timeout
            if "stage" in argv:  # its duration is included in the preceding query's
                digest, _, folder = argv[-3:]
                fleet.bundles.add(f"{folder}/{digest}")
                return Completed(0, b"", b"")
            fleet.services.cloud.clock.spend(COMMAND_SECONDS)
            if argv[-1] == MANIFEST:
                return Completed(0, fleet.manifest(), b"")
            if argv[0] == "test":
                return Completed(0 if argv[-1] in fleet.bundles else 1, b"", b"")
            if program("authorized_keys") in argv:
                request = json.loads(stdin)
                return fleet.exchange_keys(fleet.plan.controller.name, request, self.key)
            at = next(i for i, part in enumerate(argv) if part.endswith("play.py"))
            if argv[at].removesuffix("/controller/play.py") not in fleet.bundles:
                return Completed(2, b"", f"python3: can't open file '{argv[at]}'".encode())
            command, _, run, *rest = argv[at + 1 :]
            options = {
                name.removeprefix("--").replace("-", "_"): int(value)
                for name, value in zip(rest[::2], rest[1::2], strict=True)
            }
            answer = fleet.control(command, run, options, stdin)
            return Completed(0, json.dumps(answer).encode(), b"")

        def put(self, path: str, data: bytes, mode: int, timeout: float = 30.0) -> None:
            del path, data, mode, timeout

        def node(self, host: str, user: str, host_public_key: str, port: int = 22) -> Node:
            del user, host_public_key, port
            return Node(fleet, host, self.key)

        def read_tcp_many(
            self, hosts: list[str], port: int, timeout: float, limit: int
        ) -> dict[str, bytes | str]:
            del port, timeout, limit
            return fleet.reports(hosts, SILENCE_SECONDS)

    return Controller

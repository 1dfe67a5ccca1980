"""Kubernetes as the programs find it on simulated machines: nodes with pods that take some time to
end, pods that a budget holds (`cluster/on_node/drain.py`), and API servers that are stopped and
started (`cluster/on_node/api_server.py`)."""

from collections.abc import Callable, Mapping
from typing import Any

from cluster.kubeconfig import ADMINS
from cluster.on_node.kubernetes_state import COMPONENTS
from cluster.roles import CONTROL_PLANE
from lab.simulation.clock import Clock

# The duration of a pass, and of a pod's end.
PASS_SECONDS, POD_SECONDS = 3.0, 30.0
# What an API server takes to end, and to be ready again.
STOP_SECONDS, READY_SECONDS = 12.0, 20.0
# The machines' first boot, as /proc/sys/kernel/random/boot_id names it.
FIRST_BOOT = "boot-1"
# The duration of a question for the nodes' versions.
STATE_SECONDS = 1.0


class Kubernetes:
    """The nodes and pods of one cluster.

    Attributes:
        cordoned: nodes that the program made unschedulable.
        pods: how many pods a node has; PODS without an entry.
        held: returns the budget that holds the pods of a node, or "".
        deleted: node objects that were deleted.
        installed: whether the control planes have Kubernetes.
        changed: when each API server was stopped or started, by its control plane.
        started: the last restore that started each API server, by its control plane.
        away: those that were stopped.
        unknown: nodes that Kubernetes does not know until their kubelets register them.
        late: nodes that are not ready.
        manifest: the patch release that the controller's manifest has.
        versions: the version of a node, where it is not FIRST.
        boot_of: returns the boot since which a node's kubelet reports.
        silent: nodes whose kubelet does not report.
        fails: nodes on which the play of an upgrade fails.
        requested: the deprecated APIs that clients request, to the version that removes them.
        encryption: the file with the encryption keys on each control plane that has a new one.
        reads: the same, as the API server there has read it.
        admins: the groups that a rotation's binding admits.
        narrowed: kubeadm's group is not admitted any more.
    """

    FIRST = "1.36.2"

    PODS = 5

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.cordoned: set[str] = set()
        self.pods: dict[str, int] = {}
        self.held: Callable[[str], str] = lambda _: ""
        self.deleted: list[str] = []
        self.installed = True
        self.manifest = self.FIRST
        self.versions: dict[str, str] = {}
        self.boot_of: Callable[[str], str] = lambda _: FIRST_BOOT
        self.silent: set[str] = set()
        self.fails: set[str] = set()
        self.requested: dict[str, str] = {}
        self._ends: dict[str, float] = {}
        self.changed: dict[str, float] = {}
        self.started: dict[str, int] = {}
        self.away: set[str] = set()
        self.unknown: set[str] = set()
        self.late: set[str] = set()
        self.encryption: dict[str, str] = {}
        self.reads: dict[str, str] = {}
        self.admins: set[str] = set()
        self.narrowed: bool = False

    def version_of(self, name: str) -> str:
        return self.versions.get(name, self.FIRST)

    def answer_api_server(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        """Returns what that program prints on the machine."""
        action, now = request["action"], self._clock.seconds
        if action == "kubelet":
            self.unknown.discard(name)
            return {"restarted": True}
        if action == "nodes":
            names = set(request["names"])
            absent, late = names & self.unknown, names & self.late - self.unknown
            found = {"absent": sorted(absent), "late": sorted(late), "others": []}
            return {"ready": len(names - absent - late)} | found
        if not self.installed:
            return {"state": "none", "detail": ""}
        if action == "look":
            return {"state": "there"}
        if action == "start":
            self.started[name] = max(request["restore"], self.started.get(name, 0))
        elif self.started.get(name, 0) >= request["restore"]:
            return {"state": "started"}
        if (name in self.away) is (action == "start"):
            self.away ^= {name}
            self.changed[name] = now
        passed = now - self.changed.get(name, 0.0)
        if action == "stop":
            return {"state": "stopped" if passed >= STOP_SECONDS else "stopping"}
        return {
            "state": "ready" if passed >= READY_SECONDS else "starting",
            "detail": "readyz: 500",
        }

    def answer_encryption(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        """Returns what `cluster/on_node/encryption_config.py` prints on the machine."""
        action, now = request["action"], self._clock.seconds
        if not self.installed:
            return {"state": "none", "active": False, "detail": ""}
        if action != "look":
            self.encryption[name] = request["content"]
        active = self.reads.get(name) == self.encryption.get(name) == request["content"]
        if action == "apply" and not active:
            self._clock.spend(STOP_SECONDS)
            self.reads[name] = request["content"]
            self.changed[name] = self._clock.seconds
            return {"state": "starting", "active": False, "detail": "it was restarted"}
        passed = now - self.changed.get(name, -READY_SECONDS)
        ready = passed >= READY_SECONDS and name not in self.away
        return {
            "state": "ready" if ready else "starting",
            "active": active,
            "detail": "readyz: 500",
        }

    def answer_access(self, request: dict[str, Any]) -> dict[str, Any]:
        """Returns what `cluster/on_node/admin_access.py` prints."""
        match request["action"]:
            case "grant":
                self.admins = set(request["groups"])
            case "narrow":
                self.narrowed = True
            case _:
                group = request["group"]
                kubeadm = group == ADMINS and not self.narrowed
                return {"admitted": kubeadm or group in self.admins}
        return {}

    def state(self, names: Mapping[str, str]) -> dict[str, Any]:
        """Returns what `cluster/on_node/kubernetes_state.py` prints.

        Args:
            names: the nodes' roles by their names.
        """
        self._clock.spend(STATE_SECONDS)
        have = {name: f"v{self.version_of(name)}" for name in names}
        planes = [name for name, role in names.items() if role == CONTROL_PLANE]
        return {
            "version": have[planes[0]],
            "nodes": {
                name: {
                    "kubelet": version,
                    "boot": self._info(name)["bootID"],
                    "ready": name not in self.silent,
                    "cordoned": name in self.cordoned,
                    "leaving": name in self.cordoned,
                }
                for name, version in have.items()
            },
            "components": {name: dict.fromkeys(COMPONENTS, have[name]) for name in planes},
            "requested": [{"api": a, "removed": r} for a, r in self.requested.items()],
        }

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Returns what the program prints."""
        self._clock.spend(PASS_SECONDS)
        returning: list[str] = request.get("returning", [])
        gone: list[str] = request.get("gone", [])
        self.cordoned -= {*returning, *gone}
        for name in {*returning, *gone} & self._ends.keys():
            del self._ends[name]
        self.deleted += gone
        leaving: list[str] = request.get("leaving", [])
        others = {
            name
            for name, seen in request.get("seen", {}).items()
            if seen.items() - self._info(name).items()
        }
        self.cordoned |= set(leaving) - others
        left = dict.fromkeys(others, -1) | {
            name: count
            for name in leaving
            if name not in others and (count := self._evict(name, request))
        }
        return {
            "returned": list(returning),
            "gone": list(gone),
            "changed": sorted(others),
            "drained": [name for name in leaving if name not in left],
            "left": left,
            "blocked": [self._blocked(name) for name in left if self._holds(name, request)][:20],
        }

    def _info(self, name: str) -> dict[str, str]:
        return {"kubeletVersion": f"v{self.version_of(name)}", "bootID": self.boot_of(name)}

    def _holds(self, name: str, request: dict[str, Any]) -> bool:
        return bool(self.held(name)) and not request["delete"]

    def _evict(self, name: str, request: dict[str, Any]) -> int:
        count = self.pods.get(name, self.PODS)
        if count and not self._holds(name, request):
            ends = self._ends.setdefault(name, self._clock.seconds + POD_SECONDS)
            count = count if self._clock.seconds < ends else 0
        return count

    def _blocked(self, name: str) -> dict[str, str]:
        budget = self.held(name)
        text = f"The disruption budget {budget} needs 2 healthy pods and has 2 currently"
        return {"pod": f"shop/web-{name}", "node": name, "budget": budget, "message": text}

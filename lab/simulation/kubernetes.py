"""Kubernetes as `cluster/on_node/drain.py` finds it on a simulated control plane: nodes with pods
that take some time to end, and pods that a budget holds."""

from collections.abc import Callable
from typing import Any

from lab.simulation.clock import Clock

# The duration of a pass, and of a pod's end.
PASS_SECONDS, POD_SECONDS = 3.0, 30.0


class Kubernetes:
    """The nodes and pods of one cluster.

    Attributes:
        cordoned: nodes that the program made unschedulable.
        pods: how many pods a node has; PODS without an entry.
        held: returns the budget that holds the pods of a node, or "".
        deleted: node objects that were deleted.
        installed: whether the control planes have Kubernetes.
    """

    PODS = 5

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.cordoned: set[str] = set()
        self.pods: dict[str, int] = {}
        self.held: Callable[[str], str] = lambda _: ""
        self.deleted: list[str] = []
        self.installed = True
        self._ends: dict[str, float] = {}

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
        self.cordoned |= set(leaving)
        left = {name: count for name in leaving if (count := self._evict(name, request))}
        return {
            "returned": list(returning),
            "gone": list(gone),
            "drained": [name for name in leaving if name not in left],
            "left": left,
            "blocked": [self._blocked(name) for name in left if self._holds(name, request)][:20],
        }

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

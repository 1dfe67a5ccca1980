"""A fabric without machines that a test can block or break."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from lab.fabric import FabricError, MachineSpec, NetworkState

PUBLIC = IPv4Network("198.18.0.0/24")


@dataclass
class RememberingFabric:
    """Records the requested machines and networks. `broken` machines do not boot. While `may_boot`
    is not set, no machine boots."""

    machines: dict[str, MachineSpec] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)
    networks: list[NetworkState] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    may_boot: threading.Event = field(default_factory=threading.Event)
    entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __post_init__(self) -> None:
        self.may_boot.set()

    @property
    def public(self) -> IPv4Network:
        return PUBLIC

    def apply_network(self, state: NetworkState) -> None:
        self.calls.append("apply_network")
        self.networks.append(state)

    def create(self, spec: MachineSpec) -> None:
        self.calls.append(f"create {spec.id}")
        self.entered.release()
        assert spec.id not in self.machines, "a machine was made twice"
        assert self.may_boot.wait(20)
        if spec.hostname in self.broken:
            raise FabricError("its console ends with: kernel panic")
        self.machines[spec.id] = spec

    def start(self, id: str) -> None:  # noqa: A002
        self.calls.append(f"start {id}")
        self.stopped.discard(id)

    def stop(self, id: str) -> None:  # noqa: A002
        self.calls.append(f"stop {id}")
        if id not in self.machines:
            raise FabricError(f"no machine '{id}'")
        self.stopped.add(id)

    def restart(self, id: str) -> None:  # noqa: A002
        self.calls.append(f"restart {id}")
        self.stopped.discard(id)

    def delete(self, id: str) -> None:  # noqa: A002
        self.calls.append(f"delete {id}")
        self.machines.pop(id, None)

    def state(self, id: str) -> str:  # noqa: A002
        if id not in self.machines:
            return "absent"
        return "deallocated" if id in self.stopped else "running"

    def ids(self) -> list[str]:
        return sorted(self.machines)


def eventually[T](look: Callable[[], T | None]) -> T:
    """Returns what `look` returns once it is not None. Fails if it never is."""
    for _ in range(500):
        found = look()
        if found is not None:
            return found
        time.sleep(0.01)
    raise AssertionError("it never came")

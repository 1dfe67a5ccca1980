"""Security updates and restarts as the program finds them on simulated machines
(`cluster/on_node/updates.py`)."""

from typing import Any

from clients.errors import Transient
from lab.simulation.clock import Clock
from lab.simulation.kubernetes import FIRST_BOOT

# The duration of a question, of an installation, and of a restart.
LOOK_SECONDS, INSTALL_SECONDS, RESTART_SECONDS = 3.0, 40.0, 50.0


class Updates:
    """The packages and the boots of one cluster's machines.

    Attributes:
        packages: the packages of a machine that have security updates.
        kernels: why a machine has to be restarted once its packages are installed.
        broken: machines on which an installation fails, and with what.
        stubborn: machines that ask for a restart after one, too.
        boots: the boot of each machine that was restarted.
        restarted: the machines in the order of their restarts.
        stopping: machines that are shutting down.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.boots: dict[str, str] = {}
        self.packages: dict[str, list[str]] = {}
        self.kernels: dict[str, str] = {}
        self.broken: dict[str, str] = {}
        self.stubborn: set[str] = set()
        self.restarted: list[str] = []
        self.stopping: set[str] = set()
        self._ends: dict[tuple[str, int], float] = {}
        self._back: dict[str, float] = {}

    def is_away(self, name: str) -> bool:
        return self._clock.seconds < self._back.get(name, 0.0)

    def need_there(self, name: str) -> None:
        """Raises Transient while the machine restarts."""
        if self.is_away(name):
            raise Transient(f"{name} does not answer on SSH")

    def answer(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        """Returns what the program prints on the machine."""
        self._clock.spend(LOOK_SECONDS / 16)
        match request["action"]:
            case "boot":
                return {"boot": self.boot_of(name), "stopping": name in self.stopping}
            case "install":
                done = self._install(name, request["operation"])
            case "restart":
                done = self._restart(name, request["boot"])
            case _:
                done = {}
        return (
            {"boot": self.boot_of(name), "packages": self.packages.get(name, [])}
            | {"restart": "" if self.packages.get(name) else self.kernels.get(name, "")}
            | done
        )

    def boot_of(self, name: str) -> str:
        return self.boots.get(name, FIRST_BOOT)

    def _install(self, name: str, operation: int) -> dict[str, str]:
        key, now = (name, operation), self._clock.seconds
        if key not in self._ends:
            if not self.packages.get(name):
                return {"state": "done", "detail": ""}
            self._ends[key] = now + INSTALL_SECONDS
        if now < self._ends[key]:
            return {"state": "running", "detail": ""}
        if reason := self.broken.get(name):
            return {"state": "failed", "detail": reason}
        self.packages.pop(name, None)
        return {"state": "done", "detail": ""}

    def _restart(self, name: str, boot: str) -> dict[str, str]:
        if self.boot_of(name) != boot:
            return {"state": "restarted"}
        self.boots[name] = f"boot-{int(boot.rpartition('-')[2]) + 1}"
        self._back[name] = self._clock.seconds + RESTART_SECONDS
        self.restarted.append(name)
        if name not in self.stubborn:
            self.kernels.pop(name, None)
        return {"state": "restarting", "boot": boot}

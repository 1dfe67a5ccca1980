"""The fabric: machines and their network, and the removal of all their traces."""

import os
import subprocess
import threading
from pathlib import Path

from lab.fabric import WIRE_SERVER, FabricError, MachineSpec, NetworkState
from lab.machines import firewall
from lab.machines.balancer import Prober
from lab.machines.image import Report, ensure_image
from lab.machines.machine import Machine
from lab.machines.shell import run, succeeds

PUBLIC, PUBLIC_HOST = "198.18.0.0/24", "198.18.0.1"
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


class Machines:
    """Implements `lab.fabric.Fabric`. `prefix` is used in the names of interfaces, namespaces and
    the nft table."""

    def __init__(
        self, state: Path, cache: Path, *, prefix: str = "slw", report: Report = lambda _: None
    ) -> None:
        if os.geteuid() != 0:
            raise FabricError("machines need root: run this with sudo")
        self._state, self._cache, self._prefix, self._report = state, cache, prefix, report
        self._lock = threading.RLock()
        self._machines: dict[str, Machine] = {}
        self._network = NetworkState()
        self._prober = Prober(self._on_health)

    def open(self) -> None:
        """Builds the image if it is missing, and loads the existing machines."""
        self._base = ensure_image(self._cache, self._report)
        self._directory.mkdir(parents=True, exist_ok=True)
        for directory in sorted(self._directory.iterdir()):
            if (directory / "machine.json").exists():
                machine = Machine.load(directory, self._base, self._prefix)
                self._machines[machine.spec.id] = machine
        self._prober.start()

    def close(self) -> None:
        """Stops the probes. The machines continue to run."""
        self._prober.end()

    @property
    def _directory(self) -> Path:
        return self._state / "machines"

    # -- machines ------------------------------------------------------------------------------

    def create(self, spec: MachineSpec) -> None:
        with self._lock:
            if spec.id in self._machines:
                machine = self._machines[spec.id]
            else:
                taken = {m.number for m in self._machines.values()}
                number = next(n for n in range(10_000) if n not in taken)
                directory = self._directory / spec.id.replace("/", "--")
                machine = Machine(directory, self._base, number, spec, self._prefix)
                self._machines[spec.id] = machine
                machine.directory.mkdir(parents=True, exist_ok=True)
        if (machine.directory / "machine.json").exists():
            machine.start()
        else:
            machine.create()

    def start(self, id: str) -> None:  # noqa: A002
        self._find(id).start()

    def stop(self, id: str) -> None:  # noqa: A002
        self._find(id).stop()

    def restart(self, id: str) -> None:  # noqa: A002
        machine = self._find(id)
        machine.stop()
        machine.start()

    def delete(self, id: str) -> None:  # noqa: A002
        with self._lock:
            machine = self._machines.pop(id, None)
        if machine is not None:
            machine.delete()

    def state(self, id: str) -> str:  # noqa: A002
        machine = self._machines.get(id)
        if machine is None:
            return "absent"
        return "running" if machine.running() else "deallocated"

    def ids(self) -> list[str]:
        return sorted(self._machines)

    def _find(self, id: str) -> Machine:  # noqa: A002
        machine = self._machines.get(id)
        if machine is None:
            raise FabricError(f"no machine '{id}'")
        return machine

    # -- network -------------------------------------------------------------------------------

    def apply_network(self, state: NetworkState) -> None:
        firewall.check(state)
        with self._lock:
            prepare_host(self._prefix, self._state)
            for balancer in state.balancers:
                run("ip", "route", "replace", f"{balancer.frontend}/32", "dev", self._bridge)
            self._network = state
            self._load()
        self._prober.watch(state)

    def _on_health(self, healthy: dict[str, tuple[str, ...]]) -> None:
        del healthy
        with self._lock:
            self._load()

    def _load(self) -> None:
        text = firewall.ruleset(
            self._network, self._prober.healthy, f"{self._prefix}lab", self._prefix
        )
        run("nft", "-f", "-", stdin=text)

    @property
    def _bridge(self) -> str:
        return f"{self._prefix}pub"


def prepare_host(prefix: str, state: Path) -> None:
    """Creates a bridge with the host's own addresses, and enables forwarding. The old value of
    forwarding is saved."""
    bridge = f"{prefix}pub"
    if succeeds("ip", "link", "show", bridge):
        return
    run("ip", "link", "add", bridge, "type", "bridge")
    run("ip", "addr", "add", f"{PUBLIC_HOST}/24", "dev", bridge)
    run("ip", "addr", "add", f"{WIRE_SERVER}/32", "dev", bridge)
    run("ip", "link", "set", bridge, "up")
    (state / "ip_forward").write_text(FORWARDING.read_text(encoding="utf-8"), encoding="utf-8")
    FORWARDING.write_text("1", encoding="utf-8")
    for flag in ("-i", "-o"):  # hosts with Docker drop forwarded packets
        run("iptables", "-I", "FORWARD", flag, f"{prefix}+", "-j", "ACCEPT", check=False)


def run_in(state: Path, hostname: str, argv: list[str], *, prefix: str = "slw") -> int:
    """Runs a command as root inside a machine, with this process's standard input and output.
    Returns its exit code."""
    return subprocess.run([*entry(state, hostname, prefix=prefix), *argv], check=False).returncode


def entry(state: Path, hostname: str, *, prefix: str = "slw") -> list[str]:
    """Returns the beginning of a command line that runs what follows as root inside a machine.

    Raises:
        FabricError: there is no such machine, or it is not running.
    """
    enter = ["nsenter", "-t", _leader(state, hostname, prefix), "-m", "-u", "-i", "-n", "-p", "-r"]
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return [*enter, "-w", "--", "env", "-i", path, "HOME=/root", "TERM=dumb"]


def network_entry(state: Path, hostname: str, *, prefix: str = "slw") -> list[str]:
    """Like `entry`, but for a program of the host that uses only the machine's network."""
    return ["nsenter", "-t", _leader(state, hostname, prefix), "-n", "--"]


def _leader(state: Path, hostname: str, prefix: str) -> str:
    for directory in sorted((state / "machines").glob("*")):
        if (directory / "machine.json").exists():
            machine = Machine.load(directory, Path("/"), prefix)
            if machine.spec.hostname == hostname:
                return str(machine.leader())
    raise FabricError(f"the lab has no machine '{hostname}'")

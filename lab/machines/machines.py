"""The fabric: machines and their networks."""

import json
import os
import subprocess
import threading
from ipaddress import IPv4Network
from pathlib import Path

from lab.fabric import FabricError, MachineSpec, NetworkState
from lab.machines.balancer import Prober
from lab.machines.image import Report, ensure_image
from lab.machines.machine import Machine
from lab.machines.router import Router
from lab.machines.site import Site


class Machines:
    """Implements `lab.fabric.Fabric`. `site` has the names and addresses that it may use."""

    def __init__(
        self, state: Path, cache: Path, site: Site, *, report: Report = lambda _: None
    ) -> None:
        if os.geteuid() != 0:
            raise FabricError("machines need root: run this with sudo")
        self._state, self._cache, self._site, self._report = state, cache, site, report
        self._lock = threading.RLock()
        self._machines: dict[str, Machine] = {}
        self._routers: dict[str, Router] = {}
        self._network = NetworkState()
        self._prober = Prober(self._on_health)

    def open(self) -> None:
        """Builds the image if it is missing, and loads the existing machines."""
        self._base = ensure_image(self._cache, self._report)
        self._directory.mkdir(parents=True, exist_ok=True)
        for directory in sorted(self._directory.iterdir()):
            if (directory / "machine.json").exists():
                machine = Machine.load(directory, self._base)
                self._machines[machine.spec.id] = machine
        self._load_routers()
        self._prober.start()

    def close(self) -> None:
        """Stops the probes. The machines continue to run."""
        self._prober.end()

    @property
    def public(self) -> IPv4Network:
        return self._site.public

    @property
    def _directory(self) -> Path:
        return self._state / "machines"

    # -- machines ------------------------------------------------------------------------------

    def create(self, spec: MachineSpec) -> None:
        with self._lock:
            if spec.id in self._machines:
                machine = self._machines[spec.id]
            else:
                taken = {m.link for m in self._machines.values()}
                links = (self._site.machine(number) for number in range(10_000))
                link = next(link for link in links if link not in taken)
                directory = self._directory / spec.id.replace("/", "--")
                router = self._router(spec.network).name
                machine = Machine(directory, self._base, spec, link, router)
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
        with self._lock:
            wanted = {network.id for network in state.networks}
            for network in self._routers.keys() - wanted:
                self._routers.pop(network).close()
            self._network = state
            self._load()
            self._keep_numbers()
        self._prober.watch(
            tuple(
                (self._routers[network.id].name, balancer)
                for network in state.networks
                for balancer in network.balancers
            )
        )

    def _on_health(self, healthy: dict[str, tuple[str, ...]]) -> None:
        del healthy
        with self._lock:
            self._load()

    def _load(self) -> None:
        for network in self._network.networks:
            self._router(network.id).load(network, self._prober.healthy)

    def _router(self, network: str) -> Router:
        """Returns the network's router. The caller holds the lock."""
        if network not in self._routers:
            taken = {router.name for router in self._routers.values()}
            numbers = (n for n in range(10_000) if self._site.router(n) not in taken)
            self._routers[network] = Router(self._site, next(numbers))
            self._keep_numbers()
        self._routers[network].open()
        return self._routers[network]

    @property
    def _numbers_file(self) -> Path:
        return self._state / "routers.json"

    def _numbers(self) -> dict[str, int]:
        """Returns the routers' numbers by network. They outlive the services, as the machines
        do."""
        try:
            return json.loads(self._numbers_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}

    def _load_routers(self) -> None:
        for network, number in self._numbers().items():
            self._routers[network] = Router(self._site, number)

    def _keep_numbers(self) -> None:
        numbers = {network: router.number for network, router in self._routers.items()}
        part = self._numbers_file.with_suffix(".part")
        part.write_text(json.dumps(numbers), encoding="utf-8")
        part.replace(self._numbers_file)


def run_in(state: Path, hostname: str, argv: list[str]) -> int:
    """Runs a command as root inside a machine, with this process's standard input and output.
    Returns its exit code."""
    return subprocess.run([*entry(state, hostname), *argv], check=False).returncode


def entry(state: Path, hostname: str) -> list[str]:
    """Returns the beginning of a command line that runs what follows as root inside a machine.

    Raises:
        FabricError: there is no such machine, or it is not running.
    """
    leader = str(find_machine(state, hostname).leader())
    enter = ["nsenter", "-t", leader, "-m", "-u", "-i", "-n", "-p", "-r"]
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return [*enter, "-w", "--", "env", "-i", path, "HOME=/root", "TERM=dumb"]


def network_entry(state: Path, hostname: str) -> list[str]:
    """Like `entry`, but for a program of the host that uses only the machine's network."""
    return ["nsenter", "-t", str(find_machine(state, hostname).leader()), "-n", "--"]


def find_machine(state: Path, hostname: str) -> Machine:
    """Returns the machine of the lab that keeps its state there.

    Raises:
        FabricError: the lab has no such machine.
    """
    paths = sorted((state / "machines").glob("*/machine.json"))
    machines = [Machine.load(path.parent, Path("/")) for path in paths]
    found = [machine for machine in machines if machine.spec.hostname == hostname]
    if not found:
        raise FabricError(f"the lab has no machine '{hostname}'")
    return found[0]

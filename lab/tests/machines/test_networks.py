"""The lab's networks, with namespaces in place of machines: clusters and labs side by side."""

import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from tempfile import mkdtemp

import pytest

from lab import control
from lab.fabric import LoadBalancer, NetworkState, PublicAddress, Rule, Subnet, VirtualNetwork
from lab.machines.link import connect
from lab.machines.machines import Machines
from lab.machines.namespace import call_in
from lab.machines.removal import destroy_all
from lab.machines.router import prepare_host
from lab.machines.site import FORWARDING, Site, claim, entries, find, release, this_process
from lab.tests.machines.host import on_a_host_of_its_own

pytestmark = pytest.mark.lab

RANGE, SUBNET, FIRST, SECOND, FRONTEND = (
    "10.0.0.0/16", "10.0.1.0/24", "10.0.1.4", "10.0.1.5", "10.0.1.100",
)  # fmt: skip
OPEN = Rule("ssh", 100, "Inbound", "Allow", "Tcp", ("*",), ("*",), ("*",), ("22", "80"))
CLOSED = Rule("none", 4096, "Inbound", "Deny", "*", ("*",), ("*",), ("*",), ("*",))


def network(name: str, public: str) -> VirtualNetwork:
    balancer = LoadBalancer(
        f"{name}-api", FRONTEND, 443, 80, (FIRST,), "Tcp", 80, None, interval_s=1
    )
    return VirtualNetwork(
        id=name,
        ranges=(RANGE,),
        subnets=(Subnet(f"{name}/subnets/s", SUBNET, (OPEN, CLOSED), nat=True),),
        addresses=(PublicAddress(f"{name}-ip", public, FIRST),),
        balancers=(balancer,),
    )


class Lab:
    """A lab without an image. Its machines are namespaces; each says its name at two ports."""

    def __init__(self, wanted: int | None = None) -> None:
        self.state = Path(mkdtemp())
        self.site = claim(self.state, wanted)
        prepare_host(self.site)
        self.fabric = Machines(self.state, self.state, self.site)
        self.fabric._prober.start()
        self._made = 0

    def public(self, place: int) -> str:
        return str(self.site.public[place])

    def machine(self, of: str, address: str) -> str:
        """Makes one and returns its namespace."""
        link = self.site.machine(self._made)
        self._made += 1
        connect(link, self.fabric._router(of).name, address, SUBNET)
        for port in (22, 80, 8080):
            serve(link, "0.0.0.0", port, f"{of} {address}")
        return link

    def down(self) -> None:
        self.fabric.close()
        destroy_all(self.state, self.site)
        release(self.site)


def serve(namespace: str | None, address: str, port: int, said: str) -> None:
    def listen() -> socket.socket:
        return socket.create_server((address, port))

    server = call_in(namespace, listen) if namespace else listen()

    def answer() -> None:
        while True:
            connection, _ = server.accept()
            with connection:
                connection.sendall(said.encode())

    threading.Thread(target=answer, daemon=True).start()


def ask(namespace: str | None, address: str, port: int) -> str:
    """What it answers from there; "" if nobody answers."""

    def look() -> str:
        try:
            with socket.create_connection((address, port), timeout=1) as connection:
                return connection.recv(100).decode()
        except OSError:
            return ""

    return call_in(namespace, look) if namespace else look()


def until(namespace: str, address: str, port: int, said: str) -> None:
    for _ in range(100):
        if ask(namespace, address, port) == said:
            return
        time.sleep(0.1)
    raise AssertionError(f"{address}:{port} never answered '{said}' in {namespace}")


@on_a_host_of_its_own
def test_networks_with_the_same_ranges_live_side_by_side() -> None:
    lab = Lab()
    a, b = network("a", lab.public(10)), network("b", lab.public(11))
    lab.fabric.apply_network(NetworkState((a, b)))
    for name in ("a", "b"):
        lab.machine(name, FIRST)
    in_a, in_b = lab.machine("a", SECOND), lab.machine("b", SECOND)
    assert ask(None, lab.public(10), 22) == f"a {FIRST}"
    assert ask(None, lab.public(11), 22) == f"b {FIRST}"
    assert ask(None, lab.public(10), 8080) == "", "no rule allows it"
    assert ask(in_a, FIRST, 22) == f"a {FIRST}"
    assert ask(in_b, FIRST, 22) == f"b {FIRST}"
    assert ask(in_a, lab.public(11), 22) == f"b {FIRST}", "by its public address"
    until(in_a, FRONTEND, 443, f"a {FIRST}")
    until(in_b, FRONTEND, 443, f"b {FIRST}")
    serve(None, lab.site.host, 8000, "mirror")
    assert (ask(in_a, lab.site.host, 8000), ask(in_b, lab.site.host, 8000)) == ("mirror", "mirror")
    lab.fabric.apply_network(NetworkState((b,)))
    assert (ask(None, lab.public(10), 22), ask(None, lab.public(11), 22)) == ("", f"b {FIRST}")
    lab.down()


@on_a_host_of_its_own
def test_a_lab_that_ends_leaves_another_one_its_network() -> None:
    before = FORWARDING.read_text()
    labs = [Lab(), Lab()]
    machines: list[str] = []
    for lab in labs:
        lab.fabric.apply_network(NetworkState((network("a", lab.public(10)),)))
        lab.machine("a", FIRST)
        machines.append(lab.machine("a", SECOND))
        serve(None, lab.site.host, 8000, f"mirror {lab.site.number}")
    for lab, machine in zip(labs, machines, strict=True):
        assert ask(None, lab.public(10), 22) == f"a {FIRST}"
        assert ask(machine, lab.site.host, 8000) == f"mirror {lab.site.number}"
    labs[0].down()
    assert FORWARDING.read_text() == "1\n"
    assert ask(None, labs[0].public(10), 22) == ""
    assert ask(None, labs[1].public(10), 22) == f"a {FIRST}"
    until(machines[1], FRONTEND, 443, f"a {FIRST}")
    assert ask(machines[1], labs[1].site.host, 8000) == f"mirror {labs[1].site.number}"
    labs[1].down()
    left = [path.name for path in Path("/sys/class/net").iterdir()]
    assert [name for name in left if name.startswith("slw")] == []
    for what in (["ip", "netns", "list"], ["nft", "list", "tables"], ["iptables", "-S", "FORWARD"]):
        assert "slw" not in subprocess.run(what, capture_output=True, text=True, check=True).stdout
    assert FORWARDING.read_text() == before
    assert entries() == []


@on_a_host_of_its_own
def test_services_that_start_again_find_the_networks() -> None:
    lab = Lab()
    wanted = NetworkState((network("a", lab.public(10)), network("b", lab.public(11))))
    lab.fabric.apply_network(wanted)
    lab.machine("b", FIRST)
    names = lab.fabric._routers["b"].name
    lab.fabric.apply_network(NetworkState((wanted.networks[1],)))
    again = Machines(lab.state, lab.state, lab.site)
    again._load_routers()
    again.apply_network(wanted)
    assert again._routers["b"].name == names
    assert ask(None, lab.public(11), 22) == f"b {FIRST}"
    lab.down()


@on_a_host_of_its_own
def test_lab_down_removes_the_lab_of_a_test_run_that_was_killed() -> None:
    code = (
        "import json; from lab.machines.site import this_process; print(json.dumps(this_process()))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    killed, used, own = Path(mkdtemp()), Path(mkdtemp()), Path(mkdtemp())
    for state, owner in ((killed, json.loads(ended)), (used, this_process()), (own, None)):
        prepare_host(claim(state, owner=owner))
    link = find(killed)
    assert link is not None
    others = control.status(own)["others"]
    assert others == [
        {"state": str(killed), "abandoned": True},
        {"state": str(used), "abandoned": False},
    ]
    assert control.sweep(lambda _: None, own) == [str(killed)]
    assert not killed.exists()
    assert not Path(f"/sys/class/net/{link.host_link}").exists()
    assert [entry.state for entry in entries()] == [used, own]
    assert control.sweep(lambda _: None, own) == []


def test_names_of_one_lab_are_not_those_of_another() -> None:
    one, eleven = Site(1), Site(11)
    for site, other in ((one, eleven), (eleven, one)):
        for name in (other.host_link, other.machine(1), other.machine(11), other.router(1)):
            assert not site.owns(name)
            assert other.owns(name)
            assert len(name) <= 15
    assert not one.owns("slw1")
    assert len(Site(63).machine(9999)) <= 15

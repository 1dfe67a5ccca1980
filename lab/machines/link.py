"""A machine's network namespace and its single link to its virtual network's router."""

import socket
from ipaddress import IPv4Network
from pathlib import Path

from lab.machines.namespace import call_in
from lab.machines.shell import run, succeeds

MTU = "1400"


def connect(link: str, router: str, address: str, subnet: str) -> None:
    """Creates a routed link. The router answers ARP for the whole subnet, so every packet passes
    its rules, also between machines of a subnet. Azure's network also works on layer 3.

    Args:
        link: the name of the machine's namespace, and of the router's end of the link.
        router: the name of the router's namespace.
        address, subnet: the machine's address, and its subnet in CIDR form.
    """
    if succeeds("ip", "-n", router, "link", "show", link):
        return
    network = IPv4Network(subnet)
    gateway = str(network.network_address + 1)
    run("ip", "netns", "add", link)
    run("ip", "-n", router, "link", "add", link, "type", "veth", "peer", "eth0", "netns", link)
    run("ip", "-n", link, "-batch", "-", stdin="\n".join((
        "link set lo up",
        f"addr add {address}/{network.prefixlen} dev eth0",
        f"link set eth0 mtu {MTU} up",
        f"route add default via {gateway}",
    )) + "\n")  # fmt: skip
    run("ip", "-n", router, "-batch", "-", stdin="\n".join((
        f"addr add {gateway}/32 dev {link}",
        f"link set {link} mtu {MTU} up",
        f"route replace {address}/32 dev {link} src {gateway}",
    )) + "\n")  # fmt: skip
    call_in(router, lambda: _answer_for_others(link))


def _answer_for_others(link: str) -> None:
    Path(f"/proc/sys/net/ipv4/conf/{link}/proxy_arp").write_text("1", encoding="utf-8")
    # By default, proxy ARP answers after a random delay, which would delay connections between
    # machines.
    Path(f"/proc/sys/net/ipv4/neigh/{link}/proxy_delay").write_text("0", encoding="utf-8")


def listens(namespace: str) -> bool:
    """Returns whether sshd listens inside the namespace."""
    try:
        return call_in(namespace, _answers)
    except OSError:
        return False


def _answers() -> bool:
    with socket.create_connection(("127.0.0.1", 22), timeout=0.5) as connection:
        connection.settimeout(0.5)
        return connection.recv(4) == b"SSH-"

"""A machine's network namespace and its single link to the host."""

import os
import socket
import threading
from ipaddress import IPv4Network
from pathlib import Path

from lab.machines.shell import run, succeeds

MTU = "1400"


def connect(link: str, address: str, subnet: str) -> None:
    """Creates a routed link. The host answers ARP for the whole subnet, so every packet passes the
    host's rules, also between machines of a subnet. Azure's network also works on layer 3.

    Args:
        link: the name of the namespace, and of the host's end of the link.
        address, subnet: the machine's address, and its subnet in CIDR form.
    """
    if succeeds("ip", "link", "show", link):
        return
    network = IPv4Network(subnet)
    gateway = str(network.network_address + 1)
    run("ip", "netns", "add", link)
    run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", link)
    run("ip", "-n", link, "-batch", "-", stdin="\n".join((
        "link set lo up",
        f"addr add {address}/{network.prefixlen} dev eth0",
        f"link set eth0 mtu {MTU} up",
        f"route add default via {gateway}",
    )) + "\n")  # fmt: skip
    run("ip", "-batch", "-", stdin="\n".join((
        f"addr add {gateway}/32 dev {link}",
        f"link set {link} mtu {MTU} up",
        f"route replace {address}/32 dev {link} src {gateway}",
    )) + "\n")  # fmt: skip
    Path(f"/proc/sys/net/ipv4/conf/{link}/proxy_arp").write_text("1", encoding="utf-8")
    # By default, proxy ARP answers after a random delay, which would delay connections between
    # machines.
    Path(f"/proc/sys/net/ipv4/neigh/{link}/proxy_delay").write_text("0", encoding="utf-8")


def listens(namespace: str) -> bool:
    """Returns whether sshd listens inside the namespace. A separate thread enters the namespace and
    ends with it."""
    answers: list[bool] = []

    def look() -> None:
        with open(f"/run/netns/{namespace}", "rb") as file:  # noqa: PTH123 -- a descriptor is needed
            os.setns(file.fileno(), os.CLONE_NEWNET)
        try:
            with socket.create_connection(("127.0.0.1", 22), timeout=0.5) as connection:
                connection.settimeout(0.5)
                answers.append(connection.recv(4) == b"SSH-")
        except OSError:
            answers.append(False)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return bool(answers and answers[0])

"""A machine's network namespace and its one link to the host."""

import os
import socket
import threading
from ipaddress import IPv4Network
from pathlib import Path

from lab.machines.shell import run, succeeds

MTU = "1400"


def connect(link: str, address: str, subnet: str) -> None:
    """A routed link: the host answers for the whole subnet, so that every packet, also one between
    neighbours, passes the host's rules. Azure's network works on layer 3 too.

    Args:
        link: the name of the namespace, and of the host's end.
        address, subnet: the machine's own, dotted and in CIDR form.
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
    # Proxy ARP answers after a random delay by default: neighbours would wait for it.
    Path(f"/proc/sys/net/ipv4/neigh/{link}/proxy_delay").write_text("0", encoding="utf-8")


def listens(namespace: str) -> bool:
    """Whether sshd listens inside the namespace; the thread enters it and ends with it."""
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

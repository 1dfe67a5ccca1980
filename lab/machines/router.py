"""The router of a virtual network: a network namespace with the network's routes and rules. So two
networks may have the same ranges, as in Azure."""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network

from lab.fabric import WIRE_SERVER, VirtualNetwork
from lab.machines.firewall import ruleset
from lab.machines.link import MTU
from lab.machines.namespace import call_in
from lab.machines.shell import run, succeeds
from lab.machines.site import FORWARDING, Site, forward

TABLE, UPLINK, PLATFORM = "lab", "uplink", "platform"


class Router:
    """One virtual network's router. `number` identifies its kernel objects."""

    def __init__(self, site: Site, number: int) -> None:
        self.name, self.number = site.router(number), number
        self._site = site
        self._outer, self._inner = site.ends(number)
        self._routed: frozenset[str] = frozenset()

    def open(self) -> None:
        """Creates the namespace and its link to the host, or completes what an interrupted call
        created. Each step may be repeated: machines may be connected already."""
        prepare_host(self._site)
        if not succeeds("ip", "link", "show", self.name):
            run("ip", "netns", "del", self.name, check=False)  # a namespace without a link
            run("ip", "netns", "add", self.name)
            peer = ("peer", "name", UPLINK, "netns", self.name)
            run("ip", "link", "add", self.name, "type", "veth", *peer)
        call_in(self.name, lambda: FORWARDING.write_text("1", encoding="utf-8"))
        if not succeeds("ip", "-n", self.name, "link", "show", PLATFORM):
            run("ip", "-n", self.name, "link", "add", PLATFORM, "type", "bridge")
        # An address of the network that no machine has is routed to a bridge without ports.
        run("ip", "-n", self.name, "-batch", "-", stdin="\n".join((
            "link set lo up",
            f"addr replace {self._inner}/31 dev {UPLINK}",
            f"link set {UPLINK} mtu {MTU} up",
            f"route replace default via {self._outer}",
            f"addr replace {WIRE_SERVER}/32 dev {PLATFORM}",
            f"link set {PLATFORM} up",
        )) + "\n")  # fmt: skip
        run("ip", "addr", "replace", f"{self._outer}/31", "dev", self.name)
        run("ip", "link", "set", self.name, "mtu", MTU, "up")

    def load(self, network: VirtualNetwork, healthy: Mapping[str, tuple[str, ...]]) -> None:
        """Applies the network's rules and routes."""
        inside = [IPv4Network(cidr) for cidr in network.ranges]
        frontends = {balancer.frontend for balancer in network.balancers}
        private = {f for f in frontends if any(IPv4Address(f) in cidr for cidr in inside)}
        for address in sorted(private):
            route = ("route", "replace", f"{address}/32", "dev", PLATFORM)
            run("ip", "-n", self.name, *route)
        text = ruleset(network, healthy, TABLE, UPLINK)
        run("ip", "netns", "exec", self.name, "nft", "-f", "-", stdin=text)
        self._lead({one.address for one in network.addresses} | (frontends - private))

    def _lead(self, public: set[str]) -> None:
        """Leads the public addresses here, and those that the network no longer has elsewhere."""
        way = ("via", self._inner, "dev", self.name)
        for address in sorted(self._routed - public):
            run("ip", "route", "del", f"{address}/32", *way, check=False)
        for address in sorted(public):
            run("ip", "route", "replace", f"{address}/32", *way, "src", self._site.host)
        self._routed = frozenset(public)

    def close(self) -> None:
        run("ip", "link", "del", self.name, check=False)
        run("ip", "netns", "del", self.name, check=False)


def prepare_host(site: Site) -> None:
    """Gives the host the lab's address for it, and lets it pass on the packets of the lab's
    routers."""
    forward()
    run("nft", "-f", "-", stdin=_host_rules(site))
    for flag in ("-i", "-o"):  # hosts with Docker drop forwarded packets
        rule = ("FORWARD", flag, f"{site.uplinks}+", "-j", "ACCEPT")
        if not succeeds("iptables", "-C", *rule):
            run("iptables", "-I", *rule, check=False)
    if not succeeds("ip", "link", "show", site.host_link):
        run("ip", "link", "add", site.host_link, "type", "bridge")
    run("ip", "addr", "replace", f"{site.host}/24", "dev", site.host_link)
    run("ip", "link", "set", site.host_link, "up")


def _host_rules(site: Site) -> str:
    """Returns the host's table: packets with a private address of a network do not leave it, and
    those of the routers leave the host with the host's address."""
    table, uplinks = site.name, f'"{site.uplinks}*"'
    return "\n".join((
        f"table ip {table}", f"delete table ip {table}", f"table ip {table} {{",
        "  chain prerouting {", "    type filter hook prerouting priority -300; policy accept;",
        f"    iifname {uplinks} ip saddr != {{ {site.public}, {site.transit} }} drop", "  }",
        "  chain nat_postrouting {", "    type nat hook postrouting priority 100;",
        f'    ip saddr {site.transit} oifname != "slw*" masquerade', "  }", "}",
    )) + "\n"  # fmt: skip

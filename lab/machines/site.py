"""The names and addresses that a lab uses on this machine. Labs that run side by side have
different numbers, and nothing of one has a name or an address of another."""

import fcntl
import json
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from lab.fabric import FabricError

# On a file system that a reboot empties, as it removes everything that is named in it.
REGISTRY = Path("/run/slipway-labs")
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
# Labs that are started without a number choose one below `CHOSEN`; the tests' own labs have the
# numbers from there to `MOST`.
CHOSEN, MOST = 32, 64


@dataclass(frozen=True)
class Site:
    """What belongs to the lab with this number. 198.18.0.0/15 is meant for tests of networks
    (RFC 2544), so no other network of the machine should have it."""

    number: int

    @property
    def name(self) -> str:
        """The name of the host's nftables table, and the beginning of all other names."""
        return f"slw{self.number}"

    @property
    def host_link(self) -> str:
        return f"{self.name}host"

    @property
    def uplinks(self) -> str:
        """The beginning of the names of all routers and of the host's links to them."""
        return f"{self.name}v"

    def machine(self, number: int) -> str:
        """Returns the name of a machine's namespace, link and control group. An interface name has
        at most 15 characters."""
        return f"{self.name}m{number}"

    def router(self, number: int) -> str:
        """Returns the name of a virtual network's namespace, and of the host's link to it."""
        return f"{self.uplinks}{number}"

    def owns(self, name: str) -> bool:
        """Returns whether this is a name of one of the lab's namespaces, links or control
        groups."""
        if name == self.host_link:
            return True
        begin = (f"{self.name}m", self.uplinks)
        return any(name.startswith(one) and name[len(one) :].isdigit() for one in begin)

    @property
    def public(self) -> IPv4Network:
        """The range of the lab's public addresses. The host has the first one."""
        return IPv4Network(f"198.18.{self.number}.0/24")

    @property
    def host(self) -> str:
        return str(self.public[1])

    @property
    def transit(self) -> IPv4Network:
        """The range of the links between the host and the routers."""
        return IPv4Network(f"198.19.{self.number}.0/24")

    def ends(self, number: int) -> tuple[str, str]:
        """Returns the host's and the router's address on the link to a router.

        Raises:
            FabricError: the lab has no range left for this router.
        """
        if 2 * number + 1 >= self.transit.num_addresses:
            raise FabricError(f"a lab has at most {self.transit.num_addresses // 2} networks")
        return str(self.transit[2 * number]), str(self.transit[2 * number + 1])


@dataclass(frozen=True)
class Entry:
    """A lab in the registry. `owner` is the process that the lab must not outlive, or None."""

    number: int
    state: Path
    owner: dict[str, str] | None

    @property
    def abandoned(self) -> bool:
        """Whether nobody uses the lab any more: its state is gone, or its owner has ended."""
        return not self.state.exists() or bool(self.owner and not is_alive(self.owner))


def claim(state: Path, wanted: int | None = None, owner: dict[str, str] | None = None) -> Site:
    """Returns the site of the lab that keeps its state there. A lab keeps its site until
    `release`. Without `wanted`, a new one gets the first free number.

    Raises:
        FabricError: another lab has the wanted number, or no number is free.
    """
    with _registry() as registry:
        known = {entry.number: entry for entry in _entries(registry)}
        own = next((number for number, entry in known.items() if entry.state == state), None)
        if own is None:
            numbers = range(CHOSEN) if wanted is None else (wanted,)
            own = next((number for number in numbers if number not in known), None)
        if own is None:
            others = ", ".join(str(entry.state) for entry in known.values())
            raise FabricError(f"no range of addresses is free for this lab; other labs: {others}")
        text = json.dumps({"state": str(state), "owner": owner})
        (registry / str(own)).write_text(text, encoding="utf-8")
        return Site(own)


def find(state: Path) -> Site | None:
    """Returns the site that the lab with this state has claimed, or None."""
    return next((Site(entry.number) for entry in entries() if entry.state == state), None)


def entries() -> list[Entry]:
    """Returns all labs on this machine."""
    return list(_entries(REGISTRY))


def forward() -> None:
    """Lets the host pass packets on, and saves what it did before."""
    with _registry() as registry:
        before = registry / "ip_forward"
        if not before.exists():
            before.write_text(FORWARDING.read_text(encoding="utf-8"), encoding="utf-8")
        FORWARDING.write_text("1", encoding="utf-8")


def release(site: Site) -> None:
    """Frees the number. The last lab restores what the host did with packets before the first."""
    with _registry() as registry:
        (registry / str(site.number)).unlink(missing_ok=True)
        before = registry / "ip_forward"
        if before.exists() and not list(_entries(registry)):
            FORWARDING.write_text(before.read_text(encoding="utf-8"), encoding="utf-8")
            before.unlink()


def this_process() -> dict[str, str]:
    """Returns this process as the owner of a lab."""
    return {"pid": str(os.getpid()), "started": _started(str(os.getpid()))}


def is_alive(owner: dict[str, str]) -> bool:
    """Returns whether the process runs. Its number may have been given to another one since."""
    return bool(owner["started"]) and _started(owner["pid"]) == owner["started"]


def _started(pid: str) -> str:
    """Returns when the process started, in clock ticks since the boot, or "" if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def _entries(registry: Path) -> Iterator[Entry]:
    for path in sorted(registry.glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            yield Entry(int(path.name), Path(found["state"]), found["owner"])
        except (OSError, ValueError, KeyError):
            continue  # released at this moment, or not written completely


@contextmanager
def _registry() -> Generator[Path]:
    """Holds the registry's lock."""
    REGISTRY.mkdir(parents=True, exist_ok=True, mode=0o755)
    with (REGISTRY / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield REGISTRY

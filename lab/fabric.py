"""The fabric behind the lab's Azure: the machines and networks that the ARM stand-in requests."""

from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Protocol

WIRE_SERVER = "168.63.129.16"


class FabricError(Exception):
    """A machine or the network could not be created as requested. The message says why."""


@dataclass(frozen=True)
class DataDisk:
    lun: int
    size_gib: int
    name: str


@dataclass(frozen=True)
class MachineSpec:
    """The specification of a machine. `id` is "{resource group}/{vm name}" in lower case. `network`
    is the id of its virtual network. The gateway is the first address of the subnet."""

    id: str
    hostname: str
    network: str
    address: str
    subnet: str
    admin_user: str
    ssh_public_keys: tuple[str, ...]
    custom_data: bytes
    data_disks: tuple[DataDisk, ...]
    vm_size: str


@dataclass(frozen=True)
class Rule:
    """One security rule. Sources and destinations are CIDR ranges, service tags or "*"."""

    name: str
    priority: int
    direction: str
    access: str
    protocol: str
    sources: tuple[str, ...]
    source_ports: tuple[str, ...]
    destinations: tuple[str, ...]
    destination_ports: tuple[str, ...]


@dataclass(frozen=True)
class Subnet:
    """A subnet with its security rules. `nat` is True if it has a NAT gateway."""

    id: str
    cidr: str
    rules: tuple[Rule, ...]
    nat: bool


@dataclass(frozen=True)
class PublicAddress:
    """A public address, and the private address that it is translated to."""

    id: str
    address: str
    private: str


@dataclass(frozen=True)
class LoadBalancer:
    """One rule of an internal or public load balancer, with its probe."""

    id: str
    frontend: str
    port: int
    backend_port: int
    backends: tuple[str, ...]
    probe_protocol: str
    probe_port: int
    probe_path: str | None
    interval_s: int


@dataclass(frozen=True)
class VirtualNetwork:
    """A virtual network, and the public addresses and balancers that lead into it. Networks may
    have the same ranges."""

    id: str
    ranges: tuple[str, ...] = ()
    subnets: tuple[Subnet, ...] = ()
    addresses: tuple[PublicAddress, ...] = ()
    balancers: tuple[LoadBalancer, ...] = ()


@dataclass(frozen=True)
class NetworkState:
    """All desired networks."""

    networks: tuple[VirtualNetwork, ...] = ()


class Fabric(Protocol):
    """What the stand-in needs of a fabric. Every method may be called again with the same
    arguments. `public` is the range of the public addresses."""

    @property
    def public(self) -> IPv4Network: ...
    def apply_network(self, state: NetworkState) -> None: ...
    def create(self, spec: MachineSpec) -> None: ...
    def start(self, id: str) -> None: ...  # noqa: A002
    def stop(self, id: str) -> None: ...  # noqa: A002
    def restart(self, id: str) -> None: ...  # noqa: A002
    def delete(self, id: str) -> None: ...  # noqa: A002
    def state(self, id: str) -> str: ...  # noqa: A002
    def ids(self) -> list[str]: ...

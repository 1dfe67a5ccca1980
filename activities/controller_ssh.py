"""Connects to the controller over SSH, and through it to the nodes, with pinned host keys."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clients.controller_login import controller_login, network_outputs
from clients.errors import Refused
from clients.services import services
from cluster import names
from cluster.plan import Plan
from cluster.record import PlannedNode

if TYPE_CHECKING:
    from clients.ssh.controller import Completed, SshController


@dataclass(frozen=True)
class Controller:
    """An open connection to a cluster's controller.

    Attributes:
        ssh: the connection itself.
        host_keys: node name to public host key, read once for all nodes.
    """

    ssh: "SshController"
    plan: Plan
    host_keys: Mapping[str, str]

    def run_on(
        self, slot: PlannedNode, command: list[str], stdin: bytes = b"", timeout: float = 30.0
    ) -> "Completed":
        """Runs a command on a node behind the controller. `timeout` is in seconds.

        Raises:
            Transient: the node does not answer, the connection broke, or the time is over.
            Refused: HostKeyMismatch, AuthenticationFailed, ForwardingRefused, BadHostKey.
        """
        host_key = pinned(self.host_keys, slot.name)
        node = self.ssh.node(slot.address, self.plan.spec.admin_user, host_key)
        return node.run(command, stdin=stdin, timeout=timeout)

    @property
    def known_hosts(self) -> str:
        """Returns the OpenSSH known_hosts for the play. It has every node by name and address, and
        nothing else.

        Raises:
            Refused: BadHostKey, a node has no stored key.
        """
        return "".join(
            f"{slot.name},{slot.address} {pinned(self.host_keys, slot.name)}\n"
            for slot in self.plan.nodes
        )


@contextmanager
def controller(plan: Plan, private_key: str | None = None) -> Generator[Controller]:
    """Connects to the controller's public address.

    Args:
        private_key: the SSH key. None: the cluster's key, from the vault.

    Raises:
        Transient: the controller does not answer (yet).
        Refused: DeploymentMissing, KeyMissing, BadHostKey, or a code of
            `clients.ssh.connection.connect`.
    """
    host_keys = services().store.public_keys(plan.cluster)
    try:
        with controller_login(
            services(),
            plan.cluster,
            plan.uid,
            address=public_address(plan),
            user=plan.spec.admin_user,
            host_key=pinned(host_keys, plan.controller.name),
            private_key=private_key,
        ) as connection:
            yield Controller(connection, plan, host_keys)
    except Refused as error:
        error.place = error.place or plan.controller.name
        raise


def pinned(host_keys: Mapping[str, str], node: str) -> str:
    """Returns the stored public host key of a node.

    Raises:
        Refused: BadHostKey.
    """
    if key := host_keys.get(node):
        return key
    raise Refused("BadHostKey", f"public-keys.json has no host key of {node}", place=node)


def public_address(plan: Plan) -> str:
    """Returns the controller's public IPv4 address.

    Raises:
        Refused: DeploymentMissing.
    """
    return str(_network_outputs(plan)["controllerPublicAddress"])


def public_api_address(plan: Plan) -> str:
    """Returns the public IPv4 address of the API's load balancer, or "" if it has none.

    Raises:
        Refused: DeploymentMissing.
    """
    return str(_network_outputs(plan).get("apiPublicAddress") or "")


def _network_outputs(plan: Plan) -> dict[str, Any]:
    found = network_outputs(services(), plan.cluster, plan.group, plan.network_generation)
    if not found:
        name = names.deployment_name(plan.cluster, names.NETWORK, plan.network_generation)
        raise Refused("DeploymentMissing", f"deployment {name} does not exist or has no outputs")
    return found

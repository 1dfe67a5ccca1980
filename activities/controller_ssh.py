"""The way in: one SSH connection to the controller, host keys pinned on both hops."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from activities.cluster_secrets import ClusterSecrets
from clients.errors import Refused
from clients.services import services
from cluster import names
from cluster.plan import Plan

if TYPE_CHECKING:
    from clients.ssh.controller import SshController


@contextmanager
def controller(plan: Plan) -> "Generator[SshController]":
    """Connects to the controller's public address, which the network deployment told.

    Raises:
        Transient: it does not answer (yet).
        Refused: it answers with another host key, or does not take ours.
    """
    from clients.ssh.controller import SshController

    public = services().store.public_keys(plan.cluster)
    host, private_key = public_address(plan), ClusterSecrets.of(plan).cluster_key()
    try:
        with SshController(
            host=host,
            user=plan.spec.admin_user,
            private_key=private_key,
            host_public_key=public[plan.controller.name],
        ) as connection:
            yield connection
    except Refused as error:
        error.place = error.place or plan.controller.name
        raise


def public_address(plan: Plan) -> str:
    """The controller's."""
    return str(_network_outputs(plan)["controllerPublicAddress"])


def public_api_address(plan: Plan) -> str:
    """Of the API's public frontend; empty where there is none."""
    return str(_network_outputs(plan).get("apiPublicAddress") or "")


def _network_outputs(plan: Plan) -> dict[str, Any]:
    """From the network deployment: ARM is the one that knows its addresses."""
    name = names.deployment_name(plan.cluster, "network", plan.generation)
    found = services().deployments.get(plan.group, name)
    if found is None or not found.outputs:
        raise Refused("DeploymentMissing", f"deployment {name} has no outputs", [])
    return found.outputs


def known_hosts(plan: Plan) -> str:
    """OpenSSH known_hosts for the controller: every node by name and address, nothing else."""
    public = services().store.public_keys(plan.cluster)
    return "".join(f"{s.name},{s.address} {public[s.name]}\n" for s in plan.nodes)

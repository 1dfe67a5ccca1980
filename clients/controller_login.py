"""The login to a cluster's controller: its address, the cluster's SSH key, the pinned host key."""

from typing import TYPE_CHECKING, Any

from clients.azure.vault import Vault
from clients.errors import Refused
from clients.services import Services
from cluster import names

if TYPE_CHECKING:
    from clients.ssh.controller import SshController


def network_outputs(
    services: Services, cluster: str, group: str, generation: int
) -> dict[str, Any]:
    """Outputs of the network deployment, for Azure assigns the public addresses.

    Returns:
        `controllerPublicAddress` and, if the API is public, `apiPublicAddress`; empty if the
        deployment does not exist or has no outputs yet.
    """
    name = names.deployment_name(cluster, names.NETWORK, generation)
    found = services.deployments.get(group, name)
    return found.outputs if found else {}


def cluster_key(vault: Vault, cluster: str, uid: str) -> str:
    """The private key for all machines of the cluster, in OpenSSH's format.

    Raises:
        Refused: KeyMissing, the vault has no such secret.
    """
    secret = names.cluster_key_secret(cluster, uid)
    found = vault.get(secret)
    if found is None:
        message = f"secret '{secret}', the SSH key of cluster '{cluster}', is not in the vault"
        raise Refused("KeyMissing", message)
    return found.value


def controller_login(
    services: Services,
    cluster: str,
    uid: str,
    *,
    address: str,
    user: str,
    host_key: str,
    private_key: str | None = None,
) -> "SshController":
    """A connection to the controller, opened by its `with` block.

    Args:
        address: the controller's public address.
        user: the admin user of the spec.
        host_key: the controller's public host key; no other key is accepted.
        private_key: the SSH key. None: the cluster's, from the vault.

    Raises:
        Refused: KeyMissing, BadPrivateKey; see `clients.ssh.connection.connect` for what opening
            the connection raises.
    """
    from clients.ssh.controller import SshController

    return SshController(
        host=address,
        user=user,
        private_key=private_key or cluster_key(services.vault, cluster, uid),
        host_public_key=host_key,
    )

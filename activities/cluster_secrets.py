"""Reads and creates the cluster's secrets in the vault, with one method for each purpose.

The values do not leave the activity that reads them.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime

from clients.azure.vault import Secret
from clients.errors import Refused
from clients.services import services
from cluster import keys, names
from cluster.encryption import EncryptionKeys
from cluster.kubeconfig import ADMINS, group_of, new_kubeconfig, still_good
from cluster.ownership import Owner, described
from cluster.plan import Plan, host_key_chunks
from cluster.record import PlannedNode

ETCD, KUBERNETES, FRONT_PROXY = "etcd", "kubernetes", "front-proxy"
AUTHORITIES = (ETCD, KUBERNETES, FRONT_PROXY)
SERVICE_ACCOUNTS, ENCRYPTION, KUBECONFIG = "service-accounts", "encryption", names.KUBECONFIG
CLUSTER_SECRETS = (SERVICE_ACCOUNTS, ENCRYPTION, KUBECONFIG)


class ClusterSecrets:
    """Gets or creates every secret that a plan needs."""

    def __init__(self, cluster: str, uid: str) -> None:
        self._cluster = cluster
        self._uid = uid
        self._owner = Owner(cluster, uid, services().settings.installation)
        self._tags = self._owner.tags
        self._chunks: dict[tuple[str, int], dict[str, str]] = {}

    @classmethod
    def of(cls, plan: Plan) -> "ClusterSecrets":
        return cls(plan.cluster, plan.uid)

    def secret_names(self, plan_chunks: list[tuple[str, int]]) -> list[str]:
        return [
            names.cluster_key_secret(self._cluster, self._uid),
            *(names.host_keys_secret(self._cluster, self._uid, *chunk) for chunk in plan_chunks),
            *(names.authority_secret(self._cluster, self._uid, a) for a in AUTHORITIES),
            *(names.cluster_secret(self._cluster, self._uid, s) for s in CLUSTER_SECRETS),
        ]

    def names_of(self, plan: Plan) -> list[str]:
        """Returns the names of all secrets of a plan."""
        return self.secret_names(host_key_chunks(plan))

    def ensure_cluster_key(self) -> str:
        """Returns the private SSH key that opens every machine of the cluster."""
        name = names.cluster_key_secret(self._cluster, self._uid)
        found = self._get(name)
        return found.value if found else self._set(name, keys.new_ssh_key())

    def ensure_host_keys(self, pool: str, chunk: int) -> dict[str, str]:
        """Returns the private host keys of a chunk by index. The index is a text because JSON
        requires it."""
        if (pool, chunk) not in self._chunks:
            name = names.host_keys_secret(self._cluster, self._uid, pool, chunk)
            found = self._get(name)
            value = found.value if found else self._set(name, json.dumps(_new_chunk(chunk)))
            self._chunks[pool, chunk] = json.loads(value)
        return self._chunks[pool, chunk]

    def host_key(self, slot: PlannedNode) -> str:
        chunk = self.ensure_host_keys(slot.pool, names.host_key_chunk(slot.index))
        return chunk[str(slot.index)]

    def ensure_authority(self, authority: str) -> tuple[str, str]:
        """Returns (private key, certificate) of the authority, both PEM."""
        name = names.authority_secret(self._cluster, self._uid, authority)
        found = self._get(name)
        if found is None:
            key, certificate = keys.new_authority(f"{self._cluster} {authority}")
            value = self._set(name, json.dumps({"key": key, "certificate": certificate}))
        else:
            value = found.value
        pair = json.loads(value)
        return pair["key"], pair["certificate"]

    def ensure_signing_pair(self) -> tuple[str, str]:
        """Returns (private key, public key) that sign service account tokens, both PEM."""
        name = names.cluster_secret(self._cluster, self._uid, SERVICE_ACCOUNTS)
        found = self._get(name)
        if found is None:
            private, public = keys.new_signing_pair()
            value = self._set(name, json.dumps({"key": private, "public": public}))
        else:
            value = found.value
        pair = json.loads(value)
        return pair["key"], pair["public"]

    def ensure_encryption_keys(self) -> EncryptionKeys:
        """Returns the keys that API servers encrypt Secrets in etcd with.

        Raises:
            Refused: UnreadableDocument.
        """
        name = names.cluster_secret(self._cluster, self._uid, ENCRYPTION)
        found = self._get(name)
        value = found.value if found else self._set(name, keys.new_encryption_key())
        try:
            return EncryptionKeys.parse(value)
        except ValueError as error:
            text = f"secret {name} cannot be read: {error}"
            raise Refused("UnreadableDocument", text, place=name) from None

    def ensure_kubeconfig(self, server: str) -> str:
        """Returns the name of the kubeconfig's secret. Creates the kubeconfig unless a valid one
        exists.

        Two executions in parallel may each renew it: both kubeconfigs are valid, and the vault
        keeps the later one.
        """
        name = names.cluster_secret(self._cluster, self._uid, KUBECONFIG)
        authority = self.ensure_authority(KUBERNETES)
        found = self._get(name)
        value = (
            found.value
            if found
            else self._set(name, new_kubeconfig(self._cluster, server, authority))
        )
        # The vault restores a deleted secret with its old value, so the value that was set is
        # checked too.
        if not still_good(value, server, authority[1], datetime.now(UTC)):
            new = new_kubeconfig(self._cluster, server, authority, _group(value))
            services().vault.replace(name, new, self._tags)
        return name

    def kubeconfig(self) -> str:
        """Returns the administrator's kubeconfig, or "" if there is none."""
        found = self._get(names.cluster_secret(self._cluster, self._uid, KUBECONFIG))
        return found.value if found else ""

    def ensure_new(self, credential: str, rotation: str, value: Callable[[], str]) -> str:
        """Returns what a rotation makes the credential. The first that was stored is kept.

        Args:
            value: makes it.
        """
        name = names.rotation_secret(self._cluster, self._uid, credential, rotation)
        found = self._get(name)
        return found.value if found else self._set(name, value())

    def new(self, credential: str, rotation: str) -> str:
        """Returns what a rotation has made the credential.

        Raises:
            Refused: KeyMissing.
        """
        name = names.rotation_secret(self._cluster, self._uid, credential, rotation)
        found = self._get(name)
        if found is None:
            text = f"secret '{name}', which the rotation made, is not in the vault"
            raise Refused("KeyMissing", text, place=name)
        return found.value

    def use_cluster_key(self, key: str) -> None:
        """Makes that private SSH key the cluster's."""
        self._use(names.cluster_key_secret(self._cluster, self._uid), key)

    def use_encryption_keys(self, found: EncryptionKeys) -> None:
        self._use(names.cluster_secret(self._cluster, self._uid, ENCRYPTION), found.render())

    def use_kubeconfig(self, text: str) -> None:
        self._use(names.cluster_secret(self._cluster, self._uid, KUBECONFIG), text)

    def _use(self, name: str, value: str) -> None:
        """Sets the value, unless it is there. Earlier versions of the secret stay in the vault."""
        found = self._get(name)
        if found is None or found.value != value:
            services().vault.replace(name, value, self._tags)

    def owns(self, name: str) -> bool:
        """Returns whether the secret is the cluster's, or does not exist.

        A version that an operator set has no tags: then an earlier version tells.
        """
        versions = services().vault.tags_of_versions(name)
        return not versions or any(map(self._owner.owns, versions))

    def _get(self, name: str) -> Secret | None:
        found = services().vault.get(name)
        return found and self._own(found)

    def _set(self, name: str, value: str) -> str:
        return self._own(services().vault.set_if_absent(name, value, self._tags)).value

    def _own(self, found: Secret) -> Secret:
        """Returns the secret if it is the cluster's.

        Raises:
            Refused: SecretOwnedByAnother.
        """
        if self._owner.owns(found.tags) or self.owns(found.name):
            return found
        wanted = ", ".join(f"{key}={value}" for key, value in self._tags.items())
        text = (
            f"secret {found.name} has the name that the cluster needs and is "
            f"{described(found.tags)}; the cluster's own secrets have the tags {wanted}"
        )
        raise Refused("SecretOwnedByAnother", text, place=found.name)


def _group(kubeconfig: str) -> str:
    """Returns the group of a kubeconfig that is renewed, or kubeadm's if it names none."""
    try:
        return group_of(kubeconfig)
    except ValueError:
        return ADMINS


def _new_chunk(chunk: int) -> dict[str, str]:
    first = chunk * names.HOST_KEYS_PER_SECRET
    return {
        str(index): keys.new_ssh_key() for index in range(first, first + names.HOST_KEYS_PER_SECRET)
    }

"""Reads and creates the cluster's secrets in the vault, with one method for each purpose.

The values do not leave the activity that reads them.
"""

import json
from datetime import UTC, datetime

from clients.services import services
from cluster import keys, names
from cluster.kubeconfig import new_kubeconfig, still_good
from cluster.plan import Plan
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
        self._tags = {names.CLUSTER_TAG: cluster}
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

    def ensure_cluster_key(self) -> str:
        """Returns the private SSH key that opens every machine of the cluster."""
        name = names.cluster_key_secret(self._cluster, self._uid)
        found = services().vault.get(name)
        return found.value if found else self._set(name, keys.new_ssh_key())

    def ensure_host_keys(self, pool: str, chunk: int) -> dict[str, str]:
        """Returns the private host keys of a chunk by index. The index is a text because JSON
        requires it."""
        if (pool, chunk) not in self._chunks:
            name = names.host_keys_secret(self._cluster, self._uid, pool, chunk)
            found = services().vault.get(name)
            value = found.value if found else self._set(name, json.dumps(_new_chunk(chunk)))
            self._chunks[pool, chunk] = json.loads(value)
        return self._chunks[pool, chunk]

    def host_key(self, slot: PlannedNode) -> str:
        chunk = self.ensure_host_keys(slot.pool, names.host_key_chunk(slot.index))
        return chunk[str(slot.index)]

    def ensure_authority(self, authority: str) -> tuple[str, str]:
        """Returns (private key, certificate) of the authority, both PEM."""
        name = names.authority_secret(self._cluster, self._uid, authority)
        found = services().vault.get(name)
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
        found = services().vault.get(name)
        if found is None:
            private, public = keys.new_signing_pair()
            value = self._set(name, json.dumps({"key": private, "public": public}))
        else:
            value = found.value
        pair = json.loads(value)
        return pair["key"], pair["public"]

    def ensure_encryption_key(self) -> str:
        """Returns the key that the API server encrypts secrets in etcd with, in base64."""
        name = names.cluster_secret(self._cluster, self._uid, ENCRYPTION)
        found = services().vault.get(name)
        return found.value if found else self._set(name, keys.new_encryption_key())

    def ensure_kubeconfig(self, server: str) -> str:
        """Returns the name of the kubeconfig's secret. Creates the kubeconfig unless a valid one
        exists.

        Two executions in parallel may each renew it: both kubeconfigs are valid, and the vault
        keeps the later one.
        """
        name = names.cluster_secret(self._cluster, self._uid, KUBECONFIG)
        authority = self.ensure_authority(KUBERNETES)
        found = services().vault.get(name)
        value = (
            found.value
            if found
            else self._set(name, new_kubeconfig(self._cluster, server, authority))
        )
        # The vault restores a deleted secret with its old value, so the value that was set is
        # checked too.
        if not still_good(value, server, authority[1], datetime.now(UTC)):
            services().vault.replace(
                name, new_kubeconfig(self._cluster, server, authority), self._tags
            )
        return name

    def _set(self, name: str, value: str) -> str:
        return services().vault.set_if_absent(name, value, self._tags).value


def _new_chunk(chunk: int) -> dict[str, str]:
    first = chunk * names.HOST_KEYS_PER_SECRET
    return {
        str(index): keys.new_ssh_key() for index in range(first, first + names.HOST_KEYS_PER_SECRET)
    }

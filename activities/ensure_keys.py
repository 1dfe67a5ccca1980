"""Activity ensure_keys: creates the cluster key, the nodes' host keys and the authorities before
any VM."""

from activities.cluster_secrets import AUTHORITIES, ClusterSecrets
from activities.registration import activity
from clients.services import services
from cluster import keys
from cluster.contracts import ENSURE_KEYS, RunRef
from cluster.outcomes import Outcome
from cluster.plan import host_key_chunks

CLUSTER_KEY = ""


@activity(ENSURE_KEYS)
def ensure_keys(ref: RunRef) -> Outcome:
    """Creates the keys that are missing.

    Only the public halves leave this activity. It writes them to the cluster's public-keys blob.
    """
    store = services().store
    plan = store.need_plan(ref)
    secrets = ClusterSecrets.of(plan)
    public = {CLUSTER_KEY: keys.public_half(secrets.ensure_cluster_key())}
    for pool, chunk in host_key_chunks(plan):
        secrets.ensure_host_keys(pool, chunk)
    for authority in AUTHORITIES:
        secrets.ensure_authority(authority)
    secrets.ensure_signing_pair()
    secrets.ensure_encryption_keys()
    public |= {slot.name: keys.public_half(secrets.host_key(slot)) for slot in plan.slots}
    store.save_public_keys(plan.cluster, public)
    return Outcome()

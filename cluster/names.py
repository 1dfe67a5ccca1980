"""Names of everything that a cluster consists of, derived from its own name and nothing else.

Deterministic names are what makes a repeated activity find its own earlier work.
"""

import hashlib
import re
from typing import Final

CLUSTER_NAME = re.compile(r"[a-z][a-z0-9-]{1,22}[a-z0-9]")
POOL_NAME = re.compile(r"[a-z][a-z0-9]{0,11}")
RESERVED_POOLS = frozenset({"controller", "etcd", "controlplane", "api"})

CLUSTER_NAME_RULE = "3 to 24 characters: a to z, 0 to 9 and '-', beginning with a letter"
POOL_NAME_RULE = "1 to 12 characters: a to z and 0 to 9, beginning with a letter"

# The tag on every resource of a cluster and on its secrets; its value is the cluster's name.
CLUSTER_TAG = "slipway-cluster"
# The deployment of a cluster's network: the part of its name, and its template.
NETWORK: Final = "network"

# A generation has six digits, and more from the millionth on.
_INSTANCE_ID = re.compile(r"(.+)-([0-9]{6,9})")

# One vault secret holds several host keys: 25 KB a secret, about 400 bytes a key.
HOST_KEYS_PER_SECRET = 40


def instance_id(cluster: str, generation: int) -> str:
    """The orchestration instance of one operation: an old link keeps showing the old operation."""
    return f"{cluster}-{generation:06d}"


def parse_instance_id(text: str) -> tuple[str, int]:
    """The cluster and the generation of an `instance_id`.

    Raises:
        ValueError: the text is not the instance id of an operation.
    """
    match = _INSTANCE_ID.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' is not the instance id of an operation")
    return match[1], int(match[2])


def deployment_name(cluster: str, part: str, generation: int) -> str:
    """ARM deployment name (64 characters at most; the cluster and part rules leave room)."""
    return f"{cluster}-{part}-{generation:06d}"


def generation_of_deployment(cluster: str, name: str) -> int:
    """The generation of a deployment, or 0 if its name is none that the cluster gives."""
    match = _INSTANCE_ID.fullmatch(name)
    return int(match[2]) if match and match[1].startswith(f"{cluster}-") else 0


def play_run_id(cluster: str, generation: int, attempt: int) -> str:
    return f"{cluster}-{generation:06d}-{attempt}"


def cluster_key_secret(cluster: str, uid: str) -> str:
    return f"{cluster}-{uid}-ssh-key"


def host_key_chunk(index: int) -> int:
    return index // HOST_KEYS_PER_SECRET


def host_keys_secret(cluster: str, uid: str, pool: str, chunk: int) -> str:
    return f"{cluster}-{uid}-host-keys-{pool}-{chunk}"


def authority_secret(cluster: str, uid: str, authority: str) -> str:
    return f"{cluster}-{uid}-ca-{authority}"


def cluster_secret(cluster: str, uid: str, what: str) -> str:
    return f"{cluster}-{uid}-{what}"


# What a rotation exchanges for a new one.
SSH_KEY, ENCRYPTION_KEY = "ssh-key", "encryption-key"
# What `cluster_secret` is asked for, where others than the keyring must know it too.
KUBECONFIG = "kubeconfig"
CREDENTIALS: Final = (SSH_KEY, ENCRYPTION_KEY, KUBECONFIG)


def rotation_secret(cluster: str, uid: str, credential: str, rotation: str) -> str:
    """Where a new credential is until a rotation has ended. No two rotations have the same id: the
    vault brings a deleted secret back with its old value."""
    return f"{cluster}-{uid}-new-{credential}-{rotation}"


# What the names of all blobs of clusters begin with, and what follows a cluster's name in the names
# of its runs' blobs.
CLUSTERS, RUNS = "clusters/", "/runs/"
# What the names of the blobs of the page's sessions begin with.
PAGE_SESSIONS = "page-sessions/"


def record_blob(cluster: str) -> str:
    return f"{CLUSTERS}{cluster}/record.json"


def cluster_of_record(blob: str) -> str:
    """The cluster whose record the blob is, or "" if it is none."""
    name = blob.removeprefix(CLUSTERS).removesuffix("/record.json")
    return name if "/" not in name and blob == record_blob(name) else ""


def forgotten_blob(cluster: str, content: bytes) -> str:
    """Where the record of a cluster is kept that nobody could read and that was forgotten. The same
    content has the same name, so that a repeated request makes no second copy."""
    return f"{forgotten_folder(cluster)}{hashlib.sha256(content).hexdigest()[:16]}.json"


def forgotten_folder(cluster: str) -> str:
    """Where all such records of a cluster are."""
    return f"forgotten/{cluster}/"


def page_session_blob(digest: str) -> str:
    """Where a session of the page is kept, by the hash of its secret."""
    return f"{PAGE_SESSIONS}{digest}.json"


def public_keys_blob(cluster: str) -> str:
    """Public halves only: the cluster key's and each node's host key."""
    return f"{CLUSTERS}{cluster}/public-keys.json"


def applied_blob(cluster: str) -> str:
    """What the stages of the play last did on each machine."""
    return f"{CLUSTERS}{cluster}/applied.json"


def run_blob(cluster: str, generation: int, file: str) -> str:
    """One run's file: plan.json, nodes.json, events.jsonl, play-N.json, play-N.log, drain.json,
    checks.json, removal.json, result.json."""
    return f"{runs_folder(cluster)}{generation:06d}/{file}"


def runs_folder(cluster: str) -> str:
    """Where the files of all runs of a cluster are."""
    return f"{CLUSTERS}{cluster}{RUNS}"


def backup_id(generation: int) -> str:
    """The id of the backup that a run takes: the run's number."""
    return f"{generation:06d}"


def backups_folder(cluster: str, uid: str) -> str:
    """Where a cluster's backups are. A later cluster of the same name has another uid. The folder
    is not below `CLUSTERS`, whose listing is the list of clusters."""
    return f"backups/{cluster}/{uid}/"


def backup_blob(cluster: str, uid: str, backup: str) -> str:
    """What describes a backup. It is written last: without it, a snapshot is no backup."""
    return f"{backups_folder(cluster, uid)}{backup}.json"


def snapshot_blob(cluster: str, uid: str, backup: str) -> str:
    return f"{backups_folder(cluster, uid)}{backup}.db"


def api_name(cluster: str) -> str:
    """The one name of the Kubernetes API inside the cluster's network."""
    return f"api.{cluster}.slipway.internal"

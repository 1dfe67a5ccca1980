"""The answer of the HTTP API about a cluster's backups."""

from pydantic import Field

from cluster.api import NAME
from cluster.api_base import Answer


class BackupSummary(Answer):
    """A snapshot of etcd that was checked and stored."""

    id: str = Field(description="Id of the backup.", examples=["000012"])
    taken_at: str = Field(
        default="",
        description="When it was taken, in UTC; empty if unknown.",
        examples=["2026-11-30T12:00:00Z"],
    )
    member: str = Field(
        default="",
        description="The etcd member that it was taken from.",
        examples=["demo-etcd-0"],
    )
    kubernetes: str = Field(
        default="",
        description="Minor of the cluster's Kubernetes; empty for a cluster without it.",
        examples=["1.36"],
    )
    etcd: str = Field(default="", description="Version of etcd.", examples=["3.6.14"])
    revision: int = Field(default=0, description="Revision of etcd.", examples=[48211])
    keys: int = Field(
        default=0,
        description="Number of keys, with all revisions that are kept; 0 if nothing counted them.",
        examples=[5120],
    )
    checked_by: str = Field(
        default="",
        description="The tool of etcd that read the whole snapshot; empty if the machine has none. "
        "Digests are always checked.",
        examples=["etcdutl"],
    )
    bytes: int = Field(default=0, description="Size of the snapshot.", examples=[20971552])
    sha256: str = Field(default="", description="Digest of the snapshot, in hexadecimal.")
    blob: str = Field(
        description="The snapshot's blob in the installation's container.",
        examples=["backups/demo/1f0c2ab4/000012.db"],
    )


class BackupList(Answer):
    """The backups of one cluster, the newest first."""

    name: str = NAME
    keep: int = Field(
        description="How many are kept, as the cluster's spec says.",
        examples=[14],
    )
    backups: tuple[BackupSummary, ...] = Field(description="The newest first.")

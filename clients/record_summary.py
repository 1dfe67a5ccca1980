"""The summary of a cluster's record, which is kept in the metadata of the record's blob.

One request writes both, so a summary never differs from its record. A listing of blobs returns
metadata, so the clusters can be listed without reading their records. A record has no valid summary
if an older version wrote it or if somebody replaced its content. It is then read.
"""

import hashlib
from typing import Annotated
from urllib.parse import quote, unquote

from pydantic import Field

from clients.azure.blobs import ListedBlob
from cluster import health
from cluster.maintenance import Policy, policy_of
from cluster.model import OPEN_TEXT, Contract, UnreadableDocumentError, read_stored
from cluster.record import ClusterRecord, State

# Metadata names are C# identifiers.
SUMMARY = "slipwaysummary"
# Azure accepts 8 KiB of metadata for a blob.
MOST_CHARACTERS = 4000


class RecordSummary(Contract):
    """What the list of clusters shows of a record, and what finds a group's records.

    Attributes:
        cause: the code of the record's cause, or "".
        busy: the record has an operation that is not finished.
        stops_after: the id of the stage after which the cluster's play ends early, or "".
        kubernetes: the minor version, or "" if the cluster has no Kubernetes.
        nodes: how many machines the cluster has or is to have.
        kind: what the latest operation does, or "".
        findings: the codes of what the last maintenance found.
        maintained_at: when the last maintenance was claimed, or "".
        policy: what the spec says of maintenance.
    """

    name: str
    state: Annotated[State, OPEN_TEXT] = "running"
    generation: int = 0
    group: str = ""
    updated_at: str = ""
    cause: str = ""
    busy: bool = False
    stops_after: str = ""
    kubernetes: str = ""
    nodes: int = 0
    kind: str = ""
    findings: tuple[str, ...] = ()
    maintained_at: str = ""
    policy: Policy = Field(default_factory=Policy)

    @property
    def is_tombstone(self) -> bool:
        return self.state == "deleted"


class _Kept(RecordSummary):
    """The summary in a blob's metadata.

    Attributes:
        content: the digest of the record that it belongs to.
        fields: how many fields it has. A summary of an older version has fewer.
    """

    content: str = ""
    fields: int = 0


FIELDS = len(RecordSummary.model_fields)


def summary_of(record: ClusterRecord) -> RecordSummary:
    return RecordSummary(
        name=record.name,
        state=record.state,
        generation=record.generation,
        group=record.group,
        updated_at=record.updated_at,
        cause=record.cause.code if record.cause else "",
        busy=record.busy,
        stops_after=record.stops_after,
        kubernetes=record.kubernetes,
        nodes=len(record.slots),
        kind=record.operation.kind if record.operation else "",
        findings=health.codes(record.findings),
        maintained_at=record.maintained_at,
        policy=policy_of(record.spec),
    )


def metadata_of(record: ClusterRecord, content: bytes) -> dict[str, str]:
    """Returns the metadata of a record with that content. It is empty if a summary would be too
    long."""
    summary = summary_of(record).model_dump(warnings="none")
    kept = _Kept(**summary, content=_digest(content), fields=FIELDS)
    text = quote(kept.model_dump_json(warnings="none"))
    return {SUMMARY: text} if len(text) <= MOST_CHARACTERS else {}


def listed_summary(blob: ListedBlob, name: str) -> RecordSummary | None:
    """Returns the summary of a listed record, or None if the record has to be read.

    The service computes the MD5 digest of what was written. A summary of another content is not
    used.
    """
    try:
        found = read_stored(_Kept, unquote(blob.metadata.get(SUMMARY, "")).encode())
    except UnreadableDocumentError:
        return None
    if found.name != name or not blob.md5 or found.content != blob.md5 or found.fields != FIELDS:
        return None
    fields = set(RecordSummary.model_fields)
    return RecordSummary.model_validate(found.model_dump(include=fields, warnings="none"))


def _digest(content: bytes) -> str:
    """MD5, because that is what Azure Storage lists for a blob. It protects against mistakes, not
    against an attacker: whoever may write the blob may write its metadata too."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()

"""Reads, writes and lists the records of clusters."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import BaseModel

from clients.azure.blobs import Blobs, Conflict, ListedBlob
from clients.errors import Refused, Transient
from clients.parallel import in_parallel
from clients.record_summary import RecordSummary, listed_summary, metadata_of, summary_of
from clients.stored_documents import unreadable
from cluster import names
from cluster.model import UnreadableDocumentError, read_stored
from cluster.record import ClusterRecord

# The pause in seconds before the next execution, if others change a document at the same time.
SOON = 1.0
# How often an update is retried if others change the document at the same time.
MERGES = 5
# How many summaries of such records a process keeps.
MOST_KEPT = 20_000
# What the place of a refusal begins with that concerns a record.
RECORD_OF = "record of "


@dataclass(frozen=True)
class UnreadableRecord:
    """A record that this version cannot read: the cluster's name, and the refusal that says why."""

    name: str
    refusal: Refused


class RecordStore:
    """Records: one blob for each cluster, with a summary in its metadata."""

    def __init__(self, blobs: Blobs) -> None:
        self.blobs = blobs
        # By blob and ETag: summaries of records that were read because their blob has none.
        self._read: dict[tuple[str, str], RecordSummary] = {}

    def record(self, cluster: str) -> tuple[ClusterRecord, str] | None:
        """Returns the record and its ETag, or None if there is no record.

        Raises:
            Refused: UnreadableDocument.
        """
        found = self.blobs.read(names.record_blob(cluster))
        return (read_record(found[0], cluster), found[1]) if found else None

    def need_record(self, cluster: str) -> tuple[ClusterRecord, str]:
        """Returns the record and its ETag.

        Raises:
            Refused: RecordMissing. A run cannot continue without its record.
        """
        found = self.record(cluster)
        if not found:
            raise Refused("RecordMissing", f"the record of cluster '{cluster}' is gone", [])
        return found

    def create_record(self, record: ClusterRecord) -> str:
        """Creates the record and returns its ETag.

        Raises:
            Conflict: a record exists.
        """
        return self._write(record, if_none_match=True)

    def save_record(self, record: ClusterRecord, etag: str) -> str:
        """Replaces the record and returns its new ETag.

        Raises:
            Conflict: the record was changed since it was read.
        """
        return self._write(record, if_match=etag)

    def update_record(self, record: ClusterRecord, etag: str) -> None:
        """Replaces the record, for activities: the next execution reads a changed record again.

        Raises:
            Transient: the record was changed since it was read.
        """
        try:
            self.save_record(record, etag)
        except Conflict as error:
            raise Transient(str(error), SOON) from None

    def _write(
        self, record: ClusterRecord, *, if_match: str | None = None, if_none_match: bool = False
    ) -> str:
        content = to_json(record)
        return self.blobs.write(
            names.record_blob(record.name),
            content,
            if_match=if_match,
            if_none_match=if_none_match,
            metadata=metadata_of(record, content),
        )

    def merge(self, name: str, merged: Callable[[bytes], str], empty: str) -> bytes:
        """Replaces a document with what `merged` returns for it. Two updates at the same time both
        count.

        Raises:
            Transient: others changed the document in every try.
        """
        for _ in range(MERGES):
            found = self.blobs.read(name)
            there = found[0] if found else empty.encode()
            wanted = merged(there).encode()
            if found and wanted == there:
                return there
            etag = found[1] if found else None
            try:
                self.blobs.write(name, wanted, if_match=etag, if_none_match=etag is None)
            except Conflict:
                continue
            return wanted
        raise Transient(f"{name} is being changed by others", SOON)

    def records(self) -> list[RecordSummary | UnreadableRecord]:
        """Returns the summaries of all records. One that cannot be read does not hide the others.

        They come from the listing. A record without a summary is read, several at once, and a
        process reads it once.
        """
        listed = list(self.listed_records())
        found: dict[str, RecordSummary | UnreadableRecord | None] = {
            blob.name: self._summary(blob) for blob in listed
        }
        missing = [blob for blob in listed if found[blob.name] is None]
        if len(self._read) > MOST_KEPT:
            self._read.clear()
        read = in_parallel(self._summarize, missing)
        found |= {blob.name: one for blob, one in zip(missing, read, strict=True)}
        return [summary for summary in found.values() if summary is not None]

    def listed_records(self) -> Iterable[ListedBlob]:
        """Lists the blobs of all records."""
        for blob in self.blobs.listed(names.CLUSTERS, without=names.RUNS):
            if names.cluster_of_record(blob.name):
                yield blob

    def _summary(self, blob: ListedBlob) -> RecordSummary | None:
        name = names.cluster_of_record(blob.name)
        return listed_summary(blob, name) or self._read.get((blob.name, blob.etag))

    def _summarize(self, blob: ListedBlob) -> RecordSummary | UnreadableRecord | None:
        """Reads the record. Returns None if it was removed meanwhile."""
        name = names.cluster_of_record(blob.name)
        try:
            found = self.record(name)
        except Refused as refusal:
            return UnreadableRecord(name, refusal)
        if found is None:
            return None
        summary = summary_of(found[0])
        self._read[blob.name, found[1]] = summary
        return summary

    def add_summary(self, blob: ListedBlob) -> bool:
        """Writes the summary of a record whose blob has none, for example one of an older version.

        Returns False if it has one, if it cannot be read, or if it was changed meanwhile.
        """
        name = names.cluster_of_record(blob.name)
        if listed_summary(blob, name) is not None:
            return False
        found = self.blobs.read(blob.name)
        if found is None:
            return False
        content, etag = found
        try:
            metadata = metadata_of(read_record(content, name), content)
            if metadata:
                self.blobs.write(blob.name, content, if_match=etag, metadata=metadata)
        except (Conflict, Refused):
            return False
        return bool(metadata)

    def was_forgotten(self, cluster: str) -> bool:
        """Returns whether a record of the cluster could not be read and was moved away: the cluster
        may exist."""
        return bool(self.blobs.list(names.forgotten_folder(cluster)))

    def forget_record(self, cluster: str) -> str | None:
        """Moves a record that cannot be read out of the way, and returns the name of its copy.

        Returns None if there is no record.

        Raises:
            ReadableRecordError: this version can read the record.
            Conflict: the record was changed meanwhile.
        """
        found = self.blobs.read(names.record_blob(cluster))
        if found is None:
            return None
        content, etag = found
        try:
            read_record(content, cluster)
        except Refused:
            copy = names.forgotten_blob(cluster, content)
            self.blobs.write(copy, content)
            self.blobs.delete(names.record_blob(cluster), if_match=etag)
            return copy
        raise ReadableRecordError(cluster)


class ReadableRecordError(Exception):
    """The record can be read, so it is not forgotten: a removal of the cluster needs it."""


def read_record(content: bytes, cluster: str) -> ClusterRecord:
    """Returns the record of a cluster, whatever version wrote it.

    Raises:
        Refused: UnreadableDocument. This version cannot read it, it is another cluster's, or its
            claim is not one of this cluster.
    """
    place, blob = f"{RECORD_OF}{cluster}", names.record_blob(cluster)
    try:
        record = read_stored(ClusterRecord, content)
    except UnreadableDocumentError as error:
        raise unreadable(f"{blob} {error}", place) from None
    if record.name != cluster:
        raise unreadable(f"{blob}: its name is another one", place)
    operation = record.operation
    if operation is None:
        return record
    wanted = names.instance_id(cluster, operation.generation)
    if operation.instance_id != wanted or operation.generation < 1:
        raise unreadable(f"{blob}: operation.instance_id is not {wanted}", place)
    try:
        begun = datetime.fromisoformat(operation.started_at)
    except ValueError:
        raise unreadable(f"{blob}: operation.started_at is not a time", place) from None
    if begun.tzinfo is None:
        started_at = begun.replace(tzinfo=UTC).isoformat(timespec="milliseconds")
        changed = operation.model_copy(update={"started_at": started_at})
        return record.model_copy(update={"operation": changed})
    return record


def to_json(model: BaseModel) -> bytes:
    """Serializes a model by alias and without warnings.

    With aliases, the spec in a plan has the same field names as in a record, and earlier versions
    can read it. Without warnings, a value of another version is written as it was read.
    """
    return model.model_dump_json(by_alias=True, warnings="none").encode()

"""Removes what nobody needs any more: records of clusters that were, and files of ended runs.

Everything is decided by one listing of the container. A record is deleted before the files of its
cluster, so that a name which is claimed meanwhile keeps its new files: a file is deleted only as it
was listed.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from string import ascii_lowercase

from clients.azure.blobs import Conflict, ListedBlob
from clients.errors import Refused, Transient, type_and_places
from clients.store import Store
from clients.time_limit import left
from cluster import names
from cluster.contracts import RunRef
from cluster.record import ClusterRecord
from runs.lifecycle import Engine, lives

RESULT = "result.json"
# Seconds that one deletion may take, with the engine's answer before it.
ROOM = 25.0
log = logging.getLogger("slipway.aging")


@dataclass
class Aged:
    """What one call removed. `summaries`: records that got the summary that the list needs."""

    records: int = 0
    runs: int = 0
    summaries: int = 0
    complete: bool = True


@dataclass
class _Cluster:
    """The listed blobs of one cluster."""

    name: str
    record: ListedBlob | None = None
    runs: dict[int, list[ListedBlob]] = field(default_factory=dict[int, list[ListedBlob]])
    others: list[ListedBlob] = field(default_factory=list[ListedBlob])


# Returns whether a resource group exists and has the tag that starts a cluster.
type IsTagged = Callable[[str], bool]


def remove_old(
    store: Store, engine: Engine, before: datetime, is_tagged: IsTagged, first: int = 0
) -> Aged:
    """Removes what was last written before a moment.

    - the record of a removed cluster, with everything that is kept of the cluster
    - the files of every run but the latest. Of a cluster that exists, the results stay: they are
      small, and a removal asks which runs have one. A cluster whose record is missing may exist,
      and its results tell which numbers of runs are used. If its record was forgotten, every file
      stays.

    A run that the engine has and has not ended is never touched. A cluster whose record cannot be
    read, or that cannot be aged, is logged and left.

    Args:
        first: the number of the letter to begin with. Another one each day lets every cluster have
            its turn, also if the time is not enough for all.
    """
    aged = Aged()
    for letter in range(len(ascii_lowercase)):
        prefix = names.CLUSTERS + ascii_lowercase[(first + letter) % len(ascii_lowercase)]
        for cluster in _clusters(store.blobs.listed(prefix)):
            if left() < ROOM:
                aged.complete = False
                return aged
            try:
                _age(store, engine, cluster, before, is_tagged, aged)
            except Transient:
                raise
            except (Refused, Conflict) as error:
                code = error.code if isinstance(error, Refused) else type_and_places(error)
                # A traceback would quote the service.
                log.error("what is old of %s is not removed: %s", cluster.name, code)  # noqa: TRY400
    return aged


def _clusters(listed: Iterable[ListedBlob]) -> Iterator[_Cluster]:
    """Groups a listing, which is in the order of names, by cluster."""
    for name, blobs in groupby(listed, lambda blob: blob.name.split("/")[1]):
        found = _Cluster(name)
        for blob in blobs:
            folder = names.runs_folder(name)
            number, _, file = blob.name.removeprefix(folder).partition("/")
            if names.cluster_of_record(blob.name):
                found.record = blob
            elif blob.name.startswith(folder) and number.isdecimal() and file:
                found.runs.setdefault(int(number), []).append(blob)
            else:
                found.others.append(blob)
        yield found


def _age(
    store: Store,
    engine: Engine,
    cluster: _Cluster,
    before: datetime,
    is_tagged: IsTagged,
    aged: Aged,
) -> None:
    latest, gone = max(cluster.runs, default=0), False
    if cluster.record is not None:
        aged.summaries += store.add_summary(cluster.record)
        found = store.record(cluster.name) if _has_old(cluster, before) else None
        if found is None:
            return
        latest = found[0].generation
        if cluster.record.modified < before and _may_go(engine, found[0], is_tagged):
            # A claim that came first has changed the record: then nothing of it is old.
            store.blobs.delete(cluster.record.name, if_match=found[1])
            aged.records += 1
            gone = True
    elif not _has_old(cluster, before) or store.was_forgotten(cluster.name):
        return
    for generation, blobs in sorted(cluster.runs.items()):
        if max(blob.modified for blob in blobs) >= before:
            continue
        ref = RunRef(cluster=cluster.name, generation=generation)
        if not gone and generation in (0, latest):
            continue
        if not _has_ended(engine, ref, blobs):
            continue
        old = [blob for blob in blobs if gone or not blob.name.endswith("/" + RESULT)]
        for blob in old:
            store.blobs.delete(blob.name, if_match=blob.etag)
        aged.runs += bool(old)
    if gone:
        for blob in cluster.others:
            if blob.modified < before:
                store.blobs.delete(blob.name, if_match=blob.etag)


def _has_old(cluster: _Cluster, before: datetime) -> bool:
    """Returns whether anything of the cluster is old."""
    blobs = [blob for run in cluster.runs.values() for blob in run]
    if cluster.record is not None:
        blobs.append(cluster.record)
    return any(blob.modified < before for blob in blobs)


def _may_go(engine: Engine, record: ClusterRecord, is_tagged: IsTagged) -> bool:
    """Returns whether the record is that of a removed cluster, and the engine has forgotten its
    last run: an id that the engine knows is not used again.

    The record stays as long as the group was not deleted and a tag started the cluster, or the
    group has a tag although the API started it: without the record, the next change of the group
    would start a cluster.
    """
    operation = record.operation
    if not record.is_tombstone or record.busy or (record.tag and not record.group_deleted):
        return False
    if operation is not None and engine.status(operation.instance_id) is not None:
        return False
    return record.group_deleted or not record.group or not is_tagged(record.group)


def _has_ended(engine: Engine, ref: RunRef, blobs: list[ListedBlob]) -> bool:
    if any(blob.name.endswith("/" + RESULT) for blob in blobs):
        return True
    return ref.generation == 0 or not lives(engine, names.instance_id(ref.cluster, ref.generation))

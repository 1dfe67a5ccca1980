"""What a request for a run is, and the record that results from its claim."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster.changes import change_faults, kept_subnet_faults
from cluster.closing import closed
from cluster.faults import Fault, SpecRefusedError
from cluster.growth import growth_faults, implicit_growth_faults, named_replacement_faults
from cluster.record import ClaimedOperation, ClusterRecord, Kind
from cluster.replacement import implicit_replacement_faults, is_asked, is_due, surge_faults
from cluster.spec import ClusterSpec
from cluster.spec_rules import check
from cluster.upgrades import is_upgrade, named_node_faults, tag_faults, upgrade_faults
from runs.lifecycle import ref_of
from runs.starts import ClaimContext, next_operation


@dataclass(frozen=True)
class SpecHashes:
    """What identifies a request while its run is in progress.

    Attributes:
        meaning: the hash of the spec with all defaults. It is equal for documents with the same
            meaning, as long as neither the version of Slipway nor a setting changes a default.
        request: the hash of the document that was sent, without any default. It is equal in every
            version. Empty if the spec did not come as a document.
        full: a full pass was asked for. A run that makes none does not match.
    """

    meaning: str
    request: str = ""
    full: bool = False

    @classmethod
    def of(
        cls, spec: ClusterSpec, sent: Mapping[str, Any] | None, *, full: bool = False
    ) -> "SpecHashes":
        """Computes the hashes. `sent` is the parsed document. It may omit the name, which is in the
        URL."""
        request = _hash({"name": spec.name, **sent}) if sent is not None else ""
        return cls(_hash(spec.document()), request, full)

    def match(self, operation: ClaimedOperation) -> bool:
        if self.full and not operation.full:
            return False
        same_request = bool(self.request) and operation.request_hash == self.request
        return same_request or operation.spec_hash == self.meaning


def _hash(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class NodeRemoval:
    """A request that names the node that leaves.

    Attributes:
        force: the node's pods are deleted if they cannot be evicted.
        decided_on: the record from which the request's spec was made.
    """

    node: str
    force: bool
    decided_on: ClusterRecord


@dataclass(frozen=True)
class NodeReplacement:
    """A request that names the node that is replaced; the fields are those of `NodeRemoval`."""

    node: str
    force: bool
    decided_on: ClusterRecord


@dataclass(frozen=True)
class Adoption:
    """A lost record: its uid, and the last generation that it is known to have had."""

    uid: str
    above: int = 0


@dataclass(frozen=True)
class RunRequest:
    """What a request asks for; the fields are those of `claim_reconcile`."""

    spec: ClusterSpec
    hashes: SpecHashes
    caller: str
    tag: str = ""
    adopt: Adoption | None = None
    removal: NodeRemoval | None = None
    replacement: NodeReplacement | None = None

    @property
    def decided_on(self) -> ClusterRecord | None:
        """Returns the record from which a request that names a node was made."""
        named = self.removal or self.replacement
        return named.decided_on if named else None

    def names_node_of(self, operation: ClaimedOperation) -> bool:
        """Returns whether the operation does to the same node what the request asks for. A request
        that names none asks for the spec only."""
        if self.decided_on is None:
            return True
        removes = self.removal.node if self.removal else ""
        replaces = self.replacement.node if self.replacement else ""
        return (operation.removes, operation.replaces) == (removes, replaces)


def wanted_record(
    context: ClaimContext, record: ClusterRecord | None, asked: RunRequest
) -> ClusterRecord:
    """Returns the record with the operation that the request asks for.

    Raises:
        BusyError: a run that the record does not name is in progress.
        SpecRefusedError: the existing cluster does not allow the change.
    """
    base = _adopting(record, asked.spec.name, asked.adopt) if asked.adopt else record
    wanted = _next_record(context, base, asked)
    return _removing(wanted, asked.removal) if asked.removal else wanted


def _removing(record: ClusterRecord, removal: NodeRemoval) -> ClusterRecord:
    """Returns the record with the node marked, so that a later run continues with it too."""
    slots = tuple(
        slot.model_copy(update={"leaving": True}) if slot.name == removal.node else slot
        for slot in record.slots
    )
    named = {"removes": removal.node, "force": removal.force}
    operation = record.operation.model_copy(update=named) if record.operation else None
    return record.model_copy(update={"slots": slots, "operation": operation})


def _adopting(record: ClusterRecord | None, name: str, lost: Adoption) -> ClusterRecord:
    """Returns the record with the uid of the lost one, and a generation that it did not pass.

    A record that was made since, and from which nothing was built, gets that uid too.

    Raises:
        SpecRefusedError: the cluster has a record of its own, from which something was built.
    """
    uid, generation = lost.uid, max(record.generation if record else 0, lost.above)
    if record is None or record.is_tombstone:
        return ClusterRecord(name=name, uid=uid, generation=generation)
    if record.uid != uid and record.built is not None:
        fault = Fault(
            path="adopt",
            message=f"the record of '{name}' has the uid {record.uid}, and machines were built "
            f"from it; what is in the group has the uid {uid}",
            allowed="only a cluster without a record, or one from which nothing was built",
        )
        raise SpecRefusedError([fault])
    return record.model_copy(update={"uid": uid, "generation": generation})


def _next_record(
    context: ClaimContext, record: ClusterRecord | None, asked: RunRequest
) -> ClusterRecord:
    spec, hashes = asked.spec, asked.hashes
    before = record = closed_record(context, record) if record is not None else None
    if record is None or record.is_tombstone:
        generation = record.generation if record else 0
        record = ClusterRecord(name=spec.name, uid=secrets.token_hex(4), generation=generation)
    faults = change_faults(record.built, spec) + kept_subnet_faults(record, spec)
    faults += growth_faults(record, spec) + upgrade_faults(record, spec)
    faults += surge_faults(record, spec) + check(spec, record.subnets)
    if asked.tag:
        faults += implicit_growth_faults(record.built, spec, {})
        faults += implicit_replacement_faults(record.built, spec, {})
        faults += tag_faults(record, spec)
    if asked.decided_on and record.spec:
        # Nobody sends a spec with such a request: what an earlier version accepted stays.
        earlier = context.store.spec(record)
        accepted = surge_faults(record, earlier) + check(earlier, record.subnets)
        faults = [fault for fault in faults if fault not in accepted]
    if asked.decided_on:
        faults += named_node_faults(record, spec)
    if asked.replacement:
        faults += named_replacement_faults(record, spec)
    if faults:
        raise SpecRefusedError(faults)
    kind: Kind = "replace" if asked.replacement or is_due(record, spec) else "reconcile"
    if is_upgrade(record, spec):
        kind = "upgrade"
    named = asked.replacement
    operation = next_operation(context, record, kind, asked.caller).model_copy(
        update={
            "spec_hash": hashes.meaning,
            "request_hash": hashes.request,
            "full": hashes.full,
            "replaces": named.node if named else "",
            "force": bool(named and named.force),
            "profile": asked.tag.partition(";")[0].strip(),
        }
    )
    since = (before or record).since_in(spec.group, operation.generation)
    return record.model_copy(
        update={
            "generation": operation.generation,
            "operation": operation,
            "state": "running",
            "cause": None,
            "replacing": record.replacing or is_asked(record, spec),
            "spec": spec.document(),
            "group": spec.group,
            "group_since": since,
            "group_deleted": False,
            "tag": asked.tag or record.tag,
            "updated_at": operation.started_at,
        }
    )


def closed_record(context: ClaimContext, record: ClusterRecord) -> ClusterRecord:
    """Returns the record as its last operation left it. The operation may have ended without
    closing it."""
    if not record.busy or record.operation is None:
        return record
    result = context.store.result(ref_of(record, record.operation))
    return closed(record, result) if result else record

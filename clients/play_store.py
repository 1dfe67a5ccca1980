"""Reads and writes what the plays of a cluster concern, and what they have done on its machines."""

import logging
from collections.abc import Callable

from clients.azure.blobs import Conflict
from clients.errors import Refused
from clients.record_store import RecordStore, to_json
from clients.stored_documents import read_document
from cluster import names
from cluster.applied import AppliedStages
from cluster.concern import PlayScope
from cluster.contracts import PlayInput

log = logging.getLogger("slipway.store")


class PlayStore(RecordStore):
    """The scope of each attempt of a play, and the fingerprints of a cluster's machines."""

    def play_scope(self, ref: PlayInput) -> PlayScope | None:
        """Returns the scope of an attempt, or None before it and for plays of older versions."""
        name = _scope_blob(ref)
        found = self.blobs.read(name)
        return read_document(PlayScope, found[0], name) if found else None

    def keep_play_scope(self, ref: PlayInput, scope: PlayScope) -> PlayScope:
        """Stores the scope unless the attempt has one, and returns the attempt's scope."""
        try:
            self.blobs.write(_scope_blob(ref), to_json(scope), if_none_match=True)
        except Conflict:
            return self.play_scope(ref) or scope
        return scope

    def applied(self, cluster: str) -> AppliedStages:
        """Returns the fingerprints of a cluster's machines; none if this version cannot read
        them."""
        name = names.applied_blob(cluster)
        found = self.blobs.read(name)
        return _applied(found[0], name) if found else AppliedStages()

    def change_applied(
        self, cluster: str, change: Callable[[AppliedStages], AppliedStages]
    ) -> AppliedStages:
        """Replaces the fingerprints with what `change` returns for them.

        Raises:
            Transient: others changed them in every try.
        """
        name = names.applied_blob(cluster)
        content = self.merge(name, lambda old: to_json(change(_applied(old, name))).decode(), "{}")
        return _applied(content, name)


def _scope_blob(ref: PlayInput) -> str:
    return names.run_blob(ref.cluster, ref.generation, f"play-{ref.attempt}.json")


def _applied(content: bytes, name: str) -> AppliedStages:
    """A play can run without the document: it concerns every machine then."""
    try:
        return read_document(AppliedStages, content, name)
    except Refused as refusal:
        log.warning("%s", refusal.message)
        return AppliedStages()

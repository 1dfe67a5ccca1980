"""What the stages of the play last did on each machine of a cluster, as fingerprints.

One document for a cluster. docs/decisions/0047-only-what-is-concerned.md says what is written when.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import date

from cluster.model import Contract, KeptContract

# The machines of a fingerprint, by stage and fingerprint.
type Fingerprints = Mapping[str, Mapping[str, tuple[str, ...]]]


class AppliedEntry(Contract):
    """A stage did the same on some machines on one day. `day` is an ISO date."""

    stage: str
    fingerprint: str
    day: str
    nodes: tuple[str, ...]


class AppliedStages(KeptContract):
    """The fingerprints of a cluster's machines.

    Attributes:
        uid: the cluster's. A later cluster of the same name starts without fingerprints.
        generation: the last run that kept this document.
    """

    uid: str = ""
    generation: int = 0
    entries: tuple[AppliedEntry, ...] = ()

    def fingerprint(self, stage: str, today: date, holds_days: int | None) -> dict[str, str]:
        """Returns the fingerprint of each machine on which the stage still holds."""
        found: dict[str, str] = {}
        for entry in self.entries:
            if entry.stage == stage and _holds(entry.day, today, holds_days):
                found |= dict.fromkeys(entry.nodes, entry.fingerprint)
        return found

    def without(self, nodes: Collection[str]) -> "AppliedStages":
        """Forgets machines in every stage."""
        gone = frozenset(nodes)
        return self._with(_reduced(entry, gone) for entry in self.entries)

    def before(self, play: Fingerprints) -> "AppliedStages":
        """Forgets the machines of a play in its stages: what a stage leaves there when it does not
        end is not known."""
        changed = {stage: _nodes(found) for stage, found in play.items()}
        return self._with(
            _reduced(entry, changed.get(entry.stage, frozenset())) for entry in self.entries
        )

    def after(
        self, stage: str, found: Mapping[str, tuple[str, ...]], failed: Collection[str], today: date
    ) -> "AppliedStages":
        """Keeps the fingerprints of a stage that has ended, for the machines that did not fail."""
        bad, day = frozenset(failed), today.isoformat()
        entries = {
            (entry.fingerprint, entry.day): entry
            for entry in self.before({stage: found}).entries
            if entry.stage == stage
        }
        for fingerprint, nodes in found.items():
            there = entries.get((fingerprint, day))
            kept = (*(there.nodes if there else ()), *(node for node in nodes if node not in bad))
            entries[fingerprint, day] = AppliedEntry(
                stage=stage, fingerprint=fingerprint, day=day, nodes=kept
            )
        others = (entry for entry in self.entries if entry.stage != stage)
        return self._with((*others, *entries.values()))

    def _with(self, entries: Collection[AppliedEntry] | Iterator[AppliedEntry]) -> "AppliedStages":
        return self.model_copy(update={"entries": tuple(e for e in entries if e.nodes)})


def _reduced(entry: AppliedEntry, gone: Collection[str]) -> AppliedEntry:
    return entry.model_copy(update={"nodes": tuple(n for n in entry.nodes if n not in gone)})


def _nodes(found: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
    return frozenset(node for nodes in found.values() for node in nodes)


def _holds(day: str, today: date, holds_days: int | None) -> bool:
    """Whether a stage that ran on that day need not run again. A day that is no date, or in the
    future, holds as little as one that is too long ago."""
    if holds_days is None:
        return True
    try:
        age = (today - date.fromisoformat(day)).days
    except ValueError:
        return False
    return 0 <= age < holds_days

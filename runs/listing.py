"""Lists all clusters with the states that they really have."""

from clients.errors import Refused
from clients.parallel import in_parallel
from clients.record_summary import RecordSummary, summary_of
from clients.store import Store, UnreadableRecord
from cluster.closing import closed
from runs.engine import EngineAwayError
from runs.lifecycle import Engine, glance, ref_of

type Listed = RecordSummary | UnreadableRecord


def all_clusters(store: Store, engine: Engine) -> list[Listed]:
    """Returns a summary of every record, tombstones included.

    Records and engine are asked about the clusters only that have an operation in progress. If the
    engine is unavailable, the state in the record is shown.
    """

    def true_state(listed: RecordSummary) -> Listed | None:
        try:
            return _true_summary(store, engine, listed)
        except Refused as refusal:
            return UnreadableRecord(listed.name, refusal)

    found: list[Listed] = store.records()
    busy = [one for one in found if isinstance(one, RecordSummary) and one.busy]
    seen = {one.name: seen for one, seen in zip(busy, in_parallel(true_state, busy), strict=True)}
    shown = (seen.get(one.name, one) if one.name in seen else one for one in found)
    return [one for one in shown if one is not None]


def _true_summary(store: Store, engine: Engine, listed: RecordSummary) -> RecordSummary | None:
    """Returns None if the record was removed since it was listed."""
    found = store.record(listed.name)
    if found is None:
        return None
    record, operation = found[0], found[0].operation
    if operation is None or operation.finished:
        return summary_of(record)
    ref = ref_of(record, operation)
    result = store.result(ref)
    if result is not None:
        return summary_of(closed(record, result))
    try:
        sight = glance(engine, store, record, ref)
    except EngineAwayError:
        return summary_of(record)
    state = sight.state(record.state)
    return summary_of(record).model_copy(update={"state": state})

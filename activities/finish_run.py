"""Activity finish_run: writes the run's result file and closes the cluster's record."""

from activities.registration import activity
from clients.services import services
from cluster.closing import closed
from cluster.contracts import FINISH_RUN, FinishInput
from cluster.outcomes import Outcome
from cluster.record import ClusterRecord
from telemetry import spans
from telemetry.names import Attribute, EventName


@activity(FINISH_RUN)
def finish_run(result: FinishInput) -> Outcome:
    """Writes the result and closes the record.

    The record belongs to the newest operation. An older operation does not change it.
    """
    store = services().store
    store.save_result(result)
    record, etag = store.need_record(result.cluster)
    _tell(result, record)
    ended = closed(record, result)
    if ended is not record:
        store.update_record(ended, etag)
    return Outcome()


def _tell(result: FinishInput, record: ClusterRecord) -> None:
    for phase in result.phases:
        if phase.seconds is not None:
            spans.record(
                EventName.PHASE,
                {
                    Attribute.PHASE: phase.name,
                    Attribute.STATE: phase.state,
                    Attribute.SECONDS: phase.seconds,
                },
            )
    operation = record.operation
    mine = operation is not None and operation.generation == result.generation
    spans.record_end(result, operation.kind if operation and mine else None)

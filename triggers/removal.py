"""A removal's wait for the run before, by a function that can ask the durable engine."""

from contextlib import suppress
from typing import Any

from azure.durable_functions import SyncDurableFunctionsClient

from activities import delete_cluster
from clients.errors import Refused, Transient
from clients.services import services
from cluster.contracts import RunRef
from triggers.engine import DurableEngine
from triggers.runs import end_lost


def await_previous_run(payload: dict, client: SyncDurableFunctionsClient) -> dict:  # type: ignore[type-arg]
    """The activity of that name. A run that the engine ended or lost without a result gets one
    first: nobody else would write it. Where the engine cannot be asked, the next execution asks."""
    ref = RunRef.model_validate(payload)
    if ref.generation > 1:
        earlier = RunRef(cluster=ref.cluster, generation=ref.generation - 1)
        with suppress(Transient, Refused):
            end_lost(DurableEngine(client), services().store, earlier)
    answer: dict[str, Any] = delete_cluster.await_previous_run(payload)
    return answer

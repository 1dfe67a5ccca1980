"""A removal's wait for the run before, by a function that can ask the durable engine."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from azure.durable_functions import SyncDurableFunctionsClient

from clients import telemetry
from clients.errors import Refused, Transient
from clients.services import services
from cluster.contracts import RunRef
from triggers.engine import DurableEngine
from triggers.runs import end_lost


def ending_lost_runs(activity: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[..., Any]:
    """The activity await_previous_run with a durable client. A run that the engine ended or lost
    without a result gets one first: nobody else would write it. Where the engine cannot be asked,
    the next execution asks."""

    def await_previous_run(payload: dict, client: SyncDurableFunctionsClient) -> dict:  # type: ignore[type-arg]
        ref = RunRef.model_validate(payload)
        if ref.generation > 1:
            earlier = RunRef(cluster=ref.cluster, generation=ref.generation - 1)
            with (
                telemetry.operation(ref.cluster, ref.generation),
                suppress(Transient, Refused),
            ):
                end_lost(DurableEngine(client), services().store, earlier)
        return activity(payload)

    return await_previous_run

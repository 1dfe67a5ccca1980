"""Registers await_previous_run, with which a removal waits for earlier runs, with a durable
client."""

from collections.abc import Callable
from typing import Any

from azure.durable_functions import SyncDurableFunctionsClient

from clients.services import services
from cluster.contracts import RunRef
from runs.engine import DurableEngine
from runs.lifecycle import end_lost

type PlainActivity = Callable[[dict[str, Any]], dict[str, Any]]


def with_engine(make: Callable[[Callable[[RunRef], None]], PlainActivity]) -> Callable[..., Any]:
    """Returns the activity await_previous_run with a durable client.

    `make` returns the activity for a function that ends a lost run, so that everything is done
    inside the activity's error handling. If the engine is unavailable, the next execution asks it
    again.
    """

    def await_previous_run(payload: dict, client: SyncDurableFunctionsClient) -> dict:  # type: ignore[type-arg]
        def end(ref: RunRef) -> None:
            end_lost(DurableEngine(client), services().store, ref)

        return make(end)(payload)

    return await_previous_run

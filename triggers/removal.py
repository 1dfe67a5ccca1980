"""A removal's wait for the runs before, by a function that can ask the durable engine."""

from collections.abc import Callable
from typing import Any

from azure.durable_functions import SyncDurableFunctionsClient

from clients.services import services
from cluster.contracts import RunRef
from runs.engine import DurableEngine
from runs.lifecycle import end_lost

type PlainActivity = Callable[[dict[str, Any]], dict[str, Any]]


def with_engine(make: Callable[[Callable[[RunRef], None]], PlainActivity]) -> Callable[..., Any]:
    """The activity await_previous_run with a durable client. `make` gives the activity for a
    function that ends a lost run, so that all of it is done inside of the activity's boundary.
    Where the engine cannot be asked, the next execution asks."""

    def await_previous_run(payload: dict, client: SyncDurableFunctionsClient) -> dict:  # type: ignore[type-arg]
        def end(ref: RunRef) -> None:
            end_lost(DurableEngine(client), services().store, ref)

        return make(end)(payload)

    return await_previous_run

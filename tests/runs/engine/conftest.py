"""The triggers' view of the durable engine, on each engine in turn, with the real client."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from azure.durable_functions import SyncDurableFunctionsClient

from cluster.contracts import RECONCILE_CLUSTER
from dev.paths import ROOT
from lab.testing.engines import (
    InProcess,
    OpenHub,
    durable_storage,  # noqa: F401 -- a fixture, as the next three
    engine_config,  # noqa: F401
    engine_name,  # noqa: F401
    open_hub,  # noqa: F401
)
from runs.engine import DurableEngine


class Backend:
    """A hub whose orchestrator `reconcile_cluster` ends at once, or waits if asked to."""

    def __init__(self, client: SyncDurableFunctionsClient, ran: list[str]) -> None:
        self.engine, self.ran = DurableEngine(client), ran

    def start(self, instance_id: str, *, waits: bool = False) -> None:
        self.engine.start(RECONCILE_CLUSTER, instance_id, {"waits": waits})

    def begin(self, instance_id: str, *, waits: bool = False) -> None:
        """Returns when it runs, or has ended."""
        self.start(instance_id, waits=waits)
        wanted = ("RUNNING",) if waits else ("COMPLETED",)
        for _ in range(600):
            if self.engine.status(instance_id) in wanted:
                return
            time.sleep(0.05)
        raise AssertionError(f"{instance_id} is {self.engine.status(instance_id)}")


def reconcile(context: Any, payload: dict[str, Any]) -> Any:
    yield context.call_activity("note", input=context.instance_id)
    if payload["waits"]:
        yield context.wait_for_external_event("cancel")


@pytest.fixture(scope="module")
def backend(open_hub: OpenHub) -> Iterator[Backend]:  # noqa: F811
    ran: list[str] = []
    app = InProcess({RECONCILE_CLUSTER: reconcile}, {"note": ran.append})
    with open_hub(app, ROOT / "host.json") as hub:
        binding = {
            "taskHubName": "t",
            "rpcBaseUrl": f"http://{hub.address}",
            "httpBaseUrl": f"{hub.url}/runtime/webhooks/durabletask",
            "requiredQueryStringParameters": "code=c",
        }
        yield Backend(SyncDurableFunctionsClient(json.dumps(binding)), ran)

"""The durable client, reduced to what triggers need."""

import json
from typing import Any

from azure.durable_functions import SyncDurableFunctionsClient

from clients.store import Store
from cluster import names
from cluster.contracts import ORCHESTRATION_VERSION, RunRef


class DurableEngine:
    """Never hands out the task hub's management URLs: they carry its key."""

    def __init__(self, client: SyncDurableFunctionsClient) -> None:
        self._client = client

    def status(self, instance_id: str) -> str | None:
        """RUNNING, COMPLETED, …; None for an instance that does not exist."""
        state = self._client.get_orchestration_state(instance_id, fetch_payloads=False)
        return state.runtime_status.name if state else None

    def custom_status(self, instance_id: str) -> dict[str, Any]:
        """What the orchestrator shows of itself; empty before its first word."""
        state = self._client.get_orchestration_state(instance_id)
        raw = state.serialized_custom_status if state else None
        value: Any = json.loads(raw) if raw else {}
        return value if isinstance(value, dict) else {}

    def start(self, orchestrator: str, instance_id: str, payload: dict[str, Any]) -> None:
        """A start that lost a race against the same claim is a success: the instance is there. The
        instance keeps the version of the code that started it."""
        try:
            self._client.schedule_new_orchestration(
                orchestrator,
                input=payload,
                instance_id=instance_id,
                version=ORCHESTRATION_VERSION,
            )
        except Exception:
            if self.status(instance_id) is None:
                raise

    def raise_event(self, instance_id: str, name: str, data: str) -> None:
        self._client.raise_orchestration_event(instance_id, name, data=data)


def is_lost(engine: DurableEngine, store: Store, ref: RunRef) -> bool:
    """Of a run without a result: whether nothing will end it any more. One that has told nothing
    yet may be about to start."""
    status = engine.status(names.instance_id(ref.cluster, ref.generation))
    return status in ("FAILED", "TERMINATED") or (status is None and store.has_begun(ref))

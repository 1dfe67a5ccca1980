"""The durable client, reduced to what triggers need.

What its backend answers, seen on the Durable extension 3.19 with Azure Storage: UNKNOWN or INTERNAL
where queues or tables are away; FAILED_PRECONDITION for an event to an instance that has ended, and
NOT_FOUND for one to an unknown instance; ALREADY_EXISTS where several start one id at once. A start
of an id that has ended is accepted there, and the instance runs again, unless a policy for ids says
that no status may be replaced.
"""

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, cast

from azure.durable_functions import SyncDurableFunctionsClient
from durabletask.internal import orchestrator_service_pb2 as pb
from grpc import RpcError, StatusCode

from clients.errors import Transient
from cluster.contracts import ORCHESTRATION_VERSION

RETRY_SECONDS = 5.0
NOT_RUNNING = (StatusCode.FAILED_PRECONDITION, StatusCode.NOT_FOUND)


class EngineAwayError(Transient):
    """The backend of the durable engine cannot be asked. `code` is gRPC's name of it."""

    def __init__(self, code: str) -> None:
        self.code = code
        message = f"the durable backend, which runs the operations, cannot be asked ({code})"
        super().__init__(message, RETRY_SECONDS)


class DurableEngine:
    """Never hands out the task hub's management URLs: they carry its key.

    Every method may raise EngineAwayError.
    """

    def __init__(self, client: SyncDurableFunctionsClient) -> None:
        self._client = client

    def status(self, instance_id: str) -> str | None:
        """RUNNING, COMPLETED, …; None for an instance that does not exist."""
        with _backend_errors():
            state = self._client.get_orchestration_state(instance_id, fetch_payloads=False)
        return state.runtime_status.name if state else None

    def custom_status(self, instance_id: str) -> dict[str, Any]:
        """What the orchestrator shows of itself; empty before its first word."""
        with _backend_errors():
            state = self._client.get_orchestration_state(instance_id)
        raw = state.serialized_custom_status if state else None
        value: Any = json.loads(raw) if raw else {}
        return value if isinstance(value, dict) else {}

    def start(self, orchestrator: str, instance_id: str, payload: dict[str, Any]) -> None:
        """An instance that is there already, running or ended, is a success: another call of the
        same claim started it. The instance keeps the version of the code that started it."""
        with _backend_errors():
            try:
                self._client.schedule_new_orchestration(
                    orchestrator,
                    input=payload,
                    instance_id=instance_id,
                    version=ORCHESTRATION_VERSION,
                    reuse_id_policy=pb.OrchestrationIdReusePolicy(),
                )
            except RpcError as error:
                if code_of(error) is not StatusCode.ALREADY_EXISTS:
                    raise

    def raise_event(self, instance_id: str, name: str, data: str) -> bool:
        """False where the instance has ended or does not exist. Not every backend says so."""
        with _backend_errors():
            try:
                self._client.raise_orchestration_event(instance_id, name, data=data)
            except RpcError as error:
                if code_of(error) not in NOT_RUNNING:
                    raise
                return False
        return True


def code_of(error: RpcError) -> StatusCode | None:
    """None where it is an error before any answer."""
    code: Any = getattr(error, "code", None)
    return cast(StatusCode, code()) if callable(code) else None


@contextmanager
def _backend_errors() -> Generator[None]:
    """Whatever gRPC raises leaves as EngineAwayError; its text may quote what was sent."""
    try:
        yield
    except RpcError as error:
        code = code_of(error)
        raise EngineAwayError(code.name if code else "no code") from None

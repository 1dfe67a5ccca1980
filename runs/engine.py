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
from datetime import UTC, datetime
from typing import Any, cast

from azure.durable_functions import SyncDurableFunctionsClient
from durabletask.client import OrchestrationQuery, OrchestrationStatus
from durabletask.internal import orchestrator_service_pb2 as pb
from grpc import RpcError, StatusCode

from clients.errors import Transient
from cluster.contracts import ORCHESTRATION_VERSION
from runs.deadline import limit_calls

RETRY_SECONDS = 5.0
# Of an event: the instance has ended or is unknown. Of a purge: it has not ended, or is unknown.
WRONG_STATE = (StatusCode.FAILED_PRECONDITION, StatusCode.NOT_FOUND)
ENDED = [OrchestrationStatus.COMPLETED, OrchestrationStatus.FAILED, OrchestrationStatus.TERMINATED]
# A state is at most some 20 KB: its custom status may be 16 KB.
PAGE = 100


class EngineAwayError(Transient):
    """The backend of the durable engine cannot be asked. `code` is gRPC's name of it."""

    def __init__(self, code: str) -> None:
        self.code = code
        message = f"the durable backend, which runs the operations, cannot be asked ({code})"
        super().__init__(message, RETRY_SECONDS)


class DurableEngine:
    """Never hands out the task hub's management URLs: they carry its key.

    Every method may raise EngineAwayError, or Transient where the work's time is over.
    """

    def __init__(self, client: SyncDurableFunctionsClient) -> None:
        limit_calls(client)
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

    def ended_before(self, moment: datetime) -> list[str]:
        """Ids of ended instances that were last heard of before that, oldest first. Asked page by
        page and without inputs and outputs: an answer holds 4 MiB."""
        query = OrchestrationQuery(
            created_time_to=moment,
            runtime_status=ENDED,
            max_instance_count=PAGE,
            fetch_inputs_and_outputs=False,
        )
        with _backend_errors():
            found = self._client.get_all_orchestration_states(query)
        # Backends differ in what they filter by: none of them may be believed to have left out
        # what runs.
        old = [
            (_in_utc(s.last_updated_at), s.instance_id) for s in found if s.runtime_status in ENDED
        ]
        return [instance_id for heard, instance_id in sorted(old) if heard < moment]

    def purge(self, instance_id: str) -> bool:
        """False where it is gone already or, against what was seen, runs."""
        with _backend_errors():
            try:
                result = self._client.purge_orchestration(instance_id, recursive=False)
            except RpcError as error:
                if code_of(error) not in WRONG_STATE:
                    raise
                return False
        return result.deleted_instance_count > 0

    def raise_event(self, instance_id: str, name: str, data: str) -> bool:
        """False where the instance has ended or does not exist. Not every backend says so."""
        with _backend_errors():
            try:
                self._client.raise_orchestration_event(instance_id, name, data=data)
            except RpcError as error:
                if code_of(error) not in WRONG_STATE:
                    raise
                return False
        return True


def _in_utc(moment: datetime) -> datetime:
    """The client gives times of UTC without a zone."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


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

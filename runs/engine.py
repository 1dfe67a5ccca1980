"""The durable client, reduced to what triggers need.

Answers of its backend, observed on the Durable extension 3.19 with Azure Storage:

- UNKNOWN or INTERNAL: queues or tables are unavailable.
- FAILED_PRECONDITION: an event to an instance that has ended.
- NOT_FOUND: an event to an unknown instance.
- ALREADY_EXISTS: several callers start one id at the same time.

The backend accepts a start of an id that has ended, and runs the instance again, unless the reuse
policy for ids allows no status to be replaced.
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
# For an event: the instance has ended or is unknown. For a purge: it has not ended, or is unknown.
WRONG_STATE = (StatusCode.FAILED_PRECONDITION, StatusCode.NOT_FOUND)
ENDED = [OrchestrationStatus.COMPLETED, OrchestrationStatus.FAILED, OrchestrationStatus.TERMINATED]
# The number of states per page. A state has about 20 KB at most: its custom status may have 16 KB.
PAGE = 100


class EngineAwayError(Transient):
    """The backend of the durable engine is unavailable. `code` is the name of gRPC's status
    code."""

    def __init__(self, code: str) -> None:
        self.code = code
        message = f"the durable backend, which runs the operations, cannot be asked ({code})"
        super().__init__(message, RETRY_SECONDS)


class DurableEngine:
    """The engine's client. It never returns the task hub's management URLs, because they contain
    its key.

    Every method may raise EngineAwayError, or Transient if the time for the work is over.
    """

    def __init__(self, client: SyncDurableFunctionsClient) -> None:
        limit_calls(client)
        self._client = client

    def status(self, instance_id: str) -> str | None:
        """Returns the instance's status (RUNNING, COMPLETED, …), or None if the instance does not
        exist."""
        with _backend_errors():
            state = self._client.get_orchestration_state(instance_id, fetch_payloads=False)
        return state.runtime_status.name if state else None

    def custom_status(self, instance_id: str) -> dict[str, Any]:
        """Returns the custom status of the orchestrator, or {} before it has set one."""
        with _backend_errors():
            state = self._client.get_orchestration_state(instance_id)
        raw = state.serialized_custom_status if state else None
        value: Any = json.loads(raw) if raw else {}
        return value if isinstance(value, dict) else {}

    def start(self, orchestrator: str, instance_id: str, payload: dict[str, Any]) -> None:
        """Starts an instance, with the current version of the code.

        It is a success if the instance exists already, running or ended: another call of the same
        claim started it. The instance keeps the version of the code that started it.
        """
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
        """Returns the ids of ended instances whose last update is before `moment`, oldest first.

        The query reads page by page, without inputs and outputs, because an answer holds 4 MiB.
        """
        query = OrchestrationQuery(
            created_time_to=moment,
            runtime_status=ENDED,
            max_instance_count=PAGE,
            fetch_inputs_and_outputs=False,
        )
        with _backend_errors():
            found = self._client.get_all_orchestration_states(query)
        # Backends differ in what they filter by, so the result is filtered again: it may contain
        # running instances.
        old = [
            (_in_utc(s.last_updated_at), s.instance_id) for s in found if s.runtime_status in ENDED
        ]
        return [instance_id for heard, instance_id in sorted(old) if heard < moment]

    def purge(self, instance_id: str) -> bool:
        """Purges an instance's history.

        Returns False if it does not exist any more or, contrary to the last look, runs.
        """
        with _backend_errors():
            try:
                result = self._client.purge_orchestration(instance_id, recursive=False)
            except RpcError as error:
                if code_of(error) not in WRONG_STATE:
                    raise
                return False
        return result.deleted_instance_count > 0

    def raise_event(self, instance_id: str, name: str, data: str) -> bool:
        """Sends an event to the instance.

        Returns False if the instance has ended or does not exist. Not every backend reports that.
        """
        with _backend_errors():
            try:
                self._client.raise_orchestration_event(instance_id, name, data=data)
            except RpcError as error:
                if code_of(error) not in WRONG_STATE:
                    raise
                return False
        return True


def _in_utc(moment: datetime) -> datetime:
    """Adds the zone to a time of the client, which gives times in UTC without a zone."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def code_of(error: RpcError) -> StatusCode | None:
    """Returns the error's status code, or None if the error occurred before any answer."""
    code: Any = getattr(error, "code", None)
    return cast(StatusCode, code()) if callable(code) else None


@contextmanager
def _backend_errors() -> Generator[None]:
    """Converts every error of gRPC to EngineAwayError. An error's own text may quote what was
    sent."""
    try:
        yield
    except RpcError as error:
        code = code_of(error)
        raise EngineAwayError(code.name if code else "no code") from None

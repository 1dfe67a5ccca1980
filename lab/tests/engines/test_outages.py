"""What the engine's client gets while the engine is unavailable: the queues and tables, or the
in-memory engine itself."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from durabletask.client import TaskHubGrpcClient

from lab.testing.engines import InProcess, OpenHub, client_of, engine_away
from lab.testing.gate import hub_gates
from lab.tests.engines.conftest import ORCHESTRATORS

type Request = Callable[[TaskHubGrpcClient], Any]

REQUESTS: dict[str, Request] = {
    "state": lambda client: client.get_orchestration_state("there"),
    "list": lambda client: client.get_all_orchestration_states(),
    "event": lambda client: client.raise_orchestration_event("there", "go"),
    "terminate": lambda client: client.terminate_orchestration("there"),
    "purge": lambda client: client.purge_orchestration("there"),
    "start": lambda client: client.schedule_new_orchestration("hold", instance_id="new"),
}


@pytest.fixture(scope="module")
def client(open_hub: OpenHub, host_json: Path) -> Iterator[TaskHubGrpcClient]:
    gates = hub_gates()
    app = InProcess({"hold": ORCHESTRATORS["hold"]}, {})
    with open_hub(app, host_json, through=gates.before) as hub, client_of(hub) as asking:
        asking.schedule_new_orchestration("hold", instance_id="there")
        assert asking.wait_for_orchestration_start("there", timeout=60)
        with engine_away(hub, gates):
            yield asking
    gates.shut()


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_fails_with_internal_where_it_starts_or_purges_and_else_with_unknown(
    client: TaskHubGrpcClient, name: str
) -> None:
    with pytest.raises(grpc.RpcError) as error:
        REQUESTS[name](client)
    assert error.value.code().name == ("INTERNAL" if name in ("start", "purge") else "UNKNOWN")

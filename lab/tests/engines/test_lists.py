"""Lists of instances: an answer of gRPC holds 4 MiB."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from durabletask.client import OrchestrationQuery, TaskHubGrpcClient

from lab.testing.engines import InProcess, OpenHub, client_of, ended
from lab.tests.engines.conftest import ORCHESTRATORS

COUNT, CHARACTERS = 160, 30_000


@pytest.fixture(scope="module")
def client(open_hub: OpenHub, host_json: Path) -> Iterator[TaskHubGrpcClient]:
    """Of a hub with outputs of 4.6 MiB."""
    app = InProcess({"echo": ORCHESTRATORS["echo"]}, {})
    with open_hub(app, host_json) as hub, client_of(hub) as asking:
        text = "x" * CHARACTERS
        started = [asking.schedule_new_orchestration("echo", input=text) for _ in range(COUNT)]
        for instance in started:
            assert ended(asking, instance).get_output() == text
        yield asking


@pytest.mark.parametrize("payloads", [True, False])
def test_a_list_over_4_mib_is_refused(client: TaskHubGrpcClient, payloads: bool) -> None:
    """Asked for or not, outputs come along."""
    query = OrchestrationQuery(fetch_inputs_and_outputs=payloads)
    with pytest.raises(grpc.RpcError) as error:
        client.get_all_orchestration_states(query)
    assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_page_by_page_it_is_given(client: TaskHubGrpcClient) -> None:
    query = OrchestrationQuery(fetch_inputs_and_outputs=False, max_instance_count=50)
    found = client.get_all_orchestration_states(query)
    assert len({state.instance_id for state in found}) == COUNT

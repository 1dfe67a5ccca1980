"""What the engine's client answers to requests that come too late, or name nothing: the same on
Microsoft's extension and in memory."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from durabletask.client import OrchestrationStatus, TaskHubGrpcClient

type Request = Callable[[TaskHubGrpcClient, str], Any]

REQUESTS: dict[str, Request] = {
    "event": lambda client, instance: client.raise_orchestration_event(instance, "go"),
    "suspend": lambda client, instance: client.suspend_orchestration(instance),
    "resume": lambda client, instance: client.resume_orchestration(instance),
    "terminate": lambda client, instance: client.terminate_orchestration(instance),
}


def refused(request: Request, client: TaskHubGrpcClient, instance: str) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as error:
        request(client, instance)
    return error.value.code().name, error.value.details() or ""


@pytest.fixture(scope="module")
def ended(running: Any) -> dict[str, str]:
    """Instances that ended, by how."""
    running.run("echo", instance_id="late-completed")
    running.run("give_up", "x", instance_id="late-failed")
    running.client.terminate_orchestration(running.hold("late-terminated"))
    running.ended("late-terminated")
    return {how: f"late-{how}" for how in ("completed", "failed", "terminated")}


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("how", ["completed", "failed", "terminated"])
def test_what_comes_after_the_end_is_refused(
    running: Any, ended: dict[str, str], name: str, how: str
) -> None:
    code, text = refused(REQUESTS[name], running.client, ended[how])
    assert code == "FAILED_PRECONDITION"
    assert text == (
        "The orchestration instance with the provided instance id is not running."
        if name == "event"
        else f"InvalidOperationException: Cannot {name} the orchestration instance "
        f"{ended[how]} because instance is in the {how.capitalize()} state."
    )


@pytest.mark.parametrize("name", REQUESTS)
def test_an_instance_that_is_unknown_is_not_found(running: Any, name: str) -> None:
    code, text = refused(REQUESTS[name], running.client, "nobody")
    assert code == "NOT_FOUND"
    assert "No instance with ID 'nobody' was found" in text


def test_an_unknown_instance_has_no_state_and_nothing_to_purge(running: Any) -> None:
    assert running.client.get_orchestration_state("nobody") is None
    assert running.client.purge_orchestration("nobody").deleted_instance_count == 0


def test_a_run_in_progress_cannot_be_purged(running: Any) -> None:
    instance = running.hold("unpurged")
    code, text = refused(lambda c, i: c.purge_orchestration(i), running.client, instance)
    assert code == "FAILED_PRECONDITION"
    assert text.endswith("has status Running")
    running.client.terminate_orchestration(instance)
    running.ended(instance)
    assert running.client.purge_orchestration(instance).deleted_instance_count == 1
    assert running.client.get_orchestration_state(instance) is None


def test_a_run_is_suspended_and_resumed_once(running: Any) -> None:
    client, instance = running.client, running.hold("slept")
    assert refused(REQUESTS["resume"], client, instance)[0] == "FAILED_PRECONDITION"
    client.suspend_orchestration(instance)
    while client.get_orchestration_state(instance).runtime_status.name != "SUSPENDED":
        pass
    assert refused(REQUESTS["suspend"], client, instance)[0] == "FAILED_PRECONDITION"
    client.raise_orchestration_event(instance, "go", data="kept")
    client.resume_orchestration(instance)
    state = running.ended(instance)
    assert state.runtime_status == OrchestrationStatus.COMPLETED
    assert state.get_output() == "kept"


def test_a_state_without_payloads_has_no_custom_status(running: Any) -> None:
    running.run("show", {"text": "x", "times": 3}, instance_id="shown")
    bare = running.client.get_orchestration_state("shown", fetch_payloads=False)
    whole = running.client.get_orchestration_state("shown")
    assert (bare.serialized_custom_status, bare.serialized_output) == (None, None)
    assert (whole.serialized_custom_status, whole.serialized_output) == ('"xxx"', '"shown"')

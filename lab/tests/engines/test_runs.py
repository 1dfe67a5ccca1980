"""What becomes of a run: the same on Microsoft's extension and in memory."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from durabletask.client import OrchestrationState, OrchestrationStatus

INVOCATION = "Microsoft.Azure.WebJobs.Host.FunctionInvocationException"


def output(state: OrchestrationState) -> Any:
    assert state.runtime_status == OrchestrationStatus.COMPLETED, state.serialized_output
    return state.get_output()


@pytest.mark.parametrize("asked", [1, 2.5])
def test_a_timer_waits_whole_seconds_and_may_fire_early(running: Any, asked: float) -> None:
    """How late one fires is the polling's; no bound is tested."""
    assert output(running.run("pause", asked)) >= int(asked) - 1


def test_a_timer_of_a_second_may_fire_at_once(running: Any) -> None:
    """On a machine with much else to do, not each time."""
    assert any(output(running.run("pause", 1)) < 1 for _ in range(20))


def test_an_activity_whose_worker_dies_fails_at_once(running: Any) -> None:
    assert output(running.run("attempt", {"activity": "lose"})) == {
        "type": INVOCATION,
        "message": "Exception while executing function: lose",
    }


def test_a_turn_whose_worker_dies_is_repeated(running: Any) -> None:
    """The extension takes some 15 s for it."""
    running.app.dying.add("echo")
    assert output(running.run("echo", "repeated")) == "repeated"
    assert not running.app.dying


@pytest.mark.parametrize(("text", "arrives"), [("first\nsecond", "first"), ("", "")])
def test_of_an_activitys_message_the_first_line_arrives(
    running: Any, text: str, arrives: str
) -> None:
    failed = output(running.run("attempt", {"activity": "fail", "text": text}))
    assert failed == {"type": "ValueError", "message": arrives}


def test_a_failed_run_has_its_cause_as_output_and_no_details(running: Any) -> None:
    state = running.run("give_up", "out of space\non /dev/sda", instance_id="given-up")
    assert state.runtime_status == OrchestrationStatus.FAILED
    assert state.failure_details is None
    assert state.serialized_output == (
        "durabletask.task.TaskFailedError: given-up: Activity task #1 failed: out of space"
    )


def test_a_run_of_an_orchestrator_that_the_app_lacks_fails(running: Any) -> None:
    instance = running.client.schedule_new_orchestration("nothing")
    state = running.ended(instance)
    assert state.runtime_status == OrchestrationStatus.FAILED
    assert "The function 'nothing' doesn't exist" in json.loads(state.serialized_output)["message"]


@pytest.mark.parametrize(
    ("text", "times", "ends"),
    [
        ("x", 8190, "COMPLETED"),
        ("x", 8191, "FAILED"),
        ("é", 1365, "COMPLETED"),
        ("é", 1366, "FAILED"),
    ],
)
def test_a_custom_status_over_16_kib_of_utf_16_fails_the_run(
    running: Any, text: str, times: int, ends: str
) -> None:
    """As JSON, where a character that is not ASCII takes six: 12 bytes."""
    state = running.run("show", {"text": text, "times": times})
    assert state.runtime_status.name == ends
    if ends == "FAILED":
        assert "CustomStatus is too large" in json.loads(state.serialized_output)["details"]
        assert state.serialized_custom_status == "null"


@pytest.mark.parametrize("first", ["echo", "give_up", "hold"])
def test_an_id_whose_run_ended_runs_again(running: Any, first: str) -> None:
    """Whether it completed, failed or was terminated."""
    instance = f"again-{first}"
    if first == "hold":
        running.client.terminate_orchestration(running.hold(instance))
        running.ended(instance)
    else:
        running.run(first, "first", instance_id=instance)
    assert output(running.run("echo", "second", instance_id=instance)) == "second"


def test_an_id_whose_run_is_in_progress_is_refused(running: Any) -> None:
    instance = running.hold("taken")
    with pytest.raises(grpc.RpcError) as refused:
        running.client.schedule_new_orchestration("echo", instance_id=instance)
    assert refused.value.code() == grpc.StatusCode.ALREADY_EXISTS
    running.client.raise_orchestration_event(instance, "go")
    running.ended(instance)


def test_starts_of_one_id_at_once_make_one_execution(running: Any) -> None:
    """The extension lets several of them succeed, in memory one does."""

    def start(_: int) -> str:
        try:
            running.client.schedule_new_orchestration("once", instance_id="raced")
        except grpc.RpcError as error:
            return error.code().name
        return "started"

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(start, range(8)))
    assert "started" in answers
    assert set(answers) <= {"started", "ALREADY_EXISTS"}
    running.client.raise_orchestration_event("raced", "go")
    running.ended("raced")
    assert running.executed.count("raced") == 1


@pytest.mark.parametrize(("asked", "runs"), [(None, "3"), ("2", "2"), ("3", "3")])
def test_a_run_has_its_own_version_or_the_hosts(running: Any, asked: str | None, runs: str) -> None:
    assert output(running.run("version", version=asked)) == runs


def test_a_run_that_is_newer_than_the_host_fails_where_host_json_says_so(running: Any) -> None:
    state = running.run("version", version="4")
    assert state.runtime_status == OrchestrationStatus.FAILED
    assert state.serialized_output == (
        "VersionMismatch: Orchestration version did not comply with Worker Versioning"
    )


def test_a_list_of_instances_carries_their_outputs(running: Any) -> None:
    """Asked for or not. So a list of many large ones is refused: it is over gRPC's 4 MiB."""
    state = running.run("echo", "listed", instance_id="listed")
    assert state is not None
    found = {s.instance_id: s for s in running.client.get_all_orchestration_states()}
    assert found["listed"].serialized_output == '"listed"'
    assert found["listed"].serialized_input is None

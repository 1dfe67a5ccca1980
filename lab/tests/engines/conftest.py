"""A small app of orchestrators and activities, in this process, on each engine in turn."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from durabletask.client import OrchestrationState, TaskHubGrpcClient
from durabletask.task import TaskFailedError

from lab.host.pool import WorkerLostError
from lab.testing.engines import (
    InProcess,
    OpenHub,
    client_of,
    durable_storage,  # noqa: F401 -- a fixture, as the next two
    ended,
    engine_config,  # noqa: F401
    engine_name,  # noqa: F401
    open_hub,  # noqa: F401
)


class Running:
    """A hub that runs, with a client of its engine."""

    def __init__(self, client: TaskHubGrpcClient, app: InProcess, executed: list[Any]) -> None:
        self.client, self.app, self.executed = client, app, executed

    def run(self, name: str, payload: Any = None, **options: Any) -> OrchestrationState:
        instance = self.client.schedule_new_orchestration(name, input=payload, **options)
        return self.ended(instance)

    def ended(self, instance: str) -> OrchestrationState:
        return ended(self.client, instance)

    def hold(self, instance: str) -> str:
        """An instance that waits for the event `go`."""
        self.client.schedule_new_orchestration("hold", instance_id=instance)
        assert self.client.wait_for_orchestration_start(instance, timeout=60)
        return instance


def echo(context: Any, payload: Any) -> Any:
    yield from ()
    return payload


def attempt(context: Any, payload: dict[str, Any]) -> Any:
    """Answers what an orchestrator sees of an activity that fails."""
    try:
        yield context.call_activity(payload["activity"], input=payload.get("text", ""))
    except TaskFailedError as error:
        return {"type": error.details.error_type, "message": error.details.message}
    return None


def give_up(context: Any, payload: str) -> Any:
    yield context.call_activity("fail", input=payload)


def pause(context: Any, payload: float) -> Any:
    began = context.current_utc_datetime
    yield context.create_timer(timedelta(seconds=payload))
    return (context.current_utc_datetime - began).total_seconds()


def hold(context: Any, payload: Any) -> Any:
    return (yield context.wait_for_external_event("go"))


def show(context: Any, payload: dict[str, Any]) -> Any:
    context.set_custom_status(payload["text"] * payload["times"])
    yield context.call_activity("note", input="shown")
    return "shown"


def version(context: Any, payload: Any) -> Any:
    yield from ()
    return context.version


def once(context: Any, payload: Any) -> Any:
    yield context.call_activity("note", input=context.instance_id)
    yield context.wait_for_external_event("go")


def fail(text: str) -> None:
    raise ValueError(text)


def lose(text: str) -> None:
    raise WorkerLostError


ORCHESTRATORS = {f.__name__: f for f in (echo, attempt, give_up, pause, hold, show, version, once)}


@pytest.fixture(scope="package")
def host_json(tmp_path_factory: pytest.TempPathFactory) -> Path:
    durable = {"hubName": "answers", "defaultVersion": "3", "versionFailureStrategy": "Fail"}
    path = tmp_path_factory.mktemp("app") / "host.json"
    path.write_text(json.dumps({"version": "2.0", "extensions": {"durableTask": durable}}))
    return path


@pytest.fixture(scope="package")
def running(open_hub: OpenHub, host_json: Path) -> Iterator[Running]:  # noqa: F811
    executed: list[Any] = []
    app = InProcess(ORCHESTRATORS, {"fail": fail, "lose": lose, "note": executed.append})
    with open_hub(app, host_json) as hub, client_of(hub) as client:
        yield Running(client, app, executed)

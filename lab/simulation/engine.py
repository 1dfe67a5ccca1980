"""Microsoft's in-memory engine, driven step by step on simulated time, with counters.

Nothing listens on a port and nothing sleeps. One loop runs the work that is due, and then advances
the clock to the next timer or the next end of an activity. The app's own handlers run, as on the
real host.
"""

import asyncio
import base64
import inspect
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, cast
from unittest.mock import patch

from azure.durable_functions.internal.converters import (
    ActivityTriggerConverter,
    OrchestrationTriggerConverter,
)
from azure.functions import meta
from durabletask.internal import helpers
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.testing import in_memory_backend
from google.protobuf import wrappers_pb2

from cluster.contracts import ORCHESTRATION_VERSION
from lab.host.backend import waits_for
from lab.host.client_requests import ClientRequests
from lab.host.worker import describe
from lab.simulation.client import Aborting
from lab.simulation.clock import Clock

type Handler = Callable[[str], str]
STEPS = 200_000
# The durable client of an activity. Nothing listens, so it cannot query the engine.
NO_CLIENT = json.dumps(
    {
        "taskHubName": "simulated",
        "rpcBaseUrl": "http://127.0.0.1:1",
        "httpBaseUrl": "http://127.0.0.1:1",
        "requiredQueryStringParameters": "code=none",
    }
)


@dataclass
class Counts:
    """The counters of a run. Payloads are in bytes of UTF-8, times in seconds."""

    activities: Counter[str] = field(default_factory=Counter[str])
    replays: int = 0
    timers: int = 0
    events_raised: int = 0
    histories: list[int] = field(default_factory=list[int])
    payloads: dict[str, int] = field(default_factory=dict[str, int])
    custom_status: int = 0
    replay_cpu: float = 0.0
    activity_cpu: float = 0.0
    billed_seconds: float = 0.0
    longest_activity: float = 0.0

    def payload(self, what: str, text: str) -> None:
        self.payloads[what] = max(self.payloads.get(what, 0), len(text.encode()))

    @property
    def largest(self) -> tuple[str, int]:
        return max(self.payloads.items(), key=lambda item: item[1])


class SimulatedEngine(ClientRequests):
    """The engine. `functions` are those that the function app registered.

    Attributes:
        turned: called with the instance after each turn of its orchestrator, before anything that
            the turn asked for is done.
        acted: called with the instance and the activity's name after an activity was executed,
            before its result arrives.
        last: the activity that was executed last.
    """

    def __init__(self, clock: Clock, functions: Sequence[Any]) -> None:
        super().__init__()
        self.clock = clock
        self.counts = Counts()
        self.turned: Callable[[str], None] = _ignored
        self.last: pb.ActivityRequest | None = None
        self.acted: Callable[[str, str], None] = _ignored
        self._loop = asyncio.Runner()
        # For each instance, its ended histories, each with the event that closes it.
        self.kept: dict[str, list[list[pb.HistoryEvent]]] = {}
        self._handlers: dict[tuple[str, str], tuple[str, str | None, Callable[..., Any]]] = {}
        for function in functions:
            about = describe(function.get_function_name(), function.get_raw_bindings())
            if about["durable"]:
                handler = (about["parameter"], about["client"], function.get_user_function())
                self._handlers[about["kind"], about["durable"]] = handler

    def close(self) -> None:
        self._loop.close()

    def begin(self, name: str, instance: str, payload: Any) -> None:
        text = json.dumps(payload)
        request = pb.CreateInstanceRequest(
            instanceId=instance,
            name=name,
            input=wrappers_pb2.StringValue(value=text),
            version=wrappers_pb2.StringValue(value=ORCHESTRATION_VERSION),
        )
        self.counts.payload(f"input of {name}", text)
        self.StartInstance(request, cast(Any, _Due(self)))

    def raise_event(self, instance: str, name: str, data: Any) -> None:
        self.counts.events_raised += 1
        value = wrappers_pb2.StringValue(value=json.dumps(data))
        request = pb.RaiseEventRequest(instanceId=instance, name=name, input=value)
        self.RaiseEvent(request, cast(Any, _Due(self)))

    def finish(self) -> None:
        """Runs until nothing is due."""
        for _ in range(STEPS):
            for item in self._work():
                if item.HasField("orchestratorRequest"):
                    self._orchestrate(item)
                else:
                    self._act(item.activityRequest)
            if not self.clock.advance():
                return
        raise RuntimeError(f"the simulation did not end within {STEPS} steps")

    def knows(self, instance: str) -> bool:
        return instance in self._instances

    def ended(self, instance: str) -> str:
        """Returns the instance's final status: COMPLETED, FAILED, …"""
        status = pb.OrchestrationStatus.Name(self._instances[instance].status)
        return status.removeprefix("ORCHESTRATION_STATUS_")

    def history(self, instance: str) -> list[pb.HistoryEvent]:
        return list(self._instances[instance].history)

    def _work(self) -> Iterator[pb.WorkItem]:
        return self.GetWorkItems(pb.GetWorkItemsRequest(), cast(Any, _Due(self)))

    def has_work(self) -> bool:
        return bool(self._orchestration_queue or self._activity_queue)

    def _orchestrate(self, item: pb.WorkItem) -> None:
        request = item.orchestratorRequest
        events = [*request.pastEvents, *request.newEvents]
        name = next(e.executionStarted.name for e in events if e.HasField("executionStarted"))
        body = base64.b64encode(request.SerializeToString()).decode()
        started = time.process_time()
        answer = self._call("OrchestrationTrigger", name, body, OrchestrationTriggerConverter)
        self.counts.replay_cpu += time.process_time() - started
        self.counts.replays += 1
        response = pb.OrchestratorResponse()
        response.ParseFromString(base64.b64decode(answer))
        response.completionToken = item.completionToken
        self._keep(request, response)
        self.CompleteOrchestratorTask(response, cast(Any, _Due(self)))
        self.turned(request.instanceId)

    def _keep(self, request: pb.OrchestratorRequest, response: pb.OrchestratorResponse) -> None:
        if response.customStatus.value:
            size = len(response.customStatus.value.encode())
            self.counts.custom_status = max(self.counts.custom_status, size)
            self.counts.payload("custom status", response.customStatus.value)
        ended: pb.HistoryEvent | None = None
        for action in response.actions:
            if action.HasField("scheduleTask"):
                task = action.scheduleTask
                self.counts.payload(f"input of {task.name}", task.input.value)
            elif action.HasField("createTimer"):
                self.counts.timers += 1
            elif action.HasField("completeOrchestration"):
                ended = _closing(action.completeOrchestration)
                self.counts.payload(
                    "output or next input", action.completeOrchestration.result.value
                )
        length = len(request.pastEvents) + len(request.newEvents)
        if ended is not None:
            self.counts.histories.append(length + 2)  # with the two events that close it
            closed = [*request.pastEvents, *request.newEvents, ended]
            self.kept.setdefault(request.instanceId, []).append(closed)

    def _act(self, request: pb.ActivityRequest) -> None:
        """Runs the activity now. Its result is delivered when its duration has passed."""
        self.counts.activities[request.name] += 1
        self.last = request
        response = pb.ActivityResponse(
            instanceId=request.orchestrationInstance.instanceId, taskId=request.taskId
        )
        before, cpu = self.clock.seconds, time.process_time()
        try:
            value = self._call(
                "ActivityTrigger", request.name, request.input.value, ActivityTriggerConverter
            )
            encoded = ActivityTriggerConverter.encode(value, expected_type=None).value
            self.counts.payload(f"result of {request.name}", encoded)
            response.result.CopyFrom(wrappers_pb2.StringValue(value=encoded))
        except Exception as error:
            details = pb.TaskFailureDetails(
                errorType=type(error).__name__, errorMessage=str(error) or "no message"
            )
            response.failureDetails.CopyFrom(details)
        self.counts.activity_cpu += time.process_time() - cpu
        after, self.clock.seconds = self.clock.seconds, before
        self.counts.billed_seconds += max(1.0, after - before)  # the minimum that Flex bills
        self.counts.longest_activity = max(self.counts.longest_activity, after - before)
        self.clock.at(after, lambda: self._answer(response))
        self.acted(response.instanceId, request.name)

    def _answer(self, response: pb.ActivityResponse) -> None:
        """Delivers a result, unless its run has ended meanwhile."""
        instance = self._instances.get(response.instanceId)
        if instance and not self._is_terminal_status(instance.status):
            self.CompleteActivityTask(response, cast(Any, _Due(self)))

    def _call(self, kind: str, name: str, payload: str, converter: Any) -> Any:
        parameter, client, function = self._handlers[kind, name]
        datum = meta.Datum(type="string", value=payload)
        arguments = {parameter: converter.decode(datum, trigger_metadata=None)}
        if client:
            arguments[client] = NO_CLIENT
        value = function(**arguments)
        return self._loop.run(_awaited(value)) if inspect.isawaitable(value) else value

    def _process_create_timer_action(
        self, instance: in_memory_backend.OrchestrationInstance, action: pb.OrchestratorAction
    ) -> None:
        """Starts the timer on the simulated clock; the engine's own would block a thread."""
        fire_at = action.createTimer.fireAt.ToDatetime(tzinfo=UTC)
        instance.history.append(helpers.new_timer_created_event(action.id, fire_at))
        instance.status = pb.ORCHESTRATION_STATUS_RUNNING

        def fire() -> None:
            found = self._instances.get(instance.instance_id)
            if found and waits_for(found, action):
                found.pending_events.append(helpers.new_timer_fired_event(action.id, fire_at))
                self._enqueue_orchestration(instance.instance_id)

        delay = (fire_at - self.clock.now).total_seconds()
        self.clock.at(self.clock.seconds + max(0.0, delay), fire)


def _closing(action: pb.CompleteOrchestrationAction) -> pb.HistoryEvent:
    """Returns the event that ends a history, with the result or the input of the next history."""
    if action.orchestrationStatus == pb.ORCHESTRATION_STATUS_CONTINUED_AS_NEW:
        renewed = pb.ContinueAsNewEvent(input=action.result)
        return pb.HistoryEvent(eventId=-1, continueAsNew=renewed)
    completed = pb.ExecutionCompletedEvent(
        orchestrationStatus=action.orchestrationStatus, result=action.result
    )
    return pb.HistoryEvent(eventId=-1, executionCompleted=completed)


async def _awaited(value: Awaitable[Any]) -> Any:
    return await value


def _ignored(*_: str) -> None:
    """Nobody watches."""


class _Due(Aborting):
    """The part of a gRPC context that the engine uses: it is active while there is work."""

    def __init__(self, engine: SimulatedEngine) -> None:
        self._engine = engine

    def is_active(self) -> bool:
        return self._engine.has_work()


@contextmanager
def engine_time(clock: Clock) -> Generator[None]:
    """Replaces the engine's own timestamps by the clock's."""

    class Now(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return clock.now.astimezone(tz)

    with patch.object(in_memory_backend, "datetime", Now):
        yield

"""Passes work items from the engine to the worker and back, as the Durable extension does."""

import base64
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from durabletask.internal import orchestrator_service_pb2 as pb
from google.protobuf import wrappers_pb2

from lab.host.engine import Engine
from lab.host.executions import Executions
from lab.host.hub import Functions
from lab.host.pool import FunctionFailedError, NoWorkerError, WorkerLostError
from lab.host.turns import failed_turn, mismatched_turn
from lab.host.versions import Versions

log = logging.getLogger("lab.host")
ACTIVITIES, ORCHESTRATIONS = 16, 8
# A worker takes a second to start. A shorter delay would only fill the log.
REDELIVERY_SECONDS = 0.2
# The delay before a run of another host's version is offered again.
ABANDONED_SECONDS = 2.0
LOST = "Microsoft.Azure.WebJobs.Host.FunctionInvocationException"


class Dispatcher:
    def __init__(
        self, engine: Engine, app: Functions, executions: Executions, versions: Versions
    ) -> None:
        self._engine, self._app, self._executions = engine, app, executions
        self._versions = versions
        self._ended = threading.Event()
        self._activities = ThreadPoolExecutor(ACTIVITIES)
        self._orchestrations = ThreadPoolExecutor(ORCHESTRATIONS)
        names = [f for f in app.functions if f["durable"]]
        self._functions = {f["durable"]: f["name"] for f in names}
        # The value from which the app creates a durable client. An activity may have one too.
        self.binding = ""

    def start(self) -> None:
        threading.Thread(target=self._pump, daemon=True, name="engine work").start()

    def end(self) -> None:
        """Stops all redelivery."""
        self._ended.set()

    def _pump(self) -> None:
        for item in self._engine.work():
            if item.HasField("orchestratorRequest"):
                self._orchestrations.submit(_logged, self._orchestrate, item)
            elif item.HasField("activityRequest"):
                self._activities.submit(_logged, self._act, item)

    def _orchestrate(self, item: pb.WorkItem) -> None:
        request = item.orchestratorRequest
        events = [*request.pastEvents, *request.newEvents]
        started = next(e.executionStarted for e in events if e.HasField("executionStarted"))
        if self._versions.takes(started.version.value):
            response = self._turn(request, started.name)
        elif self._versions.rejects:
            later = threading.Timer(ABANDONED_SECONDS, self._engine.abandon, (item,))
            later.daemon = True
            later.start()
            return
        else:
            response = mismatched_turn(request.instanceId)
        response.completionToken = item.completionToken
        self._engine.orchestration_done(response)

    def _turn(self, request: pb.OrchestratorRequest, name: str) -> pb.OrchestratorResponse:
        payload = base64.b64encode(request.SerializeToString()).decode()
        self._executions.turn()
        if name not in self._functions:
            text = f"The function '{name}' doesn't exist, is disabled, or is not an orchestrator"
            return failed_turn(request.instanceId, f"{text} function.")
        try:
            value = self._repeated(payload, self._functions[name])
        except FunctionFailedError as error:
            log.exception("orchestrator %s could not be run", name)
            text = f"Function '{name}' failed with an unhandled exception."
            return failed_turn(request.instanceId, text, f"{error.type}: {error}")
        response = pb.OrchestratorResponse()
        response.ParseFromString(base64.b64decode(value))
        return response

    def _repeated(self, payload: str, function: str) -> Any:
        """Runs an orchestrator's turn, and repeats it while its worker dies."""
        while True:
            try:
                return self._app.ask("orchestration", function, payload, self.binding)
            except WorkerLostError:
                if self._ended.wait(REDELIVERY_SECONDS):
                    raise
                log.warning("a turn of %s was lost with its worker; delivered again", function)

    def _act(self, item: pb.WorkItem) -> None:
        request = item.activityRequest
        response = pb.ActivityResponse(
            instanceId=request.orchestrationInstance.instanceId,
            taskId=request.taskId,
            completionToken=item.completionToken,
        )
        try:
            value = self._execute(request)
            response.result.CopyFrom(wrappers_pb2.StringValue(value=value))
        except FunctionFailedError as error:
            log.warning("activity %s raised: %s", request.name, error)
            response.failureDetails.CopyFrom(_details(error.type, str(error), error.stack))
        except WorkerLostError:
            log.warning("activity %s was lost with its worker", request.name)
            text = f"Exception while executing function: {self._functions[request.name]}"
            response.failureDetails.CopyFrom(_details(LOST, text))
        except KeyError:
            log.warning("activity %s is not in the app", request.name)
            response.failureDetails.CopyFrom(_details("", ""))
        self._engine.activity_done(response)

    def _execute(self, request: pb.ActivityRequest) -> Any:
        function, payload = self._functions[request.name], request.input.value
        return self._executions.run(request.name, lambda: self._deliver(function, payload))

    def _deliver(self, function: str, payload: str) -> Any:
        """Runs an activity. It is delivered again if no worker began it, but not if its worker
        died."""
        while True:
            try:
                return self._app.ask("activity", function, payload, self.binding)
            except NoWorkerError:
                if self._ended.wait(REDELIVERY_SECONDS):
                    raise


def _logged[T](work: Callable[[T], None], item: T) -> None:
    """Runs the work and logs its exceptions. The thread pool would discard them, and the instance
    would hang without a trace."""
    try:
        work(item)
    except WorkerLostError:
        log.info("work was in flight when the host ended")
    except Exception:
        log.exception("work was lost by a fault of the host's own")


def _details(kind: str, text: str, stack: str = "") -> pb.TaskFailureDetails:
    return pb.TaskFailureDetails(
        errorType=kind, errorMessage=text, stackTrace=wrappers_pb2.StringValue(value=stack)
    )

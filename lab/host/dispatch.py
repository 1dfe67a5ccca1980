"""Work items from the engine to the worker and back, at least once, as the service promises."""

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
from lab.host.pool import FunctionFailedError, WorkerLostError

log = logging.getLogger("lab.host")
ACTIVITIES, ORCHESTRATIONS = 16, 8
# A worker takes a second to start: asking faster only fills the log.
REDELIVERY_SECONDS = 0.2


class Dispatcher:
    def __init__(self, engine: Engine, app: Functions, executions: Executions) -> None:
        self._engine, self._app, self._executions = engine, app, executions
        self._ended = threading.Event()
        self._activities = ThreadPoolExecutor(ACTIVITIES)
        self._orchestrations = ThreadPoolExecutor(ORCHESTRATIONS)
        names = [f for f in app.functions if f["durable"]]
        self._functions = {f["durable"]: f["name"] for f in names}
        # What a durable client of the app is made from: an activity may have one too.
        self.binding = ""

    def start(self) -> None:
        threading.Thread(target=self._pump, daemon=True, name="engine work").start()

    def end(self) -> None:
        """Nothing is delivered again from now on."""
        self._ended.set()

    def _pump(self) -> None:
        for item in self._engine.work():
            if item.HasField("orchestratorRequest"):
                self._orchestrations.submit(_logged, self._orchestrate, item)
            elif item.HasField("activityRequest"):
                self._activities.submit(_logged, self._act, item.activityRequest)

    def _orchestrate(self, item: pb.WorkItem) -> None:
        request = item.orchestratorRequest
        events = [*request.pastEvents, *request.newEvents]
        name = next(e.executionStarted.name for e in events if e.HasField("executionStarted"))
        payload = base64.b64encode(request.SerializeToString()).decode()
        try:
            value = self._deliver("orchestration", self._functions[name], payload)
        except (FunctionFailedError, KeyError) as error:
            log.exception("orchestrator %s could not be run", name)
            self._fail_orchestration(item, error)
            return
        response = pb.OrchestratorResponse()
        response.ParseFromString(base64.b64decode(value))
        response.completionToken = item.completionToken
        self._engine.orchestration_done(response)

    def _fail_orchestration(self, item: pb.WorkItem, error: Exception) -> None:
        details = pb.TaskFailureDetails(errorType=type(error).__name__, errorMessage=str(error))
        done = pb.CompleteOrchestrationAction(
            orchestrationStatus=pb.ORCHESTRATION_STATUS_FAILED, failureDetails=details
        )
        response = pb.OrchestratorResponse(
            instanceId=item.orchestratorRequest.instanceId,
            actions=[pb.OrchestratorAction(id=-1, completeOrchestration=done)],
            completionToken=item.completionToken,
        )
        self._engine.orchestration_done(response)

    def _act(self, request: pb.ActivityRequest) -> None:
        response = pb.ActivityResponse(
            instanceId=request.orchestrationInstance.instanceId, taskId=request.taskId
        )
        try:
            value = self._execute(request)
            response.result.CopyFrom(wrappers_pb2.StringValue(value=value))
        except (FunctionFailedError, KeyError) as error:
            log.warning("activity %s raised: %s", request.name, error)
            response.failureDetails.CopyFrom(_details(error))
        self._engine.activity_done(response)

    def _execute(self, request: pb.ActivityRequest) -> Any:
        function, payload = self._functions[request.name], request.input.value
        return self._executions.run(
            request.name, lambda: self._deliver("activity", function, payload)
        )

    def _deliver(self, kind: str, function: str, payload: str) -> Any:
        """Again when the worker died with it."""
        while True:
            try:
                return self._app.ask(kind, function, payload, self.binding)
            except WorkerLostError:
                if self._ended.wait(REDELIVERY_SECONDS):
                    raise
                log.warning("%s %s was lost with its worker; delivered again", kind, function)


def _logged[T](work: Callable[[T], None], item: T) -> None:
    """What a pool swallows would leave an instance hanging without a word."""
    try:
        work(item)
    except WorkerLostError:
        log.info("work was in flight when the host ended")
    except Exception:
        log.exception("work was lost by a fault of the host's own")


def _details(error: Exception) -> pb.TaskFailureDetails:
    stack = getattr(error, "stack", "")
    return pb.TaskFailureDetails(
        errorType=getattr(error, "type", type(error).__name__),
        errorMessage=str(error) or type(error).__name__,
        stackTrace=wrappers_pb2.StringValue(value=stack),
    )

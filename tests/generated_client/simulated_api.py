"""The app's handlers over HTTP, in front of a simulated run: time goes on with each question for
an operation."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any

import azure.functions as func
from durabletask.client import OrchestrationStatus
from werkzeug.wrappers import Request, Response

from lab.simulation.run import Scenario, Simulation, simulation
from lab.testing.serving import serving
from triggers import clusters

STEP_SECONDS = 60.0
KEY = "the-function-key-of-these-tests"


class PausedError(Exception):
    """Simulated time has come to where it was to stop."""


class SimulatedApi:
    def __init__(self, made: Simulation) -> None:
        self._made, self._lock = made, threading.Lock()
        self._client: Any = SimpleNamespace(
            get_orchestration_state=self._state,
            schedule_new_orchestration=self._schedule,
        )

    def __call__(self, request: Request) -> Response:
        if request.headers.get("x-functions-key") != KEY:
            return Response("", 401)
        with self._lock:
            answer = self._answer(request)
        headers = dict(answer.headers)
        return Response(answer.get_body(), answer.status_code, headers, mimetype=answer.mimetype)

    def _answer(self, request: Request) -> func.HttpResponse:
        method = request.method
        match request.path.removeprefix("/api/clusters").strip("/").split("/"):
            case [""]:
                return self._ask(clusters.list_clusters, request, self._client)
            case [name]:
                handlers: dict[str, Any] = {
                    "GET": clusters.get_cluster,
                    "PUT": clusters.put_cluster,
                    "DELETE": clusters.remove_cluster,
                }
                return self._ask(handlers[method], request, self._client, name=name)
            case [name, "events"]:
                return self._ask(clusters.get_events, request, name=name)
            case [name, "timeline"]:
                return self._ask(clusters.get_timeline, request, self._client, name=name)
            case [name, "operations", number]:
                self._go_on()
                parameters = {"name": name, "generation": number}
                return self._ask(clusters.get_operation, request, self._client, **parameters)
            case _:
                return func.HttpResponse(status_code=404)

    def _ask(
        self, handler: Callable[..., Any], request: Request, *more: Any, **parameters: str
    ) -> func.HttpResponse:
        asked = func.HttpRequest(
            request.method,
            request.url,
            headers=dict(request.headers),
            route_params=parameters,
            body=request.get_data(),
        )
        return handler(asked, *more)

    def _go_on(self) -> None:
        def pause() -> None:
            raise PausedError

        clock = self._made.clock
        clock.at(clock.seconds + STEP_SECONDS, pause)
        with suppress(PausedError):
            self._made.engine.finish()

    def _state(self, instance_id: str, **_: Any) -> Any:
        found = self._made.engine._instances.get(instance_id)
        return found and SimpleNamespace(
            serialized_custom_status=found.custom_status,
            runtime_status=OrchestrationStatus(found.status),
        )

    def _schedule(self, orchestrator: str, *, input: Any, instance_id: str, **_: Any) -> None:  # noqa: A002
        self._made.engine.begin(orchestrator, instance_id, input)


@contextmanager
def simulated_api(scenario: Scenario) -> Generator[str]:
    """The API's address."""
    with simulation(scenario) as made, serving(SimulatedApi(made)) as url:
        yield url

"""Simulated runs for the page: the app's own orchestrators on simulated time, which a test can
stop, and the app's own handlers for the API.

Only Azure, the machines and the clock are simulated (`lab/simulation`).
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import grpc
from durabletask.client import OrchestrationStatus
from werkzeug.serving import WSGIRequestHandler
from werkzeug.wrappers import Request, Response

from cluster import names
from cluster.events import Event, to_line
from lab.simulation.run import Scenario, Simulation, simulation
from lab.testing.serving import serving
from triggers import clusters, operation_list, page_session, sign_in, view

KEY = "the-function-key-of-these-tests"
SMALL = Scenario(9, ready=80.0, play=240.0, cluster="demo", pool="worker", tasks=60)
LARGE = Scenario(1000, ready=300.0, play=1200.0, cluster="demo", pool="worker", tasks=180)


SESSIONS = {
    "GET": page_session.get_session,
    "POST": page_session.post_session,
    "DELETE": page_session.delete_session,
}
READS: dict[str, Any] = {
    "clusters": clusters.list_clusters,
    "": clusters.get_cluster,
    "events": clusters.get_events,
    "timeline": clusters.get_timeline,
    "operations": operation_list.list_operations,
}
READS_IN_SESSION = {name: page_session.in_session(read) for name, read in READS.items()}


class PausedError(Exception):
    """Simulated time has reached the moment to stop at."""


@dataclass
class Runs:
    """One cluster's API on a port of its own.

    Attributes:
        asked: method, path and query of each request for the page or the API.
        modules_asked: file names of the page's modules.
        engine_away: no call of the durable client succeeds.
    """

    made: Simulation
    url: str = ""
    prefix: str = "/api"
    asked: list[str] = field(default_factory=list[str])
    modules_asked: list[str] = field(default_factory=list[str])
    modules_missing: bool = False
    engine_away: bool = False
    answer_instead: Callable[[Request], Response | None] = lambda _: None

    @property
    def page(self) -> str:
        return f"{self.url}{self.prefix}/clusters/{self.made.scenario.cluster}/view"

    def advance(self, seconds: float | None = None) -> None:
        """Runs until so many seconds after the beginning of the run; without them, to its end."""

        def pause() -> None:
            raise PausedError

        if seconds is not None:
            self.made.clock.at(seconds, pause)
        with suppress(PausedError):
            self.made.engine.finish()

    def add_event(self, **changes: Any) -> None:
        """Adds an event to the record, as the orchestrator's journal does. The run does not know
        the event, so it cannot continue."""
        blob = self._events_blob
        stored = self.made.services.store.blobs.read(blob)
        seq = stored[0].count(b"\n") + 1 if stored else 1
        time = self.made.clock.now.isoformat(timespec="milliseconds")
        event = {"seq": seq, "time": time, "phase": "playbook", "text": "text"} | changes
        line = to_line(Event.model_validate(event)).encode()
        self.made.services.store.blobs.append_at(blob, len(stored[0]) if stored else 0, line)

    @property
    def _events_blob(self) -> str:
        found = self.made.services.store.record(self.made.scenario.cluster)
        assert found
        return names.run_blob(found[0].name, found[0].generation, "events.jsonl")

    def __call__(self, request: Request) -> Response:
        path = request.path.removeprefix(self.prefix)
        match path.strip("/").split("/"):
            case ["view", version, module]:
                self.modules_asked.append(module)
                version = "another" if self.modules_missing else version
                parameters = {"version": version, "module": module}
                answer = _handler(view.get_view_module)(_as_host(request, parameters))
            case ["sign-in"]:
                answer = _handler(sign_in.get_sign_in)(_as_host(request, {}))
            case ["clusters", name, "view"]:
                self.asked.append(f"{request.method} {request.full_path.rstrip('?')}")
                answer = _handler(view.get_view)(_as_host(request, {"name": name}))
            case ["session"]:
                if request.method == "POST" and request.headers.get("x-functions-key") != KEY:
                    return Response("", 401)
                answer = _handler(SESSIONS[request.method])(_as_host(request, {}))
            case ["session", *rest]:
                self.asked.append(f"{request.method} {request.full_path.rstrip('?')}")
                if instead := self.answer_instead(request):
                    return instead
                answer = self._read(request, rest, READS_IN_SESSION)
            case ["clusters", *_] as parts:  # the command line
                if request.headers.get("x-functions-key") != KEY:
                    return Response("", 401)
                answer = self._read(request, parts, READS)
            case _:
                return Response("", 404)
        headers = dict(answer.headers)
        return Response(answer.get_body(), answer.status_code, headers, mimetype=answer.mimetype)

    def _read(self, request: Request, path: list[str], reads: dict[str, Any]) -> func.HttpResponse:
        """Answers `clusters`, `clusters/NAME`, `clusters/NAME/events`, …"""
        if path == ["clusters"]:
            return reads["clusters"](_as_host(request, {}), self._client())
        _, name, *rest = path
        what = "/".join(rest)
        client = [] if what == "events" else [self._client()]
        return reads[what](_as_host(request, {"name": name}), *client)

    def _client(self) -> Any:
        """A durable client that answers with the engine's status of an instance."""
        engine = self.made.engine

        def state(instance_id: str, **_: Any) -> Any:
            if self.engine_away:
                raise grpc.RpcError
            found = engine._instances.get(instance_id)
            return found and SimpleNamespace(
                serialized_custom_status=found.custom_status,
                runtime_status=OrchestrationStatus(found.status),
            )

        return SimpleNamespace(get_orchestration_state=state)


def _as_host(request: Request, parameters: dict[str, str]) -> func.HttpRequest:
    """The request as the Functions host hands it to the app."""
    query = request.args.to_dict()
    headers = {name.lower(): value for name, value in request.headers.items()}
    return func.HttpRequest(
        request.method,
        request.url,
        headers=headers,
        params=query,
        route_params=parameters,
        body=b"",
    )


def _handler(function: Any) -> Callable[..., func.HttpResponse]:
    return function


@contextmanager
def runs(scenario: Scenario = SMALL) -> Generator[Runs]:
    """Yields a cluster whose launch was claimed and has not begun."""
    with simulation(scenario) as made:
        found = Runs(made)
        made.apply()

        class Handler(WSGIRequestHandler):
            """The page follows the server's clock, which is simulated here."""

            def date_time_string(self, timestamp: float | None = None) -> str:
                return format_datetime(made.clock.now, usegmt=True)

            def log(self, *_: object) -> None:
                pass

        with serving(found, Handler) as found.url:
            yield found

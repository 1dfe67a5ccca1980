"""Client of Slipway's HTTP API: requests, retries, and readable errors."""

import time
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

import requests
from pydantic import ValidationError
from urllib3.exceptions import NewConnectionError

from cli import host
from cli.debug import print_exchange
from cli.exits import CommandError, Exit
from cli.problems import CONFLICT, FAILED_DEPENDENCY, UNAVAILABLE, ProblemError, read_problem
from cli.targets import Target
from cli.tokens import Token, Tokens
from cluster.api import ClusterDetail, ClusterList, EventList
from cluster.api_base import Answer
from cluster.api_history import OperationList, PlayLog
from cluster.api_requests import (
    CancelAccepted,
    ClusterPlan,
    ControllerRunning,
    ControllerStarting,
    ControllerStatus,
    InstallationReport,
    OperationAccepted,
    Problem,
    RecordForgotten,
    SignIn,
)

# Connect and read timeout in seconds. A plan needs long, because ARM validates every template.
TIMEOUT = (5.0, 120.0)
PAUSES = (0.5, 1.0, 2.0)
LONGEST_PAUSE = 30.0
UNCONNECTED = (
    requests.ConnectTimeout,
    requests.exceptions.SSLError,
    requests.exceptions.ProxyError,
)
ACCEPTED = 202
# States of a cluster while an operation is in progress.
BUSY = ("running", "deleting", "pending", "suspended")
SIGN_IN = "/api/sign-in"
LAB_POLL, AZURE_POLL = 1.0, 3.0


class UnreachableError(CommandError):
    """The API did not respond after several tries. `reached` is True if the address has responded
    before."""

    def __init__(self, text: str, *, reached: bool = False) -> None:
        self.reached = reached
        super().__init__(Exit.UNREACHABLE, text)


@dataclass(frozen=True)
class OperationAnswer:
    """The state of an operation. `problem` is set if it failed or was cancelled."""

    status: int
    problem: Problem | None = None


class Body(Protocol):
    """What a request carries: bytes, and their content type."""

    @property
    def body(self) -> bytes: ...
    @property
    def content_type(self) -> str: ...


class Api:
    """A session with the API. Its methods raise ProblemError, UnreachableError or
    NotLoadedError."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._session = requests.Session()
        # A configured proxy cannot reach this machine's loopback.
        self._session.trust_env = not target.local
        if target.key:
            self._session.headers["x-functions-key"] = target.key
        self._tokens = Tokens(target.client_id) if target.client_id else None
        self.poll_seconds = LAB_POLL if target.local else AZURE_POLL
        self._reached = False

    def token(self) -> Token:
        """Returns the token that requests carry.

        Raises:
            CommandError: nobody is signed in, or no token is wanted.
        """
        if self._tokens is None:
            raise CommandError(Exit.REFUSED, "SLIPWAY_CLIENT_ID is not set")
        return self._tokens.current()

    def sign_in(self) -> SignIn:
        """Returns how the app identifies its callers. The request carries no token."""
        return self._ask(SignIn, "GET", SIGN_IN)

    def plan(self, name: str, spec: Body, *, full: bool = False) -> ClusterPlan:
        query = {"plan": "true"} | ({"full": "true"} if full else {})
        return self._ask(ClusterPlan, "PUT", _path(name), spec, query)

    def put(
        self, name: str, spec: Body, *, adopt: bool = False, full: bool = False
    ) -> OperationAccepted:
        asked = {"adopt": adopt, "full": full}
        query = {key: "true" for key, wanted in asked.items() if wanted}
        return self._ask(OperationAccepted, "PUT", _path(name), spec, query or None)

    def clusters(self) -> ClusterList:
        return self._ask(ClusterList, "GET", "/api/clusters")

    def cluster(self, name: str) -> ClusterDetail:
        return self._ask(ClusterDetail, "GET", _path(name))

    def events(self, name: str, after: int, generation: int = 0) -> EventList:
        wanted = {"after": after} | ({"generation": generation} if generation else {})
        return self._ask(EventList, "GET", f"{_path(name)}/events", query=wanted)

    def log(self, name: str, after: int, generation: int = 0, play: int = 0) -> PlayLog:
        """Returns a part of what a play wrote: the last play of the latest operation by default."""
        asked = {"after": after, "generation": generation, "play": play}
        query = {key: value for key, value in asked.items() if value}
        return self._ask(PlayLog, "GET", f"{_path(name)}/log", query=query)

    def operations(self, name: str, before: int | None = None) -> OperationList:
        query = {"before": before} if before else None
        return self._ask(OperationList, "GET", f"{_path(name)}/operations", query=query)

    def doctor(self, **asked: str) -> InstallationReport:
        """Examines the installation. Arguments are `location`, `group` and `cluster`; empty ones
        are not sent."""
        query = {name: value for name, value in asked.items() if value}
        return self._ask(InstallationReport, "GET", "/api/doctor", query=query)

    def cancel(self, name: str) -> CancelAccepted:
        return self._ask(CancelAccepted, "POST", f"{_path(name)}/cancel")

    def delete(self, name: str) -> OperationAccepted:
        return self._ask(OperationAccepted, "DELETE", _path(name))

    def delete_node(self, name: str, node: str, *, force: bool = False) -> OperationAccepted:
        path = f"{_path(name)}/nodes/{quote(node, safe='')}"
        query = {"force": "true"} if force else None
        return self._ask(OperationAccepted, "DELETE", path, query=query)

    def forget(self, name: str) -> RecordForgotten:
        query = {"confirm": name}
        return self._ask(RecordForgotten, "POST", f"{_path(name)}/forget", query=query)

    def start_controller(self, name: str, node: str = "") -> ControllerStarting | ControllerRunning:
        """Starts the controller. It may be called again until it returns a ControllerRunning, which
        has the way to the named node too."""
        path = f"{_path(name)}/controller/start"
        response, document = self._answered("POST", path, query={"node": node} if node else None)
        model = ControllerStarting if response.status_code == ACCEPTED else ControllerRunning
        return _read(model, path, document)

    def stop_controller(self, name: str) -> ControllerStatus:
        return self._ask(ControllerStatus, "POST", f"{_path(name)}/controller/stop")

    def operation(self, path: str) -> OperationAnswer:
        """Returns the state of an operation. Its status is 202 while it runs; 200, 409 (cancelled)
        or 424 (failed) once it has ended."""
        response, document = self._answered("GET", path, ended=(CONFLICT, FAILED_DEPENDENCY))
        problem = None if response.ok else read_problem(document)
        return OperationAnswer(response.status_code, problem)

    def _ask[T: Answer](
        self,
        model: type[T],
        method: str,
        path: str,
        body: Body | None = None,
        query: dict[str, Any] | None = None,
    ) -> T:
        return _read(model, path, self._answered(method, path, body, query)[1])

    def _answered(
        self,
        method: str,
        path: str,
        body: Body | None = None,
        query: dict[str, Any] | None = None,
        ended: tuple[int, ...] = (),
    ) -> tuple[requests.Response, dict[str, Any]]:
        """Returns the response and its JSON object.

        Raises:
            ProblemError: the response is an error, and its status is not in `ended`.
        """
        response = self._send(method, path, body, query)
        if host.is_stopped(response):
            raise host.stopped(self._target.url)
        if host.is_no_route(response):
            raise host.no_route(self._session, self._target.url, path)
        try:
            document = response.json()
        except ValueError:
            document = {}
        if not isinstance(document, dict):
            document = {}
        if response.ok and not document:
            problem = Problem(title=f"{path} is not Slipway's API")
            raise ProblemError(response.status_code, problem)
        if not response.ok and response.status_code not in ended:
            raise ProblemError(response.status_code, read_problem(document))
        return response, document

    def _send(
        self, method: str, path: str, body: Body | None, query: dict[str, Any] | None
    ) -> requests.Response:
        """Sends a request. Every request may be repeated, because the API joins a running operation
        or finds its earlier work."""
        url = self._target.url + path
        headers = {"Content-Type": body.content_type} if body else {}
        if self._tokens and path != SIGN_IN:
            headers["Authorization"] = f"Bearer {self._tokens.current().text}"
        for pause in (*PAUSES, None):
            try:
                response = self._session.request(
                    method,
                    url,
                    data=body.body if body else None,
                    headers=headers,
                    params=query,
                    timeout=TIMEOUT,
                    allow_redirects=False,
                )
            except (requests.ConnectionError, requests.Timeout) as error:
                self._reached = self._reached or not _is_unconnected(error)
                if pause is None:
                    text = f"no answer from {self._target.url}: {_reason(error)}"
                    raise UnreachableError(text, reached=self._reached) from None
                time.sleep(pause)
                continue
            self._reached = True
            if self._target.debug:
                print_exchange(response)
            if response.status_code not in (429, UNAVAILABLE) or pause is None:
                return response
            time.sleep(_wanted_pause(response) or pause)
        raise AssertionError("the last try returns or raises")


def _read[T: Answer](model: type[T], path: str, document: dict[str, Any]) -> T:
    """Returns the response as its model.

    Raises:
        CommandError: the response lacks fields that every version of the API has.
    """
    try:
        return model.model_validate(document)
    except ValidationError as error:
        fields = ", ".join(sorted({".".join(map(str, one["loc"])) for one in error.errors()})[:5])
        text = (
            f"{path} answers in another form than this command line reads ({fields}): publish "
            "this version (docs/install.md, step 2)"
        )
        raise CommandError(Exit.REFUSED, text) from None


def operation_path(name: str, generation: int) -> str:
    return f"{_path(name)}/operations/{generation}"


def _path(name: str) -> str:
    return f"/api/clusters/{quote(name, safe='')}"


def _wanted_pause(response: requests.Response) -> float:
    text = response.headers.get("Retry-After", "")
    return min(float(text), LONGEST_PAUSE) if text.isdecimal() else 0.0


def _is_unconnected(error: requests.RequestException) -> bool:
    """Returns whether no connection was made. A connection that was cut reached a server."""
    inner = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, UNCONNECTED) or isinstance(inner, NewConnectionError)


def _reason(error: requests.RequestException) -> str:
    """Returns the innermost reason, without the library's wrapping."""
    inner: BaseException = error
    while inner.__cause__ or inner.__context__:
        inner = inner.__cause__ or inner.__context__ or inner
    if isinstance(error, requests.Timeout):
        return "it took too long"
    return str(getattr(inner, "strerror", "") or inner)

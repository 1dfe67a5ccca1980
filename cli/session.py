"""A session with the API: requests that are repeated, and answers and errors that can be read."""

import time
from typing import Any, Protocol

import requests
from pydantic import ValidationError
from urllib3.exceptions import NewConnectionError

from cli import host
from cli.debug import print_exchange
from cli.exits import CommandError, Exit
from cli.network_errors import reason
from cli.problems import UNAVAILABLE, ProblemError, read_problem
from cli.targets import Target
from cli.tokens import Token, Tokens
from cluster.api_base import Answer
from cluster.api_requests import Problem

# Connect and read timeout in seconds. A plan needs long, because ARM validates every template.
TIMEOUT = (5.0, 120.0)
PAUSES = (0.5, 1.0, 2.0)
LONGEST_PAUSE = 30.0
UNCONNECTED = (
    requests.ConnectTimeout,
    requests.exceptions.SSLError,
    requests.exceptions.ProxyError,
)
# The path that is asked before there is a token.
SIGN_IN = "/api/sign-in"


class UnreachableError(CommandError):
    """The API did not respond after several tries. `reached` is True if the address has responded
    before."""

    def __init__(self, text: str, *, reached: bool = False) -> None:
        self.reached = reached
        super().__init__(Exit.UNREACHABLE, text)


class Body(Protocol):
    """What a request carries: bytes, and their content type."""

    @property
    def body(self) -> bytes: ...
    @property
    def content_type(self) -> str: ...


class Session:
    """Requests to one API. Its methods raise ProblemError, UnreachableError or NotLoadedError."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._requests = requests.Session()
        # A configured proxy cannot reach this machine's loopback.
        self._requests.trust_env = not target.local
        if target.key:
            self._requests.headers["x-functions-key"] = target.key
        self._tokens = Tokens(target.client_id) if target.client_id else None
        self._reached = False

    def token(self) -> Token:
        """Returns the token that requests carry.

        Raises:
            CommandError: nobody is signed in, or no token is wanted.
        """
        if self._tokens is None:
            raise CommandError(Exit.REFUSED, "SLIPWAY_CLIENT_ID is not set")
        return self._tokens.current()

    def ask[T: Answer](
        self,
        model: type[T],
        method: str,
        path: str,
        body: Body | None = None,
        query: dict[str, Any] | None = None,
    ) -> T:
        return read(model, path, self.answered(method, path, body, query)[1])

    def answered(
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
            raise host.no_route(self._requests, self._target.url, path)
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
                response = self._requests.request(
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
                    text = f"no answer from {self._target.url}: {reason(error)}"
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


def read[T: Answer](model: type[T], path: str, document: dict[str, Any]) -> T:
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


def _wanted_pause(response: requests.Response) -> float:
    text = response.headers.get("Retry-After", "")
    return min(float(text), LONGEST_PAUSE) if text.isdecimal() else 0.0


def _is_unconnected(error: requests.RequestException) -> bool:
    """Returns whether no connection was made. A connection that was cut reached a server."""
    inner = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, UNCONNECTED) or isinstance(inner, NewConnectionError)

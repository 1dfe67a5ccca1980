"""Slipway's HTTP API from outside: requests, patience, and errors that a person can read."""

import json
import os
import time
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from urllib3.exceptions import NewConnectionError

from cli import host
from cli.exits import CommandError, Exit
from cli.local_lab import running_lab
from cli.problems import CONFLICT, FAILED_DEPENDENCY, UNAVAILABLE, ProblemError

# Connect, read. A plan asks ARM to validate every template, which takes it a while.
TIMEOUT = (5.0, 120.0)
PAUSES = (0.5, 1.0, 2.0)
LONGEST_PAUSE = 30.0
UNCONNECTED = (
    requests.ConnectTimeout,
    requests.exceptions.SSLError,
    requests.exceptions.ProxyError,
)
# States of a cluster while an operation runs.
BUSY = ("running", "deleting")
LAB_POLL, AZURE_POLL = 1.0, 3.0


class UnreachableError(CommandError):
    """No answer, after some tries. `reached`: the address has been the API's before."""

    def __init__(self, text: str, *, reached: bool = False) -> None:
        self.reached = reached
        super().__init__(Exit.UNREACHABLE, text)


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]


@dataclass(frozen=True)
class Target:
    """Where the API is. The URL has no path; the key may be empty. `azure` and `identity_header`
    are the lab's: its vault is there, and nowhere else."""

    url: str
    key: str = field(repr=False)
    azure: str = ""
    identity_header: str = field(default="", repr=False)

    @property
    def local(self) -> bool:
        name = urlsplit(self.url).hostname or ""
        try:
            return ip_address(name).is_loopback
        except ValueError:
            return name == "localhost"


def find_target() -> Target:
    """From the environment, else the lab on this machine."""
    url = os.environ.get("SLIPWAY_URL", "")
    if not url:
        lab = running_lab()
        return Target(lab.url, lab.key, lab.info["azure"], lab.info.get("identityHeader", ""))
    target = Target(url.rstrip("/").removesuffix("/api"), os.environ.get("SLIPWAY_KEY", ""))
    parts = urlsplit(target.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CommandError(Exit.REFUSED, "SLIPWAY_URL is not an http or https URL")
    if parts.scheme == "http" and not target.local:
        text = "SLIPWAY_URL must be https: the key would travel in clear (http on loopback only)"
        raise CommandError(Exit.REFUSED, text)
    return target


class Api:
    """One session. Methods raise ProblemError, UnreachableError or NotLoadedError."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._session = requests.Session()
        # A proxy of this machine leads away from its own loopback.
        self._session.trust_env = not target.local
        if target.key:
            self._session.headers["x-functions-key"] = target.key
        self.poll_seconds = LAB_POLL if target.local else AZURE_POLL
        self._reached = False

    def plan(self, spec: dict[str, Any]) -> dict[str, Any]:
        return self._ask("PUT", _path(spec["name"]), spec, {"plan": "true"}).body

    def put(self, spec: dict[str, Any]) -> dict[str, Any]:
        return self._ask("PUT", _path(spec["name"]), spec).body

    def clusters(self) -> dict[str, Any]:
        return self._ask("GET", "/api/clusters").body

    def cluster(self, name: str) -> dict[str, Any]:
        return self._ask("GET", _path(name)).body

    def events(self, name: str, after: int, generation: int = 0) -> dict[str, Any]:
        wanted = {"after": after} | ({"generation": generation} if generation else {})
        return self._ask("GET", f"{_path(name)}/events", query=wanted).body

    def doctor(self, **asked: str) -> dict[str, Any]:
        """`location`, `group`, `cluster`; what is empty is not sent."""
        query = {name: value for name, value in asked.items() if value}
        return self._ask("GET", "/api/doctor", query=query).body

    def cancel(self, name: str) -> dict[str, Any]:
        return self._ask("POST", f"{_path(name)}/cancel").body

    def delete(self, name: str) -> dict[str, Any]:
        return self._ask("DELETE", _path(name)).body

    def start_controller(self, name: str) -> dict[str, Any]:
        """May be asked again until its state is `running`."""
        return self._ask("POST", f"{_path(name)}/controller/start").body

    def stop_controller(self, name: str) -> dict[str, Any]:
        return self._ask("POST", f"{_path(name)}/controller/stop").body

    def operation(self, path: str) -> Answer:
        """202 while it runs; 200, 409 (cancelled) or 424 (failed) once it ended."""
        return self._ask("GET", path, ended=(CONFLICT, FAILED_DEPENDENCY))

    def _ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        query: dict[str, Any] | None = None,
        ended: tuple[int, ...] = (),
    ) -> Answer:
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
            raise ProblemError(response.status_code, {"title": f"{path} is not Slipway's API"})
        if not response.ok and response.status_code not in ended:
            raise ProblemError(response.status_code, document)
        return Answer(response.status_code, document)

    def _send(
        self, method: str, path: str, body: dict[str, Any] | None, query: dict[str, Any] | None
    ) -> requests.Response:
        """Every request may be repeated: the API joins, or finds its earlier work."""
        url = self._target.url + path
        # YAML has dates, JSON has not: the API says which field should have been something else.
        data = None if body is None else json.dumps(body, default=str).encode()
        headers = {"Content-Type": "application/json"} if data else {}
        for pause in (*PAUSES, None):
            try:
                response = self._session.request(
                    method,
                    url,
                    data=data,
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
            if response.status_code not in (429, UNAVAILABLE) or pause is None:
                return response
            time.sleep(_wanted_pause(response) or pause)
        raise AssertionError("the last try returns or raises")


def _path(name: str) -> str:
    return f"/api/clusters/{quote(name, safe='')}"


def _wanted_pause(response: requests.Response) -> float:
    text = response.headers.get("Retry-After", "")
    return min(float(text), LONGEST_PAUSE) if text.isdecimal() else 0.0


def _is_unconnected(error: requests.RequestException) -> bool:
    """Nobody took the connection; one that was cut reached somebody."""
    inner = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, UNCONNECTED) or isinstance(inner, NewConnectionError)


def _reason(error: requests.RequestException) -> str:
    """The innermost reason, without the library's own wrapping."""
    inner: BaseException = error
    while inner.__cause__ or inner.__context__:
        inner = inner.__cause__ or inner.__context__ or inner
    if isinstance(error, requests.Timeout):
        return "it took too long"
    return str(getattr(inner, "strerror", "") or inner)

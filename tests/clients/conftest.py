"""Loopback servers that a test scripts, for the real SDK clients to talk to."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from clients.azure import credentials
from clients.settings import Settings
from lab.testing.azurite import running_azurite
from lab.testing.serving import serving

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
VAULT = "https://slipway-test.vault.azure.net"


class Script:
    """Answers by method and path, and keeps what it was asked.

    `on(method, path, *answers)`: an answer is a Response, a (status, document) pair, or a function
    of the request; the last one stays. A path ends before the query.
    """

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.tokens = 0
        self.identity: list[Any] = []
        self._answers: dict[tuple[str, str], list[Any]] = {}

    def on(self, method: str, path: str, *answers: Any) -> None:
        self._answers[method, path.lower()] = list(answers)

    def paths(self) -> list[str]:
        return [f"{request.method} {request.path}" for request in self.asked]

    def __call__(self, request: Request) -> Response:
        if request.path == "/identity":
            return self._token()
        request.get_data()
        self.asked.append(request)
        answers = self._answers.get((request.method, request.path.lower()))
        if not answers:
            return document(404, {"error": {"code": "NotFound", "message": request.path}})
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        answer = (
            answer(request) if callable(answer) and not isinstance(answer, Response) else answer
        )
        return answer if isinstance(answer, Response) else document(*answer)

    def _token(self) -> Response:
        self.tokens += 1
        if self.identity:
            answer = self.identity.pop(0)
            return answer if isinstance(answer, Response) else document(*answer)
        expires = str(int(time.time()) + 3600)
        return document(
            200,
            {
                "access_token": "token-of-a-test",
                "expires_on": expires,
                "resource": "r",
                "token_type": "Bearer",
            },
        )


def document(status: int, body: Any, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(body), status, headers or {}, mimetype="application/json")


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def settings(script: Script, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings whose loopback is the script."""
    with serving(script) as url:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{url}/identity")
        monkeypatch.setenv("IDENTITY_HEADER", "header-of-a-test")
        credentials.credential.cache_clear()
        yield Settings(SUBSCRIPTION, VAULT, "", loopback=url)
        credentials.credential.cache_clear()


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A connection string of blobs only."""
    with running_azurite(tmp_path_factory.mktemp("azurite"), durable=False) as storage:
        yield storage

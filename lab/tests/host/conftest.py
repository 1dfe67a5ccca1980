"""A front of the lab on each engine, with the echo app behind it, and raw connections to it."""

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from lab.host.main import FunctionsHost
from lab.testing.engines import durable_storage, engine_config, engine_name  # noqa: F401 -- fixtures
from lab.tests.host.rows import KEYS, LIMIT

APP = Path(__file__).with_name("echo_app")
# How a body is framed, and what says nothing of the request.
UNCOMPARED = ("date", "server", "content-length", "transfer-encoding")


@dataclass
class Front:
    port: int
    engine: str
    folder: Path
    notes: Path = field(init=False)

    def __post_init__(self) -> None:
        self.notes = self.folder / "notes"

    def noted(self) -> list[str]:
        return self.notes.read_text().splitlines()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """One socket; requests are sent as they are."""

    def __init__(self, front: Front) -> None:
        self.socket = socket.create_connection(("127.0.0.1", front.port), 30)

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def ask(self, request: bytes) -> Answer:
        self.socket.sendall(request)
        return self.answer(request.partition(b" ")[0].decode())

    def answer(self, method: str = "GET") -> Answer:
        with HTTPResponse(self.socket, method=method) as response:
            response.begin()
            headers = {name.lower(): value for name, value in response.getheaders()}
            kept = {name: value for name, value in headers.items() if name not in UNCOMPARED}
            return Answer(response.status, kept, response.read())

    def ended(self) -> bool:
        try:
            return not self.socket.recv(1)
        except ConnectionResetError:
            return True


def asked(front: Front, request: bytes) -> Answer:
    with Connection(front) as connection:
        return connection.ask(request)


@pytest.fixture(scope="module")
def front(
    engine_config: Callable[[], dict[str, Any]],  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("front")
    (folder / "notes").touch()
    settings = {
        "SAMPLE_NOTES": str(folder / "notes"),
        "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": str(LIMIT),
    }
    engine = engine_config()
    host = FunctionsHost(
        engine | {"app": str(APP), "settings": settings, "keys": KEYS, "logs": str(folder)}
    )
    host.start()
    try:
        yield Front(urlsplit(host.url).port or 0, engine["engine"], folder)
    finally:
        host.end()

"""A front of the lab on each engine, with the echo app behind it, and raw connections to it."""

import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from lab.control import CACHE
from lab.host import ENGINES
from lab.host.main import FunctionsHost
from lab.host.program import ProgramError, find_origin
from lab.storage import connection_string, ensure_azurite, free_ports, start_azurite
from tests.host.rows import KEYS, LIMIT

APP = Path(__file__).with_name("echo_app")
# How a body is framed, and what says nothing of the request.
UNTOLD = ("date", "server", "content-length", "transfer-encoding")


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
            told = {name.lower(): value for name, value in response.getheaders()}
            kept = {name: value for name, value in told.items() if name not in UNTOLD}
            return Answer(response.status, kept, response.read())

    def ended(self) -> bool:
        try:
            return not self.socket.recv(1)
        except ConnectionResetError:
            return True


def asked(front: Front, request: bytes) -> Answer:
    with Connection(front) as connection:
        return connection.ask(request)


@pytest.fixture(scope="module", params=ENGINES)
def front(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("front")
    (folder / "notes").touch()
    config = {
        "app": str(APP),
        "settings": {
            "SAMPLE_NOTES": str(folder / "notes"),
            "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": str(LIMIT),
        },
        "keys": KEYS,
        "logs": str(folder),
    }
    with ExitStack() as stack:
        config |= stack.enter_context(engine_config(request.param, folder))
        host = FunctionsHost(config)
        host.start()
        stack.callback(host.end)
        yield Front(urlsplit(host.url).port or 0, request.param, folder)


@contextmanager
def engine_config(engine: str, folder: Path) -> Iterator[dict[str, str]]:
    """What a host's config says of its engine. Skips, with what to do, where functions-host is not
    at hand."""
    if engine == "memory":
        yield {"engine": engine}
        return
    try:
        find_origin()
    except ProgramError as error:
        pytest.skip(str(error))
    with _storage(folder) as storage:
        yield {"engine": engine, "cache": str(CACHE), "storage": storage}


@contextmanager
def _storage(folder: Path) -> Iterator[str]:
    ports, key = free_ports(durable=True), secrets.token_bytes(32).hex()
    scripts = ensure_azurite(CACHE, lambda _: None)
    process = start_azurite(scripts, folder / "azurite", ports, key, folder / "azurite.log")
    try:
        yield connection_string(ports, key)
    finally:
        process.terminate()
        process.wait()

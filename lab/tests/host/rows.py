"""The parts of the table: one raw request, what the host answers, what the app's functions saw.

functions-host (Microsoft's server, router and extensions) is the judge: each row was put to it
first, and what it answered was written down. Where the Functions host itself is known to differ,
the row follows that and says so in `real`; functions-host is not asked then.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

HOST = "front.test"
# Bytes of a body; the hosts of the tests are started with it.
LIMIT = 100_000
KEYS = {
    "function": "function-key",
    "master": "master-key",
    "durableTask": "durable-key",
    "eventGrid": "event-key",
}
KEY = f"x-functions-key: {KEYS['function']}"
EVENT_KEY = f"x-functions-key: {KEYS['eventGrid']}"
JSON = "Content-Type: application/json"
CLOSE = {"connection": "close"}
BEARER = {"www-authenticate": "Bearer"}
TEXT = {"content-type": "text/plain; charset=utf-8"}


@dataclass(frozen=True)
class Saw:
    """The function that was called. What is None is as in the request."""

    function: str
    route: dict[str, str]
    params: dict[str, str]
    method: str | None = None
    url: str | None = None
    headers: dict[str, str] | None = None
    body: str | None = None


@dataclass(frozen=True)
class Row:
    """`answer`: headers, but for date, server and how the body is framed. `seen`: None where no
    function echoes. `ran`: what event functions noted, in any order."""

    name: str
    request: bytes
    status: int
    answer: dict[str, str]
    body: bytes
    seen: dict[str, Any] | None
    ran: tuple[str, ...]
    real: str


def saw(
    function: str,
    *,
    params: dict[str, str] | None = None,
    method: str | None = None,
    url: str | None = None,
    headers: dict[str, str] | None = None,
    body: str | None = None,
    **route: str,
) -> Saw:
    return Saw(function, route, params or {}, method, url, headers, body)


def row(
    name: str,
    line: str | bytes,
    *headers: str | bytes,
    body: bytes = b"",
    length: bool = True,
    host: str = f"Host: {HOST}",
    status: int = 200,
    answer: dict[str, str] | None = None,
    text: str | bytes = "",
    seen: Saw | None = None,
    ran: tuple[str, ...] = (),
    real: str = "",
) -> Row:
    """`line` has HTTP/1.1 where it names no version. `length`: a Content-Length is sent with a body
    and with PUT and POST."""
    first = line if isinstance(line, bytes) else line.encode()
    first = first if b" HTTP/" in first or b" http/" in first else first + b" HTTP/1.1"
    method, target = first.split(b" ")[:2]
    sent = [header if isinstance(header, bytes) else header.encode() for header in headers]
    if length and (body or method in (b"PUT", b"POST")):
        sent.append(b"Content-Length: %d" % len(body))
    lines = [first, *([host.encode()] if host else []), *sent]
    return Row(
        name,
        b"\r\n".join(lines) + b"\r\n\r\n" + body,
        status,
        ({"content-type": "application/json"} if seen else {}) | (answer or {}),
        text if isinstance(text, bytes) else text.encode(),
        _view(seen, method.decode(), target, sent, body) if seen else None,
        ran,
        real,
    )


def raw(name: str, request: bytes, **expected: Any) -> Row:
    """A request that `row` cannot make; whatever headers the function saw."""
    made = row(name, request.strip().split(b"\r\n")[0].split(b"\n")[0], **expected)
    seen = {k: v for k, v in made.seen.items() if k != "headers"} if made.seen else None
    return Row(name, request, made.status, made.answer, made.body, seen, made.ran, made.real)


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def _view(
    saw: Saw, method: str, target: bytes, headers: Iterable[bytes], body: bytes
) -> dict[str, Any]:
    pairs = (header.decode().partition(":") for header in headers)
    as_sent = {name.lower(): value.strip() for name, _, value in pairs}
    return {
        "function": saw.function,
        "method": saw.method or method,
        "url": saw.url or f"http://{HOST}{target.decode('latin-1')}",
        "headers": as_sent if saw.headers is None else saw.headers,
        "params": saw.params,
        "route": saw.route,
        "body": body.decode("latin-1") if saw.body is None else saw.body,
    }

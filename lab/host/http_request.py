"""Parser of HTTP/1.1 requests with the strictness and limits of the real host's server
(Kestrel)."""

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from io import BufferedIOBase

from lab.host.urls import UrlError, decode_path, parse_query

# In bytes, including the line end.
MAX_LINE = 8 * 1024
MAX_HEADERS = 32 * 1024
MAX_HEADER_COUNT = 100
VERSIONS = ("HTTP/1.0", "HTTP/1.1")
METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HEADER_NAME = re.compile(rb"[!-9;-~]+")
HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(:[0-9]*)?")
ABSOLUTE = re.compile(r"https?://([^/?]*)(.*)", re.IGNORECASE)
LENGTH = re.compile(r"\+?[0-9]{1,18}")
CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(;[^\r\n]*)?\r?\n")


class RequestError(Exception):
    """The server rejects the request itself and closes the connection."""

    def __init__(self, status: int = HTTPStatus.BAD_REQUEST) -> None:
        self.status = status
        super().__init__(f"refused with {status}")


class BodyError(Exception):
    """The body is larger than the limit, or does not arrive as announced."""


class Body:
    """A request body that is read on demand. `length` is None for a chunked body."""

    def __init__(self, stream: BufferedIOBase, length: int | None) -> None:
        self._stream = stream
        self.length = length
        self.expects_continue: socket.socket | None = None
        self._unread = length != 0

    def read(self, limit: int) -> bytes:
        """Returns the body. Raises BodyError if it is longer than `limit` bytes or ends early."""
        if self.length is not None and self.length > limit:
            raise BodyError(f"{self.length} bytes announced; at most {limit}")
        if self._unread and self.expects_continue:
            self.expects_continue.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        data = bytearray()
        for part in self._parts():
            data += part
            if len(data) > limit:
                raise BodyError(f"more than {limit} bytes arrived")
        return bytes(data)

    def drain(self) -> None:
        """Discards the unread rest, so that the next request can be read. Raises BodyError."""
        if self._unread and self.expects_continue:
            raise BodyError("the client was never asked for it")
        for _ in self._parts():
            pass

    def _parts(self) -> Iterator[bytes]:
        if not self._unread:
            return
        self._unread = False
        if self.length is not None:
            yield from self._exactly(self.length)
            return
        while size := self._chunk_size():
            yield from self._exactly(size)
            if self._stream.readline(3) not in (b"\r\n", b"\n"):
                raise BodyError("a chunk does not end with a line end")
        while self._stream.readline(MAX_LINE) not in (b"\r\n", b"\n", b""):
            pass  # trailers

    def _chunk_size(self) -> int:
        match = CHUNK.fullmatch(self._stream.readline(MAX_LINE))
        if not match:
            raise BodyError("not a chunk's size")
        return int(match[1], 16)

    def _exactly(self, count: int) -> Iterator[bytes]:
        while count:
            part = self._stream.read(min(count, 1 << 16))
            if not part:
                raise BodyError("the connection ended in the body")
            count -= len(part)
            yield part


@dataclass
class Request:
    """A request. `path` is decoded. `query` is as it was sent, including the question mark. Header
    names are in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, list[str]]
    body: Body
    keep_alive: bool
    params: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.params = parse_query(self.query[1:])

    def header(self, name: str) -> str:
        """Returns the header's first value, or an empty string."""
        return self.headers.get(name, [""])[0]

    def param(self, name: str) -> list[str]:
        """Returns all values of a query parameter, ignoring the case of its name."""
        return next((v for k, v in self.params.items() if k.lower() == name.lower()), [])


def joined(values: list[str]) -> str:
    """Returns repeated values joined by commas, as a function receives them."""
    return ",".join(value for value in values if value)


def read_request(stream: BufferedIOBase) -> Request | None:
    """Returns the next request of a connection, or None if the client closed it.

    Raises:
        RequestError: the data is not a valid request, or it exceeds a limit.
    """
    line = _line(stream, MAX_LINE, HTTPStatus.REQUEST_URI_TOO_LONG)
    while line in (b"\r\n", b"\n"):
        line = _line(stream, MAX_LINE, HTTPStatus.REQUEST_URI_TOO_LONG)
    if not line.endswith(b"\n"):
        return None
    method, target, version = _request_line(line)
    headers = _headers(stream)
    absolute = ABSOLUTE.fullmatch(target)
    hosts = headers.get("host", [])
    if len(hosts) != 1 and (hosts or version == "HTTP/1.1"):
        raise RequestError
    if not HOST.fullmatch(hosts[0] if hosts else ""):
        raise RequestError
    if absolute:
        if absolute[1] != "".join(hosts):
            raise RequestError
        target = absolute[2] if absolute[2].startswith("/") else f"/{absolute[2]}"
    path, mark, query = target.partition("?")
    try:
        path = path if (method, path) == ("OPTIONS", "*") else decode_path(path)
    except UrlError:
        raise RequestError from None
    body, closes = _body(stream, headers)
    tokens = {token.strip().lower() for token in ",".join(headers.get("connection", [])).split(",")}
    alive = version == "HTTP/1.1" and "close" not in tokens and not closes
    return Request(method, path, mark + query, headers, body, alive)


def _line(stream: BufferedIOBase, limit: int, status: int) -> bytes:
    line = stream.readline(limit + 1)
    if len(line) > limit:
        raise RequestError(status)
    return line


def _request_line(line: bytes) -> tuple[str, str, str]:
    try:
        parts = line.decode("ascii").removesuffix("\n").removesuffix("\r").split(" ")
    except UnicodeDecodeError:
        raise RequestError from None
    if len(parts) not in (2, 3) or not METHOD.fullmatch(parts[0]) or not parts[1]:
        raise RequestError
    method, target, version = (*parts, "")[:3]
    if version not in VERSIONS:
        raise RequestError(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
    known = ("GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT")
    return (method.upper() if method.upper() in known else method), target, version


def _headers(stream: BufferedIOBase) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    left, count = MAX_HEADERS, 0
    while True:
        line = _line(stream, left, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        left -= len(line)
        if line in (b"\r\n", b"\n"):
            return found
        count += 1
        if count > MAX_HEADER_COUNT:
            raise RequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        name, colon, raw = line.removesuffix(b"\n").removesuffix(b"\r").partition(b":")
        if not colon or not line.endswith(b"\n") or not HEADER_NAME.fullmatch(name):
            raise RequestError
        try:
            value = raw.strip(b" \t").decode()
        except UnicodeDecodeError:
            raise RequestError from None
        if "\0" in value or "\r" in value:
            raise RequestError
        found.setdefault(name.decode().lower(), []).append(value)


def _body(stream: BufferedIOBase, headers: dict[str, list[str]]) -> tuple[Body, bool]:
    """Returns the body, and whether the connection must be closed after it."""
    lengths = headers.get("content-length", [])
    if len(lengths) > 1 or not all(LENGTH.fullmatch(length) for length in lengths):
        raise RequestError
    codings = ",".join(headers.get("transfer-encoding", []))
    if codings:
        if codings.rpartition(",")[2].strip().lower() != "chunked":
            raise RequestError
        if lengths:
            headers["x-content-length"] = headers.pop("content-length")
        return Body(stream, None), bool(lengths)
    if lengths:
        headers["content-length"] = [str(int(lengths[0]))]
    return Body(stream, int(lengths[0]) if lengths else 0), False

"""Request lines and headers: their grammar and their limits."""

from lab.tests.host.rows import CLOSE, KEY, raw, row, saw

KIB = 1024
# Makes a request line of 8 KiB with the query's name.
LONG = "a" * (8 * KIB - len("GET /api/plain?a= HTTP/1.1\r\n"))


def many(count: int, size: int = 1) -> list[str]:
    return [f"X-{number}: {'1' * size}" for number in range(count)]


LINES = (
    row("HTTP/1.0", "GET /api/plain HTTP/1.0", KEY, seen=saw("plain"), answer=CLOSE),
    row(
        "HTTP/1.0 without a host",
        "GET /api/plain HTTP/1.0",
        KEY,
        host="",
        seen=saw("plain", url="http:///api/plain"),
        answer=CLOSE,
    ),
    row("HTTP/2.0", "GET /api/plain HTTP/2.0", KEY, status=505, answer=CLOSE),
    row("http/1.1", "GET /api/plain http/1.1", KEY, status=505, answer=CLOSE),
    raw("no version", b"GET /api/plain\r\nHost: front.test\r\n\r\n", status=505, answer=CLOSE),
    raw("rubbish", b"rubbish\r\n\r\n", status=400, answer=CLOSE),
    raw(
        "two spaces",
        b"GET  /api/plain HTTP/1.1\r\nHost: front.test\r\n\r\n",
        status=400,
        answer=CLOSE,
    ),
    raw(
        "a space in the path",
        b"GET /api/things/a b HTTP/1.1\r\nHost: front.test\r\n\r\n",
        status=400,
        answer=CLOSE,
    ),
    raw(
        "a line end before",
        b"\r\nGET /api/every HTTP/1.1\r\nHost: front.test\r\n\r\n",
        seen=saw("every", url="http://front.test/api/every"),
    ),
    raw(
        "bare line feeds",
        b"GET /api/every HTTP/1.1\nHost: front.test\n\n",
        seen=saw("every", url="http://front.test/api/every"),
    ),
    raw(
        "a bare carriage return in a header",
        b"GET /api/every HTTP/1.1\r\nHost: front.test\r\nX-A: a\rb\r\n\r\n",
        status=400,
        answer=CLOSE,
    ),
    raw(
        "a bad method",
        b"G(T /api/every HTTP/1.1\r\nHost: front.test\r\n\r\n",
        status=400,
        answer=CLOSE,
    ),
    row("8 KiB", f"GET /api/plain?a={LONG}", KEY, seen=saw("plain", params={"a": LONG})),
    row("a byte over 8 KiB", f"GET /api/plain?a={LONG}a", KEY, status=414, answer=CLOSE),
    row("a long path", f"GET /api/things/{LONG}", KEY, seen=saw("named", name=LONG)),
)
HEADERS = (
    row("names in lower case", "GET /api/plain", KEY, "X-Some-NAME: Value", seen=saw("plain")),
    row(
        "doubled",
        "GET /api/plain",
        KEY,
        "X-A: 1",
        "x-a: 2",
        seen=saw("plain", headers={"x-functions-key": "function-key", "x-a": "1,2"}),
    ),
    row("spaces around", "GET /api/plain", KEY, "X-A: \t 1 2 \t ", seen=saw("plain")),
    row("empty value", "GET /api/plain", KEY, "X-A:", seen=saw("plain")),
    row("Latin-1", "GET /api/plain", KEY, b"X-A: \xe9", status=400, answer=CLOSE),
    row("UTF-8", "GET /api/plain", KEY, b"X-A: \xc3\xa9", seen=saw("plain")),
    row("NUL", "GET /api/plain", KEY, b"X-A: a\x00b", status=400, answer=CLOSE),
    row("space before the colon", "GET /api/plain", KEY, "X-A : 1", status=400, answer=CLOSE),
    row("no colon", "GET /api/plain", KEY, "X-A", status=400, answer=CLOSE),
    row("no name", "GET /api/plain", KEY, ": 1", status=400, answer=CLOSE),
    row("a continued line", "GET /api/plain", KEY, "X-A: 1\r\n 2", status=400, answer=CLOSE),
    row("a name that is none", "GET /api/plain", KEY, "X A: 1", status=400, answer=CLOSE),
    row("no host", "GET /api/plain", KEY, host="", status=400, answer=CLOSE),
    row("two hosts", "GET /api/plain", KEY, "Host: b.test", status=400, answer=CLOSE),
    row(
        "empty host",
        "GET /api/plain",
        KEY,
        host="Host:",
        seen=saw("plain", url="http:///api/plain"),
    ),
    row("a bad host", "GET /api/plain", KEY, host="Host: a b", status=400, answer=CLOSE),
    row(
        "a host with a port",
        "GET /api/plain",
        KEY,
        host="Host: front.test:8080",
        seen=saw("plain", url="http://front.test:8080/api/plain"),
    ),
    row(
        "a host with a path",
        "GET /api/plain",
        KEY,
        host="Host: front.test/x",
        status=400,
        answer=CLOSE,
    ),
    row(
        "an IPv6 host",
        "GET /api/plain",
        KEY,
        host="Host: [::1]:80",
        seen=saw("plain", url="http://[::1]:80/api/plain"),
    ),
    row(
        "forwarded",
        "GET /api/plain",
        KEY,
        "X-Forwarded-Host: other.test",
        "X-Forwarded-Proto: https",
        "X-Forwarded-For: 1.2.3.4",
        seen=saw("plain"),
    ),
    row(
        "a doubled content type",
        "PUT /api/things/a",
        KEY,
        "Content-Type: a/b",
        "Content-Type: c/d",
        body=b"x",
        seen=saw(
            "named",
            headers={
                "content-type": "a/b,c/d",
                "content-length": "1",
                "x-functions-key": "function-key",
            },
            name="a",
        ),
    ),
    row(
        "a cookie twice",
        "GET /api/plain",
        KEY,
        "Cookie: a=1",
        "Cookie: b=2",
        seen=saw("plain", headers={"cookie": "a=1,b=2", "x-functions-key": "function-key"}),
    ),
    row(
        "x-ms names",
        "GET /api/plain",
        KEY,
        "X-MS-CLIENT-PRINCIPAL-NAME: me",
        "x-ms-client-principal-name: you",
        seen=saw(
            "plain",
            headers={"x-functions-key": "function-key", "x-ms-client-principal-name": "me,you"},
        ),
    ),
    row("100 headers", "GET /api/plain", KEY, *many(98), seen=saw("plain")),
    row("101 headers", "GET /api/plain", KEY, *many(99), status=431, answer=CLOSE),
    row("31 KiB", "GET /api/plain", KEY, "X-A: " + "a" * 31 * KIB, seen=saw("plain")),
    row("33 KiB", "GET /api/plain", KEY, "X-A: " + "a" * 33 * KIB, status=431, answer=CLOSE),
    row("33 KiB in four", "GET /api/plain", KEY, *many(4, 8400), status=431, answer=CLOSE),
)
ROWS = LINES + HEADERS

"""Bodies: lengths, chunks, the limit; refused before they are read."""

from typing import Any

from lab.tests.host.rows import CLOSE, JSON, KEY, LIMIT, Row, chunked, row, saw

CHUNKED = "Transfer-Encoding: chunked"
REFUSED = {"status": 400, "answer": CLOSE}
TOO_LARGE = {"status": 500, "answer": CLOSE}
THING = saw("named", name="a")
UNREAD = saw("named", body="", name="a")


def put(name: str, *headers: str, length: bool = False, **expected: Any) -> Row:
    """`length`: the right Content-Length is added; without, the headers say it."""
    return row(name, "PUT /api/things/a", KEY, *headers, length=length, **expected)


ROWS = (
    put("a body", JSON, body=b'{"a": 1}', seen=THING, length=True),
    put(
        "bytes",
        "Content-Type: application/octet-stream",
        body=b"\x00\xff\r\n",
        seen=THING,
        length=True,
    ),
    put("none, length nought", seen=THING, length=True),
    put("none, no length", seen=THING),
    row("of a GET", "GET /api/things/a", KEY, body=b"abc", seen=saw("named", name="a")),
    row("of a DELETE", "DELETE /api/things/a", KEY, body=b"abc", seen=saw("named", name="a")),
    put("no content type", body=b"abc", seen=THING, length=True),
    put("an empty content type", "Content-Type:", body=b"abc", seen=THING, length=True),
    put("chunked", CHUNKED, body=chunked(b"abc"), seen=UNREAD),
    put("chunked, empty", CHUNKED, body=b"0\r\n\r\n", seen=UNREAD),
    put(
        "chunked with a length",
        CHUNKED,
        "Content-Length: 3",
        body=chunked(b"abc"),
        seen=saw(
            "named",
            headers={
                "transfer-encoding": "chunked",
                "x-functions-key": "function-key",
                "x-content-length": "3",
            },
            body="",
            name="a",
        ),
        answer=CLOSE,
    ),
    put("chunked, bad size", CHUNKED, body=b"zz\r\nabc\r\n0\r\n\r\n", seen=UNREAD),
    row(
        "chunked of a GET",
        "GET /api/plain",
        KEY,
        CHUNKED,
        body=chunked(b"abc"),
        length=False,
        seen=saw("plain", body=""),
    ),
    put("gzip only", "Transfer-Encoding: gzip", body=chunked(b"abc"), **REFUSED),
    put("identity", "Transfer-Encoding: identity", "Content-Length: 3", body=b"abc", **REFUSED),
    put("gzip content", "Content-Encoding: gzip", body=b"abc", seen=THING, length=True),
    put("two lengths", "Content-Length: 3\r\nContent-Length: 3", body=b"abc", **REFUSED),
    put("two different lengths", "Content-Length: 3\r\nContent-Length: 4", body=b"abc", **REFUSED),
    put("a negative length", "Content-Length: -1", body=b"abc", **REFUSED),
    put("a length that is no number", "Content-Length: x", body=b"abc", **REFUSED),
    put("an empty length", "Content-Length: ", body=b"abc", **REFUSED),
    put("a list as length", "Content-Length: 3, 3", body=b"abc", **REFUSED),
    put("a huge length", "Content-Length: 999999999999999999999999999999", body=b"abc", **REFUSED),
    put("a length with spaces", "Content-Length:  3 ", body=b"abc", seen=THING),
    row(
        "without key, body not sent",
        "PUT /api/things/a",
        "Content-Length: 1000",
        length=False,
        status=401,
    ),
    row(
        "wrong path, body not sent",
        "PUT /api/nothing",
        "Content-Length: 1000",
        length=False,
        status=404,
    ),
    row(
        "over the limit, not sent",
        "PUT /api/open/a",
        "Content-Length: 100001",
        length=False,
        **TOO_LARGE,
    ),
    row("over the limit, sent", "PUT /api/open/a", body=b"a" * (LIMIT + 1), **TOO_LARGE),
    row("at the limit", "PUT /api/open/a", body=b"a" * LIMIT, seen=saw("opened", name="a")),
    row(
        "over the limit, without key",
        "PUT /api/things/a",
        "Content-Length: 100001",
        length=False,
        status=401,
    ),
    row(
        "over the limit, wrong path",
        "PUT /api/nothing",
        "Content-Length: 100001",
        length=False,
        status=404,
    ),
    row(
        "chunked over the limit",
        "PUT /api/open/a",
        CHUNKED,
        body=chunked(b"a" * (LIMIT + 1)),
        length=False,
        seen=saw("opened", body="", name="a"),
    ),
    put("expect continue", "Expect: 100-continue", body=b"abc", seen=THING, length=True),
    row(
        "expect continue without key",
        "PUT /api/things/a",
        "Expect: 100-continue",
        body=b"abc",
        status=401,
    ),
)

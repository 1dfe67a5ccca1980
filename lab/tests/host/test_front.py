"""One table of requests, put over raw sockets to the lab's own front and to functions-host."""

import json
from typing import Any

import pytest

from lab.tests.host.conftest import Connection, Front, asked
from lab.tests.host.rows import KEY, Row, row, saw
from lab.tests.host.table import bodies, event_grid, functions, headers, methods, paths, queries

TABLE = {
    f"{part.__name__.rpartition('.')[2]}: {one.name}": one
    for part in (methods, paths, queries, headers, bodies, functions, event_grid)
    for one in part.ROWS
}


@pytest.mark.parametrize("name", TABLE)
def test_a_request_of_the_table_is_answered_as_the_real_host_does(front: Front, name: str) -> None:
    wanted = TABLE[name]
    if wanted.real and front.engine != "memory":
        pytest.skip(f"the Functions host differs: {wanted.real}")
    for meeting in front.folder.glob("meet-*"):
        meeting.unlink()
    before = len(front.noted())
    got = asked(front, wanted.request)
    assert (got.status, got.headers) == (wanted.status, wanted.answer)
    assert sorted(front.noted()[before:]) == sorted(wanted.ran)
    if wanted.seen is None or not got.body:
        assert got.body == wanted.body
        return
    seen: dict[str, Any] = json.loads(got.body)
    seen["headers"].pop("host", None)
    assert {name: seen[name] for name in wanted.seen} == wanted.seen


PLAIN = row("", "GET /api/plain", KEY, seen=saw("plain"))


@pytest.mark.parametrize(
    "first",
    [
        PLAIN,
        row("not found", "GET /api/nothing", status=404),
        row("a body that nobody reads", "PUT /api/nothing", body=b"x" * 5000, status=404),
        row("no key", "PUT /api/things/a", body=b"x" * 5000, status=401),
        TABLE["bodies: chunked"],
        TABLE["event_grid: chunked"],
    ],
    ids=lambda one: one.name or "plain",
)
def test_a_connection_serves_the_next_request_after(front: Front, first: Row) -> None:
    with Connection(front) as connection:
        assert connection.ask(first.request).status == first.status
        assert connection.ask(PLAIN.request).status == 200


@pytest.mark.parametrize(
    ("first", "status"),
    [
        (TABLE["bodies: two lengths"].request, 400),
        (TABLE["bodies: over the limit, sent"].request, 500),
        (row("", "GET /api/plain", KEY, "Connection: close").request, 200),
        (row("", "GET /api/plain HTTP/1.0", KEY).request, 200),
    ],
    ids=["refused", "too large", "as asked", "HTTP/1.0"],
)
def test_a_connection_ends_after(front: Front, first: bytes, status: int) -> None:
    with Connection(front) as connection:
        assert connection.ask(first).status == status
        assert connection.ended()


def test_a_body_is_asked_for_only_where_it_will_be_read(front: Front) -> None:
    expecting = ("Content-Length: 3", "Expect: 100-continue")
    with Connection(front) as connection:
        connection.socket.sendall(
            row("", "PUT /api/things/a", KEY, *expecting, length=False).request
        )
        assert connection.socket.recv(1000).startswith(b"HTTP/1.1 100 ")
        connection.socket.sendall(b"abc")
        assert json.loads(connection.answer().body)["body"] == "abc"
    with Connection(front) as connection:
        answer = connection.ask(row("", "PUT /api/things/a", *expecting, length=False).request)
        assert answer.status == 401

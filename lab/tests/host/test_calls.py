"""Calls of functions-host that outlive it."""

import json
import socket
import struct
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import pytest

from lab.host.calls import Calls
from lab.host.executions import Executions

RESET = struct.pack("ii", 1, 0)


class Blocking:
    """A function that ends when the test says so."""

    def __init__(self) -> None:
        self.functions = [{"name": "slow", "durable": "slow"}]
        self.begun, self.release = threading.Event(), threading.Event()

    def ask(self, kind: str, function: str, payload: Any, client: str = "") -> Any:
        self.begun.set()
        assert self.release.wait(30)
        return "null"


def test_a_result_for_a_host_that_was_killed_is_one_line_of_the_log(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    app = Blocking()
    calls = Calls(app, Executions())
    calls.start()
    try:
        body = json.dumps({"kind": "activity", "function": "slow", "payload": "null"}).encode()
        head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        with socket.create_connection(("127.0.0.1", urlsplit(calls.url).port)) as host:
            host.sendall(head + body)
            assert app.begun.wait(30)
            host.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        app.release.set()
        until = time.monotonic() + 30
        while not caplog.messages:
            assert time.monotonic() < until
            time.sleep(0.01)
        assert caplog.messages == ["the result of slow is lost: the host ended"]
    finally:
        calls.end()
    assert "Traceback" not in capfd.readouterr().err

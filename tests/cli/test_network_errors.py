"""What a request's fault is called, asked of the real library."""

import socket
import threading
from collections.abc import Iterator

import pytest
import requests

from cli.network_errors import reason


def fault_of(url: str) -> str:
    with pytest.raises(requests.RequestException) as raised:
        requests.get(url, timeout=0.3).raise_for_status()
    return reason(raised.value)


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def address(server: socket.socket) -> str:
    return f"http://127.0.0.1:{server.getsockname()[1]}/x"


def test_a_name_that_is_not_known_is_told_without_the_librarys_words() -> None:
    text = fault_of("http://nowhere.invalid/x")
    assert "pool" not in text.lower()
    assert "retries" not in text.lower()
    assert text


def test_a_closed_port_refuses(listening: socket.socket) -> None:
    url = address(listening)
    listening.close()
    assert fault_of(url) == "Connection refused"


def test_a_server_that_says_nothing_takes_too_long(listening: socket.socket) -> None:
    assert fault_of(address(listening)) == "it took too long"


@pytest.mark.parametrize("status", ["404 Not Found", "503 Not today"])
def test_an_answer_is_told_by_its_status(listening: socket.socket, status: str) -> None:
    def answer() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

    thread = threading.Thread(target=answer)
    thread.start()
    assert fault_of(address(listening)) == status
    thread.join()

"""Clients that speak only TLS to Azure's own host names reach the lab, and nothing else."""

import socket
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from lab.azure import MANAGEMENT
from lab.tls_front import tls_front

GROUPS = f"{MANAGEMENT}/subscriptions/00000000-0000-4000-8000-000000000001/resourcegroups"
VERSION = "?api-version=2025-04-01"
FAR = 2**40


@pytest.fixture
def client(azure: Any, tmp_path: Path) -> Iterator[requests.Session]:
    with tls_front(azure.url, tmp_path) as proxy, requests.Session() as session:
        session.trust_env = False
        session.proxies = {"https": proxy, "http": proxy}
        session.verify = str(tmp_path / "ca.pem")
        token = azure.facade.identity.token(MANAGEMENT, FAR)
        session.headers["Authorization"] = f"Bearer {token}"
        yield session


def test_a_service_is_reached_by_its_own_name_over_tls(client: requests.Session) -> None:
    made = client.put(f"{GROUPS}/g{VERSION}", json={"location": "westeurope"})
    assert made.status_code == 201
    assert client.head(f"{GROUPS}/g{VERSION}").status_code == 204
    assert [group["name"] for group in client.get(GROUPS + VERSION).json()["value"]] == ["g"]


def test_an_answer_names_addresses_that_lead_back_through_the_front(
    client: requests.Session,
) -> None:
    client.put(f"{GROUPS}/g{VERSION}", json={"location": "westeurope"})
    location = client.delete(f"{GROUPS}/g{VERSION}").headers["Location"]
    assert location.startswith(MANAGEMENT)
    assert client.get(location).status_code in (200, 202)


def test_a_host_without_a_stand_in_is_refused_by_name(client: requests.Session) -> None:
    answer = client.get("https://outlook.office.com/common")
    assert (answer.status_code, answer.text) == (
        501,
        "the lab has no stand-in for outlook.office.com",
    )


def test_another_port_or_plain_http_is_refused(client: requests.Session) -> None:
    assert client.get("http://management.azure.com/subscriptions").status_code == 403
    with pytest.raises(requests.exceptions.ProxyError, match="403"):
        client.get("https://management.azure.com:8443/subscriptions")


def test_who_does_not_trust_the_authority_is_not_answered(client: requests.Session) -> None:
    client.verify = True
    with pytest.raises(requests.exceptions.SSLError):
        client.get(GROUPS + VERSION)


def test_no_key_is_left_on_disk(client: requests.Session, tmp_path: Path) -> None:
    client.get(GROUPS + VERSION)
    assert [path.name for path in tmp_path.glob("*.pem")] == ["ca.pem"]
    assert "PRIVATE" not in (tmp_path / "ca.pem").read_text()


def test_a_client_that_breaks_off_leaves_no_trace_on_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended, close = threading.Event(), ThreadingHTTPServer.shutdown_request

    def closed(server: ThreadingHTTPServer, request: Any) -> None:
        close(server, request)
        ended.set()

    monkeypatch.setattr(ThreadingHTTPServer, "shutdown_request", closed)
    with tls_front("http://127.0.0.1:9", tmp_path) as proxy:
        address = urlsplit(proxy)
        with socket.create_connection((address.hostname, address.port), timeout=60) as client:
            client.sendall(b"CONNECT management.azure.com:443 HTTP/1.1\r\n\r\n")
            assert b"200" in client.recv(4096)
            client.sendall(b"not TLS")
        assert ended.wait(60)
    assert capsys.readouterr().err == ""

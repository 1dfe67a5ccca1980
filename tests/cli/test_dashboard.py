"""dashboard: a page behind the API server, through a real sshd, with a token that ends with it."""

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cli import controller, dashboard
from cli.__main__ import main
from cli.targets import Target
from cluster import keys
from cluster.kubeconfig import credentials_of, new_kubeconfig
from lab.testing.serving import in_thread
from lab.testing.standins import Azure, azure
from tests.cli.conversation import CLUSTER, KEY, Conversation, Said, cluster
from tests.cli.kubernetes_api import SYSTEM, TOKEN, PlayedApi
from tests.cli.serving import while_served
from tests.clients.ssh import sshd

__all__ = ["azure"]
type Output = pytest.CaptureFixture[str]
START, STOP = f"{CLUSTER}/controller/start", f"{CLUSTER}/controller/stop"
PRIVATE = keys.new_ssh_key()
VAULT = "https://slipway-test.vault.azure.net"
PAGE = b"<html>nodes</html>" + b"x" * 200_000
ACCESS = {
    "vault": VAULT,
    "kubeconfigSecret": "shop-config",
    "apiName": "api",
    "publicAddress": None,
}


class Pages(BaseHTTPRequestHandler):
    """The dashboard's own server, played."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = PAGE if body == b"y" * 90_000 else body
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return


def pod(name: str, ready: str = "True") -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": ready}]
    return {"metadata": {"name": name}, "status": {"conditions": conditions}}


@pytest.fixture
def played(tmp_path: Path) -> Iterator[PlayedApi]:
    pages = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    api = PlayedApi(tmp_path, "shop", ("127.0.0.1", pages.server_port))
    api.objects |= {
        f"{SYSTEM}/pods/headlamp-0": pod("headlamp-0", "False"),
        f"{SYSTEM}/pods/headlamp-1": pod("headlamp-1"),
        f"{SYSTEM}/serviceaccounts/slipway-dashboard": {"metadata": {"uid": "u-0"}},
    }
    with in_thread(pages), in_thread(api.server):
        yield api


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser was told."""
    told: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: told.append(url) or True)
    return told


@pytest.fixture(autouse=True)
def way(
    played: PlayedApi,
    tmp_path: Path,
    talk: Conversation,
    azure: Azure,
    opened: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    daemon = sshd.start(tmp_path / "sshd", keys.public_half(PRIVATE))
    header = azure.facade.identity.header
    target = Target(talk.url, KEY, azure=azure.url, identity_header=header)
    monkeypatch.setattr(dashboard, "target_to_change", lambda _: target)
    monkeypatch.setattr("cli.tunnel.LOOK_SECONDS", 0.05)
    monkeypatch.setattr(controller, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    config = new_kubeconfig("shop", "https://10.0.1.4:6443", played.authority)
    for name, value in (("shop-ssh", PRIVATE), ("shop-config", config)):
        secret = {"version": "1", "value": value, "tags": {}, "created": 1}
        azure.facade.vault.secrets[name] = [secret]
    ssh = {
        "host": "127.0.0.1",
        "port": daemon.port,
        "user": daemon.user,
        "hostKey": daemon.host_key,
        "keySecret": "shop-ssh",
        "vault": VAULT,
    }
    running = {
        "name": "shop",
        "state": "running",
        "controller": "shop-controller",
        "started": True,
        "ssh": ssh,
        "api": {"host": "127.0.0.1", "port": played.port},
    }
    talk.says("POST", START, Said(200, running))
    talk.says("POST", STOP, Said(202, running | {"state": "deallocating"}))
    says_spec(talk, {"addOns": {"dashboard": True}})
    yield
    daemon.stop()


def says_spec(talk: Conversation, spec: dict[str, Any]) -> None:
    talk.says("GET", CLUSTER, cluster("ready", spec=spec, access=ACCESS))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def bonds(played: PlayedApi) -> list[str]:
    return [path for path in played.objects if path.startswith(f"{SYSTEM}/secrets/")]


@pytest.mark.parametrize("split", [False, True], ids=["whole", "in pieces, with pings"])
def test_the_page_comes_through_and_the_token_ends_with_the_command(
    played: PlayedApi,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Output,
    opened: list[str],
    split: bool,
) -> None:
    port, played.split, said = free_port(), split, list[bytes]()
    during: list[list[str]] = []

    def use() -> None:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        for body in (b"y" * 90_000, b"short", b"z" * 300):
            client.request("POST", "/", body)
            said.append(client.getresponse().read())
        during.append(bonds(played))
        client.close()
        assert played.closed.wait(10), "the pod's side is closed with the browser's"

    while_served(monkeypatch, dashboard, use)
    assert main(["dashboard", "shop", "--port", str(port)]) == 0
    assert said == [PAGE, b"short", b"z" * 300]
    assert ("GET", f"{SYSTEM}/pods/headlamp-1/portforward") in played.asked
    (bond,) = during[0]
    assert bonds(played) == []
    out, err = capsys.readouterr()
    assert out == f"{TOKEN}\n"
    assert TOKEN not in err
    assert opened == [f"http://127.0.0.1:{port}/"]
    assert "Ctrl-C ends it and deallocates shop-controller" in err
    request = played.bodies[f"{SYSTEM}/serviceaccounts/slipway-dashboard/token"]["spec"]
    assert request["expirationSeconds"] == 3600
    assert request["boundObjectRef"]["name"] == bond.rpartition("/")[2]
    assert request["boundObjectRef"]["uid"] == "u-1"
    stored = played.bodies[f"{SYSTEM}/secrets"]
    assert not {"data", "stringData"} & set(stored)
    assert stored["metadata"]["ownerReferences"][0]["uid"] == "u-0"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 1).close()


def test_without_a_browser_it_prints_the_address_only(
    monkeypatch: pytest.MonkeyPatch, capsys: Output, opened: list[str]
) -> None:
    port = free_port()
    while_served(monkeypatch, dashboard, lambda: None)
    argv = ["dashboard", "shop", "--port", str(port), "--no-browser", "--hours", "12"]
    assert main(argv) == 0
    assert opened == []
    assert f"http://127.0.0.1:{port}/" in capsys.readouterr().err


def test_a_token_that_ended_ends_the_command(
    played: PlayedApi, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    serve = dashboard.serve
    monkeypatch.setattr(dashboard, "serve", lambda found, way, _: serve(found, way, 0.1))
    assert main(["dashboard", "shop", "--port", str(free_port())]) == 0
    assert "the token ended after 1 h" in capsys.readouterr().err
    assert bonds(played) == []


@pytest.mark.parametrize(
    "spec", [{}, {"addOns": {"metrics": True}}, {"addOns": {"dashboard": False}}]
)
def test_a_cluster_without_a_dashboard_is_told_and_its_controller_left_alone(
    talk: Conversation, capsys: Output, spec: dict[str, Any]
) -> None:
    says_spec(talk, spec)
    assert main(["dashboard", "shop"]) == 1
    assert "apply the spec with addOns.dashboard: true" in capsys.readouterr().err
    assert not any(asked.path == START for asked in talk.asked)


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("pods/headlamp-1", "no pod of the dashboard is ready (1 in all)"),
        ("serviceaccounts/slipway-dashboard", "no account for the dashboard: apply its spec again"),
    ],
)
def test_what_the_cluster_lacks_is_told_and_the_controller_goes_down_again(
    played: PlayedApi, talk: Conversation, capsys: Output, missing: str, told: str
) -> None:
    del played.objects[f"{SYSTEM}/{missing}"]
    assert main(["dashboard", "shop", "--port", str(free_port())]) == 1
    assert told in capsys.readouterr().err
    assert any(asked.path == STOP for asked in talk.asked)
    assert bonds(played) == []


def test_sessions_that_were_killed_are_ended_once_their_tokens_have(
    played: PlayedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    for name, ends in (("old", now - timedelta(hours=1)), ("other", now + timedelta(hours=1))):
        metadata = {"name": name, "annotations": {dashboard.ENDS: ends.isoformat()}}
        played.objects[f"{SYSTEM}/secrets/{name}"] = {"metadata": metadata}
    while_served(monkeypatch, dashboard, lambda: None)
    assert main(["dashboard", "shop", "--port", str(free_port())]) == 0
    assert bonds(played) == [f"{SYSTEM}/secrets/other"], "another session that may be open"


def test_a_pod_that_does_not_listen_is_told_and_others_are_served_on(
    played: PlayedApi, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    port = free_port()

    def use() -> None:
        played.fault = "connection refused"
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        with suppress(OSError):
            client.request("POST", "/", b"a")
        with pytest.raises((http.client.HTTPException, OSError)):
            client.getresponse()
        played.fault = ""
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        client.request("POST", "/", b"a")
        assert client.getresponse().read() == b"a"
        client.close()

    while_served(monkeypatch, dashboard, use)
    assert main(["dashboard", "shop", "--port", str(port)]) == 0
    assert "the pod's port: connection refused" in capsys.readouterr().err


def test_an_api_server_of_another_authority_gets_nothing(
    played: PlayedApi, azure: Azure, capsys: Output
) -> None:
    config = new_kubeconfig("shop", "https://10.0.1.4:6443", keys.new_authority("kubernetes"))
    secret = {"version": "2", "value": config, "tags": {}, "created": 1}
    azure.facade.vault.secrets["shop-config"] = [secret]
    assert main(["dashboard", "shop", "--port", str(free_port())]) == 4
    assert "certificate verify failed" in capsys.readouterr().err
    assert played.asked == []


def test_a_secret_that_is_no_kubeconfig_is_not_shown(azure: Azure, capsys: Output) -> None:
    secret = {"version": "2", "value": "users: [hunter2]", "tags": {}, "created": 1}
    azure.facade.vault.secrets["shop-config"] = [secret]
    assert main(["dashboard", "shop", "--port", str(free_port())]) == 1
    err = capsys.readouterr().err
    assert "not a kubeconfig with a client certificate" in err
    assert "hunter2" not in err


def test_the_credentials_are_those_of_the_kubeconfig() -> None:
    authority = keys.new_authority("kubernetes")
    found = credentials_of(new_kubeconfig("shop", "https://10.0.1.4:6443", authority))
    assert found.authority == authority[1]
    assert found.server_name.startswith("api.shop.")
    assert ssl.PEM_cert_to_DER_cert(found.certificate)
    assert "PRIVATE KEY" in found.key

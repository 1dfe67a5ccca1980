"""Whether machines answer is asked of sockets here: an etcd over TLS, a kubelet's port, silence."""

import errno
import http.server
import json
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FILES = Path(__file__).parents[2] / "playbooks/roles/verify/files"


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(FILES)
    for name in ("cluster_network", "cluster_troubles"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import cluster_network  # noqa: PLC0415 -- a program of a node, found by its path

    monkeypatch.setattr(cluster_network, "ASK_SECONDS", 0.5)
    return cluster_network


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    folder = tmp_path_factory.mktemp("pki")
    paths = folder / "tls.crt", folder / "tls.key"
    subject = ["-subj", "/CN=etcd", "-addext", "subjectAltName=IP:127.0.0.1"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    files = ["-out", str(paths[0]), "-keyout", str(paths[1])]
    done = subprocess.run(
        ["openssl", "req", "-x509", *kind, *subject, *files], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return paths


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that is ready, or says what the file `kubectl.said` has."""
    program = tmp_path / "kubectl"
    program.write_text(
        '#!/bin/sh\ncase "$*" in "--kubeconfig=config --server=https://127.0.0.1:6443 '
        "--tls-server-name=kubernetes --request-timeout=4s get "
        '--raw=/readyz?verbose") test -e "$0.said" || exit 0; cat "$0.said" >&2; exit 1;; '
        '*) echo "$*" >&2; exit 2;; esac\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return program


@contextmanager
def member(certificate: tuple[Path, Path], status: int, health: Any) -> Iterator[str]:
    """An etcd member that asks for a client certificate. Yields its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(health).encode() if self.path == "/health" else b"?"
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    context.load_verify_locations(certificate[0])
    context.verify_mode = ssl.CERT_REQUIRED
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def mute() -> Iterator[str]:
    """A port on which connections are made and nothing is said. Yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def manifest(tmp_path: Path, certificate: tuple[Path, Path], *addresses: str) -> Path:
    path = tmp_path / "kube-apiserver.yaml"
    servers = ",".join(f"https://{address}" for address in addresses)
    path.write_text(
        "spec:\n  containers:\n  - command:\n    - kube-apiserver\n"
        f"    - --etcd-cafile={certificate[0]}\n    - --etcd-certfile={certificate[0]}\n"
        f"    - --etcd-keyfile={certificate[1]}\n    - --etcd-servers={servers}\n"
    )
    return path


@pytest.mark.usefixtures("kubectl")
def test_each_member_of_etcd_has_its_health(
    network: ModuleType, tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    with (
        member(certificate, 200, {"health": "true", "reason": ""}) as well,
        member(certificate, 503, {"health": "false", "reason": "RAFT NO LEADER"}) as lost,
        member(certificate, 200, {"health": "false", "reason": "ALARM NOSPACE"}) as full,
        mute() as silent,
    ):
        path = manifest(tmp_path, certificate, well, lost, full, silent)
        view = network.Network("config", path).look({})
    assert view.members == {
        well: "",
        lost: "unhealthy (status 503)",
        full: "unhealthy (ALARM NOSPACE)",
        silent: "no answer",
    }
    text = view.described()
    assert text.startswith(f"readyz: ok; etcd: 1 of 4 members healthy ({lost}: unhealthy (status")


@pytest.mark.usefixtures("kubectl")
def test_a_member_that_refuses_or_shows_another_certificate_is_not_silent(
    network: ModuleType, tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = f"127.0.0.1:{listener.getsockname()[1]}"
    with member(certificate, 200, {"health": "true"}) as well:
        port = well.rpartition(":")[2]
        path = manifest(tmp_path, certificate, closed, f"localhost:{port}")
        found = network.Network("config", path).look({}).members
    assert "refused" in found[closed]
    assert "certificate" in found[f"localhost:{port}"]


@pytest.mark.usefixtures("kubectl")
def test_without_a_manifest_nothing_is_said_of_etcd(network: ModuleType, tmp_path: Path) -> None:
    view = network.Network("config", tmp_path / "none").look({})
    assert view.described() == "readyz: ok; etcd: 0 of 0 members healthy"
    assert view.fault() == ""


@pytest.mark.usefixtures("kubectl")
def test_a_refused_connection_is_an_answer_and_a_lost_one_is_not(
    network: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = {
        "10.0.0.1": ConnectionRefusedError(errno.ECONNREFUSED, "refused"),
        "10.0.0.2": TimeoutError("timed out"),
        "10.0.0.3": OSError(errno.EHOSTUNREACH, "no route"),
        "10.0.0.4": OSError(errno.ENETUNREACH, "no network"),
    }

    def connect(place: tuple[str, int], timeout: float) -> None:
        assert place[1] == 10250
        assert timeout == 0.5
        raise failures[place[0]]

    monkeypatch.setattr(network.socket, "create_connection", connect)
    nodes = {f"n{address[-1]}": address for address in failures}
    view = network.Network("config", Path("none")).look(nodes)
    assert view.silent == ["n2", "n3", "n4"]
    told = "the kubelet of n2, the kubelet of n3, the kubelet of n4"
    assert view.fault() == f"the network is cut, or machines are off: no answer from {told}"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "Error from server (InternalError): an error on the server "
            '("[+]ping ok\\n[-]etcd failed: reason withheld\\n[-]etcd-readiness failed: reason '
            'withheld\\n[+]x ok\\nreadyz check failed") has prevented the request',
            "etcd, etcd-readiness failed",
        ),
        ("The connection to the server was refused - did you", "The connection to the server was"),
        ("", "no answer"),
    ],
)
def test_readyz_is_told_by_the_checks_that_failed(
    network: ModuleType, said: str, told: str
) -> None:
    assert network.failed_checks(said).startswith(told)


def test_readyz_is_asked_of_kubectl(network: ModuleType, kubectl: Path) -> None:
    asked = network.Network("config", Path("none"))
    assert asked.look({}).readiness == ""
    kubectl.with_name("kubectl.said").write_text("[-]etcd failed: x")
    assert asked.look({}).readiness == "etcd failed"

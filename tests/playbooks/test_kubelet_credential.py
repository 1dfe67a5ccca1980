"""Why a kubelet cannot sign in is found before anything waits for it."""

import base64
import datetime
import io
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PROGRAM = Path(__file__).parents[2] / "playbooks/roles/kubeadm/files/kubelet-credential.py"
NODE = "demo-worker-0"
DAY = datetime.timedelta(days=1)


def name(common: str, organization: str = "") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common)])


class Authority:
    def __init__(self, common: str = "kubernetes") -> None:
        self.key, self.name = ec.generate_private_key(ec.SECP256R1()), name(common)
        self.pem = pem(
            self.builder(self.name, self.key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )

    def builder(self, subject: x509.Name, key: Any, begin: int = -3, end: int = 3) -> Any:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begin * DAY)
            .not_valid_after(now + end * DAY)
        )

    def client(
        self,
        common: str = f"system:node:{NODE}",
        group: str = "system:nodes",
        usage: str = "client",
        **days: int,
    ) -> tuple[bytes, bytes]:
        """A certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        used = {
            "client": x509.ExtendedKeyUsageOID.CLIENT_AUTH,
            "server": x509.ExtendedKeyUsageOID.SERVER_AUTH,
        }[usage]
        built = self.builder(name(common, group), key.public_key(), **days)
        signed = built.add_extension(x509.ExtendedKeyUsage([used]), critical=True).sign(
            self.key, hashes.SHA256()
        )
        plain = serialization.NoEncryption()
        form = serialization.PrivateFormat.PKCS8
        return pem(signed), key.private_bytes(serialization.Encoding.PEM, form, plain)


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


AUTHORITY = Authority()


@pytest.fixture
def fault() -> Any:
    return runpy.run_path(str(PROGRAM))["fault"]


def by_path(folder: Path, certificate: bytes, key: bytes, authority: bytes = AUTHORITY.pem) -> Path:
    """A kubeconfig as a kubelet that renews its certificate has it: one file for both."""
    current = folder / "kubelet-client-current.pem"
    current.write_bytes(certificate + key)
    return written(folder, f"client-certificate: {current}", f"client-key: {current}", authority)


def written(folder: Path, certificate: str, key: str, authority: bytes) -> Path:
    config = folder / "kubelet.conf"
    encoded = base64.b64encode(authority).decode()
    config.write_text(
        "apiVersion: v1\nclusters:\n- cluster:\n"
        f"    certificate-authority-data: {encoded}\n    server: https://api:6443\n  name: demo\n"
        f"users:\n- name: default-auth\n  user:\n    {certificate}\n    {key}\n"
    )
    return config


def test_a_valid_credential_has_no_fault(fault: Any, tmp_path: Path) -> None:
    certificate, key = AUTHORITY.client()
    assert fault(by_path(tmp_path, certificate, key), NODE, AUTHORITY.pem) == ""
    encoded = [base64.b64encode(part).decode() for part in (certificate, key)]
    config = written(
        tmp_path,
        f"client-certificate-data: {encoded[0]}",
        f"client-key-data: {encoded[1]}",
        AUTHORITY.pem,
    )
    assert fault(config, NODE, AUTHORITY.pem + b"\n") == ""


def test_a_clock_that_is_behind_and_lines_of_another_length_are_no_fault(
    fault: Any, tmp_path: Path
) -> None:
    """A fault costs the node its pods."""
    config = by_path(tmp_path, *AUTHORITY.client(begin=1))
    assert fault(config, NODE, AUTHORITY.pem.replace(b"\n", b"\r\n")) == ""


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda: AUTHORITY.client(end=-1), "certificate has ended"),
        (lambda: Authority().client(), "not valid"),
        (lambda: AUTHORITY.client(usage="server"), "not valid"),
        (lambda: AUTHORITY.client("system:node:demo-worker-1"), "is that of CN=system:node:demo-"),
        (lambda: AUTHORITY.client(group="system:masters"), "is that of"),
        (lambda: (AUTHORITY.client()[0], AUTHORITY.client()[1]), "does not belong"),
        (lambda: (b"", AUTHORITY.client()[1]), "not valid"),
        (lambda: (b"half a certif", AUTHORITY.client()[1]), "not valid"),
        (lambda: (AUTHORITY.client()[0], b""), "does not belong"),
    ],
    ids=[
        "ended", "another authority", "for servers", "another node", "another group",
        "another key", "no certificate", "cut", "no key",
    ],
)  # fmt: skip
def test_what_keeps_a_kubelet_from_signing_in_is_told(
    fault: Any, tmp_path: Path, made: Any, told: str
) -> None:
    assert told in fault(by_path(tmp_path, *made()), NODE, AUTHORITY.pem)


def test_missing_files_and_another_cluster_are_told(fault: Any, tmp_path: Path) -> None:
    assert "kubelet.conf is missing" in fault(tmp_path / "kubelet.conf", NODE, AUTHORITY.pem)
    other = by_path(tmp_path, *AUTHORITY.client(), Authority().pem)
    assert "another authority than the cluster" in fault(other, NODE, AUTHORITY.pem)
    config = by_path(tmp_path, *AUTHORITY.client())
    (tmp_path / "kubelet-client-current.pem").unlink()
    assert "names a client certificate or key that is missing" in fault(config, NODE, AUTHORITY.pem)


@pytest.mark.parametrize("ends", [True, False], ids=["a rotation", "a fault"])
def test_only_a_fault_that_is_found_twice_is_told(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    ends: bool,
) -> None:
    certificate, key = AUTHORITY.client()
    config = by_path(tmp_path, certificate, AUTHORITY.client()[1])
    pauses: list[float] = []

    def rotate(seconds: float) -> None:
        pauses.append(seconds)
        if ends:
            by_path(tmp_path, certificate, key)

    monkeypatch.setattr("time.sleep", rotate)
    main = runpy.run_path(str(PROGRAM))["main"]
    monkeypatch.setitem(main.__globals__, "CONFIG", config)
    monkeypatch.setattr(sys, "argv", ["program", NODE])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(AUTHORITY.pem)))
    main()
    assert len(pauses) == 1
    assert ("does not belong" in capsys.readouterr().out) is not ends

"""The program that names certificates that end soon, on real certificates of openssl."""

import base64
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from activities.examine_machines import RENEWED_DAYS
from cluster.on_node import program
from dev.paths import ROOT

ROLES = ROOT / "playbooks" / "roles"


def certificate(path: Path, days: int) -> bytes:
    """Writes a certificate that ends in so many days, and returns it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=365))
        .not_valid_after(now + timedelta(days=days, hours=1))
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(made.public_bytes(Encoding.PEM))
    return path.read_bytes()


def due(*places: dict[str, Any]) -> list[dict[str, str]]:
    done = subprocess.run(
        [sys.executable, "-c", program("certificates")],
        input=json.dumps(places).encode(),
        check=True,
        capture_output=True,
    )
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


def test_those_that_end_within_the_days_are_named_the_first_to_end_first(tmp_path: Path) -> None:
    for name, days in (("server", 40), ("peer", 12), ("ca", 3650)):
        certificate(tmp_path / f"{name}.crt", days)
    found = due({"path": f"{tmp_path}/*.crt", "days": 85})
    assert [Path(one["path"]).name for one in found] == ["peer.crt", "server.crt"]
    assert all(one["ends"].startswith("20") for one in found)
    assert due({"path": f"{tmp_path}/*.crt", "days": 10}) == []


def test_one_that_has_ended_is_due(tmp_path: Path) -> None:
    certificate(tmp_path / "peer.crt", -3)
    (found,) = due({"path": f"{tmp_path}/peer.crt", "days": 1})
    assert found["path"].endswith("peer.crt")


def test_the_certificate_inside_a_kubeconfig_is_looked_at(tmp_path: Path) -> None:
    pem = base64.b64encode(certificate(tmp_path / "x", 12)).decode()
    text = f"users:\n- name: admin\n  user:\n    client-certificate-data: {pem}\n"
    (tmp_path / "admin.conf").write_text(text)
    (tmp_path / "kubelet.conf").write_text("    client-certificate: /var/lib/kubelet/pki/x.pem\n")
    (found,) = due({"path": f"{tmp_path}/*.conf", "days": 85})
    assert found["path"].endswith("admin.conf")


@pytest.mark.parametrize("content", [b"", b"no certificate", b"client-certificate-data: !\n"])
def test_a_file_without_a_readable_certificate_is_due(tmp_path: Path, content: bytes) -> None:
    for name in ("a.crt", "b.conf"):
        (tmp_path / name).write_bytes(content)
    found = due({"path": f"{tmp_path}/a.crt", "days": 1})
    assert [one["ends"] for one in found] == ["unreadable: no certificate"]


def test_a_place_without_files_is_well(tmp_path: Path) -> None:
    assert due({"path": f"{tmp_path}/*.crt", "days": 85}) == []


def test_what_is_due_is_what_the_full_pass_would_have_renewed() -> None:
    """Otherwise a certificate would be a finding that nothing ends."""
    for role, field in (
        ("certificates", "certificates_renewal_days"),
        ("control_plane", "control_plane_renewal_days"),
    ):
        defaults = yaml.safe_load((ROLES / role / "defaults" / "main.yml").read_text())
        assert defaults[field] > RENEWED_DAYS

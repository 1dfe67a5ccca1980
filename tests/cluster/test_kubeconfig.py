"""The administrator's kubeconfig: what it contains, and when it is created again."""

import base64
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import keys, kubeconfig

SERVER = "https://127.0.0.1:6443"
AUTHORITY = keys.new_authority("demo kubernetes")
MADE = kubeconfig.new_kubeconfig("demo", SERVER, AUTHORITY)
NOW = datetime.now(UTC)


def part(text: str, holder: str, inner: str, field: str) -> str:
    found: dict[str, Any] = yaml.safe_load(text)[holder][0][inner]
    return base64.b64decode(found[field]).decode()


def certificate() -> str:
    return part(MADE, "users", "user", "client-certificate-data")


def test_openssl_takes_the_certificate_as_a_clients_from_that_authority(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text(AUTHORITY[1])
    (tmp_path / "client.crt").write_text(certificate())
    verify = ["openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", "ca.crt"]
    subprocess.run([*verify, "client.crt"], cwd=tmp_path, check=True, capture_output=True)
    show = ["openssl", "x509", "-noout", "-in", "client.crt"]
    told = subprocess.run(
        [*show, "-subject", "-nameopt", "RFC2253", "-pubkey"],
        cwd=tmp_path, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert "subject=CN=slipway-admin,O=kubeadm:cluster-admins" in told
    own = subprocess.run(
        ["openssl", "pkey", "-pubout"], check=True, capture_output=True, text=True,
        input=part(MADE, "users", "user", "client-key-data"),
    ).stdout  # fmt: skip
    assert own in told
    assert part(MADE, "clusters", "cluster", "certificate-authority-data") == AUTHORITY[1]


def test_the_server_is_asked_for_by_the_apis_one_name_wherever_it_is_reached() -> None:
    for text in (MADE, kubeconfig.with_server(MADE, "https://203.0.113.9:6443")):
        cluster = yaml.safe_load(text)["clusters"][0]["cluster"]
        assert cluster["tls-server-name"] == "api.demo.slipway.internal"
    assert cluster["server"] == "https://203.0.113.9:6443"
    assert yaml.safe_load(MADE)["clusters"][0]["cluster"]["server"] == SERVER


@pytest.mark.parametrize(("age", "good"), [(0, True), (240, True), (250, False), (400, False)])
def test_it_is_kept_until_a_third_of_its_year_is_left(age: int, good: bool) -> None:
    now = NOW + timedelta(days=age)
    assert kubeconfig.still_good(MADE, SERVER, AUTHORITY[1], now) is good


def test_it_is_not_kept_for_another_authority_server_or_content() -> None:
    other = keys.new_authority("demo kubernetes")
    assert not kubeconfig.still_good(MADE, SERVER, other[1], NOW)
    # Another authority's certificate with ours beside it.
    mixed = yaml.safe_load(kubeconfig.new_kubeconfig("demo", SERVER, other))
    trusted = yaml.safe_load(MADE)["clusters"]
    assert not kubeconfig.still_good(
        yaml.safe_dump(mixed | {"clusters": trusted}), SERVER, AUTHORITY[1], NOW
    )
    assert not kubeconfig.still_good(MADE, "https://203.0.113.9:6443", AUTHORITY[1], NOW)
    for broken in ("", "{", "[]", "clusters: []", MADE.replace("LS0t", "!!", 1)):
        assert not kubeconfig.still_good(broken, SERVER, AUTHORITY[1], NOW)


def test_a_certificate_does_not_outlive_its_authority() -> None:
    _, made = keys.new_client_certificate(AUTHORITY, "a", "b", days=365 * 20)
    ends = [
        subprocess.run(
            ["openssl", "x509", "-noout", "-enddate"],
            input=text, check=True, capture_output=True, text=True,
        ).stdout
        for text in (made, AUTHORITY[1])
    ]  # fmt: skip
    assert ends[0] == ends[1]


def test_the_cluster_of_a_kubeconfig_can_be_determined() -> None:
    assert kubeconfig.cluster_of(MADE) == "demo"
    assert kubeconfig.ends_at(MADE) > NOW + timedelta(days=364)
    two = yaml.safe_load(MADE)
    two["clusters"] *= 2
    for other in (yaml.safe_dump(two), "", "apiVersion: v1\nclusters: 3\n", "a: b"):
        with pytest.raises(ValueError, match="not a kubeconfig"):
            kubeconfig.cluster_of(other)

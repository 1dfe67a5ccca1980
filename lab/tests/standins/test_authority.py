"""The certificates of the lab's authority, as Python's strictest TLS client verifies them."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from lab.authority import Authority

VAULT = "slipway-test.vault.azure.net"
LONG = f"{'a' * 60}.{'b' * 60}.vault.azure.net"


def handshake(authority: Authority, host: str, expected: str) -> None:
    """Raises ssl.SSLError if the client does not accept the certificate of `host`."""
    trusting = ssl.create_default_context(cafile=str(authority.certificate))
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(to_client, to_server, server_hostname=expected)
    server = authority.context(host).wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert client.version() == "TLSv1.3"


@pytest.mark.parametrize("host", [VAULT, LONG])
def test_a_strict_client_accepts_the_certificate_of_a_host(tmp_path: Path, host: str) -> None:
    handshake(Authority(tmp_path), host, host)


def test_a_certificate_is_valid_for_its_own_host_only(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(Authority(tmp_path), VAULT, f"other-{VAULT}")


def test_an_authority_is_trusted_for_days_and_not_for_years(tmp_path: Path) -> None:
    found = x509.load_pem_x509_certificate(Authority(tmp_path).certificate.read_bytes())
    assert found.not_valid_after_utc < datetime.now(UTC) + timedelta(days=7)

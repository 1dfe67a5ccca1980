"""The lab's own certificate authority, for clients that use Azure's host names with TLS only."""

import ssl
import threading
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cluster import keys

DAYS = 2
# The longest common name that a certificate may have.
NAME_CHARACTERS = 64


class Authority:
    """A certificate authority, created anew for each TLS front. Its key never leaves the process.
    `certificate` is the file that clients must trust."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._pair = keys.new_authority("Slipway lab", DAYS)
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()
        self.certificate = directory / "ca.pem"
        self.certificate.write_text(self._pair[1], encoding="ascii")

    def context(self, host: str) -> ssl.SSLContext:
        """Returns the server's TLS context for that host name."""
        with self._lock:
            if host not in self._contexts:
                self._contexts[host] = self._made(host)
            return self._contexts[host]

    def _made(self, host: str) -> ssl.SSLContext:
        name = x509.NameAttribute(NameOID.COMMON_NAME, host[:NAME_CHARACTERS])
        purpose = [
            x509.SubjectAlternativeName([x509.DNSName(host)]),
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
        ]
        private, certificate = keys.new_certificate(self._pair, x509.Name([name]), purpose, DAYS)
        # The ssl module reads certificates from files only.
        path = self._directory / "server.pem"
        path.touch(mode=0o600)
        path.write_text(private + certificate, encoding="ascii")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(path)
        finally:
            path.unlink()
        return context

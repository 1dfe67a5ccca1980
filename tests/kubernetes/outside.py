"""What lies outside of a cluster: a registry whose authority nobody knows, and a proxy that writes
down what went through it. Debian's own docker-registry and tinyproxy, and skopeo to push with.

Their packages are unpacked, not installed: installed, they would start services of their own.
"""

import datetime
import ipaddress
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cluster.keys import new_authority
from lab.testing.machines import CACHE, ensure_packages
from tests.lab.conftest import SITE

# Beside the lab's own address, from which machines take the artifacts.
ADDRESS, REGISTRY_PORT, PROXY_PORT = str(SITE.public[2]), 5000, 3128
REGISTRY = f"{ADDRESS}:{REGISTRY_PORT}"
PROXY = f"http://{ADDRESS}:{PROXY_PORT}"
PROGRAMS = {"docker-registry": "docker-registry", "tinyproxy": "tinyproxy-bin"}
REQUEST = re.compile(r"Request \(file descriptor \d+\): (\S+) (\S+)")


@dataclass(frozen=True)
class Outside:
    """`authority` is the PEM of the one behind the registry."""

    authority: str
    directory: Path

    def passed(self) -> list[tuple[str, str]]:
        """Method and target of each request that the proxy got."""
        text = (self.directory / "proxy.log").read_text()
        return [(match[1], match[2]) for match in REQUEST.finditer(text)]

    def served(self) -> list[str]:
        """The registry's log, a line each."""
        return (self.directory / "registry.log").read_text().splitlines()

    def push(self, source: str, image: str) -> None:
        """`source` as skopeo names it; a `dir:` is pushed as it is, so its digest stays."""
        argv = ["skopeo", "--insecure-policy", "copy", f"--dest-cert-dir={self.directory}/trusted"]
        argv += ["--preserve-digests"] if source.startswith("dir:") else []
        direct = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
        subprocess.run([*argv, source, f"docker://{REGISTRY}/{image}"], check=True, env=direct)


@contextmanager
def open_outside(directory: Path) -> Iterator[Outside]:
    """Registry and proxy on an address of this host, the registry without images. Needs the lab's
    link, which takes the address away with itself."""
    ensure_packages(print, ("skopeo",))
    programs = _programs()
    address = ["ip", "addr", "replace", f"{ADDRESS}/32", "dev", SITE.host_link]
    subprocess.run(address, check=True)
    key, authority = new_authority("outside")
    (directory / "trusted").mkdir()
    (directory / "trusted/ca.crt").write_text(authority)
    _serving_certificate(directory, key, authority)
    (directory / "registry.yml").write_text(
        "version: 0.1\nlog: {accesslog: {disabled: false}}\n"
        f"storage: {{filesystem: {{rootdirectory: {directory}/images}}}}\n"
        f"http: {{addr: '{REGISTRY}', tls: "
        f"{{certificate: {directory}/server.crt, key: {directory}/server.key}}}}\n"
    )
    (directory / "proxy.conf").write_text(
        f"Port {PROXY_PORT}\nListen {ADDRESS}\nTimeout 600\nMaxClients 100\nLogLevel Connect\n"
        f'LogFile "{directory}/proxy.log"\n'
    )
    registry = [str(programs["docker-registry"]), "serve", f"{directory}/registry.yml"]
    proxy = [str(programs["tinyproxy"]), "-d", "-c", f"{directory}/proxy.conf"]
    with ExitStack() as stack:
        stack.enter_context(_running(registry, directory / "registry.log", REGISTRY_PORT))
        stack.enter_context(_running(proxy, directory / "proxy.out", PROXY_PORT))
        yield Outside(authority, directory)


def _programs() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for program, package in PROGRAMS.items():
        root = CACHE / "test-programs" / package
        found[program] = root / "usr/bin" / program
        if not found[program].exists():
            root.mkdir(parents=True, exist_ok=True)
            download = ["apt-get", "download", "-qq", package]
            if subprocess.run(download, cwd=root, check=False).returncode:
                subprocess.run(["apt-get", "update", "-qq"], check=True)
                subprocess.run(download, cwd=root, check=True)
            for deb in root.glob("*.deb"):
                subprocess.run(["dpkg-deb", "--extract", str(deb), str(root)], check=True)
    return found


@contextmanager
def _running(argv: list[str], log: Path, port: int) -> Iterator[None]:
    with log.open("wb") as file, subprocess.Popen(argv, stdout=file, stderr=file) as process:
        try:
            until = time.monotonic() + 20
            while True:
                assert process.poll() is None, log.read_text()
                try:
                    socket.create_connection((ADDRESS, port), timeout=1).close()
                    break
                except OSError:
                    assert time.monotonic() < until, f"{argv[0]} does not answer"
                    time.sleep(0.1)
            yield
        finally:
            process.terminate()


def _serving_certificate(directory: Path, authority_key: str, authority: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    signer = serialization.load_pem_private_key(authority_key.encode(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address(ADDRESS))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "registry")]))
        .issuer_name(x509.load_pem_x509_certificate(authority.encode()).subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .sign(signer, hashes.SHA256())
    )
    (directory / "server.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / "server.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )

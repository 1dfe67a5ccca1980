"""The spec's fields for private registries and private authorities. Pure.

Certificates are public and may be part of a spec. Credentials may not: pull credentials belong in
`imagePullSecrets`, which Kubernetes stores encrypted.
"""

import hashlib
import re
from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from cluster.faults import Fault
from cluster.model import Model
from cluster.urls import Url

if TYPE_CHECKING:
    from cryptography import x509

MAX_REGISTRIES = 32
MAX_MIRRORS = 8
MAX_REGISTRY_AUTHORITIES = 4
MAX_TRUSTED = 16
MAX_CERTIFICATE = 8 * 1024
# The controller receives them in its customData, for which Azure accepts 64 KB.
MAX_TRUSTED_BYTES = 24 * 1024

CERTIFICATE_RULE = (
    "the PEM of one CA certificate (-----BEGIN CERTIFICATE-----) of at most "
    f"{MAX_CERTIFICATE} bytes; each certificate of a chain is a separate item"
)
HOST_RULE = (
    "as in an image's name: a name with a dot or an IPv4 address, in lower case, "
    "with a port from 1 to 65535 where it is not the usual one (registry.example.com:5000)"
)
CREDENTIALS_RULE = (
    "host, mirrors and caCertificates; specs are stored in the open, so pull credentials belong "
    "into imagePullSecrets"
)

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"({_LABEL}(?:\.{_LABEL})*)(?::([1-9][0-9]{{0,4}}))?")
# The hosts of Docker Hub. The names of its images have the first one.
_DOCKER_HUB = ("docker.io", frozenset({"index.docker.io", "registry-1.docker.io"}))


def _refuse(message: str, rule: str) -> PydanticCustomError:
    """Returns the error for an invalid value.

    The error never contains the value, which may be a secret by mistake.
    """
    return PydanticCustomError("slipway_trust", message, {"expected": rule})  # pyright: ignore[reportArgumentType]


def _certificate(value: str) -> str:
    """Returns the certificate as canonical PEM, so that text around it is not stored."""
    # Imported where it is used: the command line checks specs without this package.
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    if "PRIVATE KEY" in value:
        raise _refuse("contains a private key; a spec must not contain one", CERTIFICATE_RULE)
    if len(value) > MAX_CERTIFICATE:
        raise _refuse(f"has {len(value)} characters", CERTIFICATE_RULE)
    try:
        found = x509.load_pem_x509_certificates(value.encode())
    except ValueError:
        raise _refuse("is not a certificate in PEM", CERTIFICATE_RULE) from None
    if len(found) != 1:
        raise _refuse(f"contains {len(found)} certificates", CERTIFICATE_RULE)
    if not _signs_certificates(found[0]):
        raise _refuse(
            "is not the certificate of an authority (basicConstraints CA, keyUsage keyCertSign)",
            CERTIFICATE_RULE,
        )
    return found[0].public_bytes(serialization.Encoding.PEM).decode()


def _signs_certificates(certificate: "x509.Certificate") -> bool:
    from cryptography import x509

    try:
        extensions = certificate.extensions
        basic = extensions.get_extension_for_class(x509.BasicConstraints)
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
        return False
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage)
    except x509.ExtensionNotFound:
        return basic.value.ca
    return basic.value.ca and usage.value.key_cert_sign


def _host(value: str) -> str:
    match = _HOST.fullmatch(value)
    if not match or len(match[1]) > 253 or int(match[2] or 443) > 65535:
        raise _refuse("is not a registry's host", HOST_RULE)
    name = match[1]
    if name.rpartition(".")[2].isdigit():
        try:
            IPv4Address(name)
        except ValueError:
            raise _refuse("is neither a name nor an IPv4 address", HOST_RULE) from None
    if "." not in name and not match[2] and name != "localhost":
        raise _refuse("would be taken for a part of an image's name", HOST_RULE)
    canonical, others = _DOCKER_HUB
    if name in others:
        raise _refuse("is not the name that its images go by", f"{canonical}, for Docker Hub")
    return value


Certificate = Annotated[
    str,
    AfterValidator(_certificate),
    Field(examples=["-----BEGIN CERTIFICATE-----\n...\n-----END CERTIFICATE-----\n"]),
]
RegistryHost = Annotated[
    str,
    AfterValidator(_host),
    Field(examples=["registry.example.com:5000"]),
]


class Registry(Model):
    """How the nodes reach one image registry. Credentials of the registry belong in the pods'
    imagePullSecrets, not here."""

    host: RegistryHost = Field(description="Host of the registry, " + HOST_RULE + ".")
    mirrors: tuple[Url, ...] = Field(
        default=(),
        max_length=MAX_MIRRORS,
        examples=[["https://mirror.example.com/v2/docker-hub"]],
        description="Asked in this order before the registry itself. With a path, that is the "
        "root of its API: https://mirror.example.com/v2/docker-hub.",
    )
    ca_certificates: tuple[Certificate, ...] = Field(
        default=(),
        max_length=MAX_REGISTRY_AUTHORITIES,
        description="Trusted for this registry and its mirrors only, besides the system's "
        "authorities. Each: " + CERTIFICATE_RULE + ".",
    )


def trusted_name(certificate: str) -> str:
    """Returns the file name of a trusted certificate. It is the same on every machine."""
    return f"slipway-{hashlib.sha256(certificate.encode()).hexdigest()[:16]}.crt"


def trust_faults(registries: tuple[Registry, ...], trusted: tuple[str, ...]) -> Iterator[Fault]:
    """Yields the faults of registries and certificates that are each well-formed."""
    for index, registry in enumerate(registries):
        path = f"registries[{index}]"
        if registry.host in [other.host for other in registries[:index]]:
            message = f"'{registry.host}' is named twice"
            yield Fault(path=f"{path}.host", message=message, allowed="each registry once")
        if not registry.mirrors and not registry.ca_certificates:
            message = "says nothing about the registry"
            yield Fault(path=path, message=message, allowed="mirrors, caCertificates or both")
        yield from _repeated(f"{path}.mirrors", registry.mirrors)
        yield from _repeated(f"{path}.caCertificates", registry.ca_certificates)
    yield from _repeated("trustedCertificates", trusted)
    if (size := sum(len(certificate) for certificate in trusted)) > MAX_TRUSTED_BYTES:
        yield Fault(
            path="trustedCertificates",
            message=f"{size} bytes in all",
            allowed=f"at most {MAX_TRUSTED_BYTES}",
        )


def _repeated(path: str, values: tuple[str, ...]) -> Iterator[Fault]:
    for index, value in enumerate(values):
        if value in values[:index]:
            yield Fault(path=f"{path}[{index}]", message="is named twice", allowed="each once")

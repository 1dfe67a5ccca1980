"""Keys and certificates as text. The product creates its keys here and stores them in the vault
only."""

import base64
import datetime
import secrets

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS = 3650
# Certificates are valid from a little before now, for machines whose clocks are slow.
CLOCK_TOLERANCE = datetime.timedelta(hours=1)


def new_ssh_key() -> str:
    """Returns a new Ed25519 private key in OpenSSH's format."""
    key = ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    ).decode()


def public_half(private_key: str) -> str:
    """Returns the public key, `ssh-ed25519 AAAA…`, of a private key in OpenSSH's format."""
    key = serialization.load_ssh_private_key(private_key.encode(), password=None)
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return public.decode()


def new_signing_pair() -> tuple[str, str]:
    """Returns a new (private key, public key) for signing service account tokens, both PEM,
    P-256."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return _pem(key), public.decode()


def new_encryption_key() -> str:
    """Returns 32 random bytes in base64, for `secretbox`."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def new_authority(name: str, days: int = AUTHORITY_DAYS) -> tuple[str, str]:
    """Returns the (private key, certificate) of a new certificate authority, both PEM.

    The curve is P-256: every TLS stack in the cluster supports it, and signing is fast.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_TOLERANCE)
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(digital_signature=True, signs_others=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pem(key), certificate.public_bytes(serialization.Encoding.PEM).decode()


def new_client_certificate(
    authority: tuple[str, str], name: str, group: str, days: int
) -> tuple[str, str]:
    """Returns a new (private key, certificate) for signing in to the API, both PEM.

    Args:
        authority: (private key, certificate) of the authority that the API trusts, both PEM.
        name: the client's name (CN).
        group: the client's group (O). The group's bindings grant its permissions.
        days: the validity in days. It never exceeds the authority's own.

    Raises:
        TypeError: the authority's key is not an elliptic curve key.
    """
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, group),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    return new_certificate(authority, subject, [purpose], days)


def new_certificate(
    authority: tuple[str, str],
    subject: x509.Name,
    extensions: list[x509.ExtensionType],
    days: int,
) -> tuple[str, str]:
    """Returns a new (private key, certificate) that the authority signed, both PEM. `extensions`
    state what it is for. The validity never exceeds the authority's own.

    Raises:
        TypeError: the authority's key is not an elliptic curve key.
    """
    signer = serialization.load_pem_private_key(authority[0].encode(), password=None)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key is not an elliptic curve key")
    issuer = x509.load_pem_x509_certificate(authority[1].encode())
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    end = min(now + datetime.timedelta(days=days), issuer.not_valid_after_utc)
    signed_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_TOLERANCE)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
    )
    for extension in (*extensions, signed_by):
        builder = builder.add_extension(extension, critical=False)
    certificate = builder.sign(signer, hashes.SHA256())
    return _pem(key), certificate.public_bytes(serialization.Encoding.PEM).decode()


def _usage(*, digital_signature: bool = False, signs_others: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=signs_others,
        crl_sign=signs_others,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()

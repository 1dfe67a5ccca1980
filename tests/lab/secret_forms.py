"""Every form in which a known secret may show itself, as byte patterns without newline and NUL.

A secret is cut into pieces of about 16 bytes and any of them is a finding: line breaks of PEM and
of wrapped base64 cannot fall into all of them.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PIECE = 16
HOST_KEYS = re.compile(r"(?P<cluster>.+)-[0-9a-f]{8}-host-keys-(?P<pool>.+)-\d+")
OTHERS = re.compile(
    r".+-[0-9a-f]{8}-(?P<what>ssh-key|ca-.+|service-accounts|encryption|kubeconfig)"
)
# A kubeconfig is common text but for this.
CLIENT_KEY = re.compile(r"client-key-data: *(\S+)")
PUBLIC = ("-----BEGIN CERTIFICATE", "-----BEGIN PUBLIC KEY", "ssh-ed25519 ")

# Pattern to the names of the secrets that it belongs to.
type Forms = dict[bytes, set[str]]


def forms_of_vault(secrets: dict[str, list[dict[str, Any]]]) -> Forms:
    """All versions of all secrets. Names: `host key NODE`, `ssh-key`, `ca-etcd`, …, or the vault's.

    Raises:
        ValueError: a secret is too short to be searched for.
    """
    forms: Forms = {}
    for name, versions in secrets.items():
        for version in versions:
            for key, value in _leaves(version["value"]):
                for material in _materials(value):
                    add(forms, _called(name, key), material)
    return forms


def add(forms: Forms, name: str, material: bytes) -> None:
    """One more secret, in all its forms."""
    if len(material) < PIECE:
        raise ValueError(f"{name}: {len(material)} bytes are too few to be told from chance")
    for piece in _pieces(material):
        for form in _forms(piece):
            forms.setdefault(form, set()).add(name)


def _called(name: str, key: str) -> str:
    found = HOST_KEYS.fullmatch(name)
    if found:
        # The one controller has no number in its name.
        number = "" if (found["pool"], key) == ("controller", "0") else f"-{key}"
        return f"host key {found['cluster']}-{found['pool']}{number}"
    other = OTHERS.fullmatch(name)
    return other["what"] if other else name


def _leaves(value: str) -> Iterator[tuple[str, str]]:
    try:
        parsed = json.loads(value)
    except ValueError:
        parsed = value
    if isinstance(parsed, dict):
        yield from ((key, str(leaf)) for key, leaf in parsed.items())
    else:
        yield "", value


def _materials(value: str) -> Iterator[bytes]:
    """What is secret of a value: a private key's own number, a URL's last part, the text."""
    if value.startswith(PUBLIC):
        return
    inside = CLIENT_KEY.search(value)
    if inside:
        value = base64.b64decode(inside[1]).decode()
    if "PRIVATE KEY-----" in value:
        yield _private(value.encode())
        return
    if value.startswith(("http://", "https://")):
        value = value.rpartition("/")[2]
    yield value.encode()
    try:
        decoded = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return
    if len(decoded) >= PIECE:
        yield decoded


def _private(pem: bytes) -> bytes:
    ssh = b"OPENSSH" in pem
    load = serialization.load_ssh_private_key if ssh else serialization.load_pem_private_key
    key = load(pem, password=None)
    if isinstance(key, Ed25519PrivateKey):
        return key.private_bytes_raw()
    assert isinstance(key, EllipticCurvePrivateKey)
    return key.private_numbers().private_value.to_bytes(32)


def _pieces(material: bytes) -> Iterator[bytes]:
    count = len(material) // PIECE
    for number in range(count):
        end = None if number == count - 1 else (number + 1) * PIECE
        yield material[number * PIECE : end]


def _forms(piece: bytes) -> set[bytes]:
    once = base64_forms(piece)
    twice = {form for text in once for form in base64_forms(text)}
    plain = max(re.split(rb"[\n\0]", piece), key=len)
    found = {plain, quote(piece).encode(), piece.hex().encode(), piece.hex().upper().encode()}
    return {form for form in found if len(form) >= PIECE // 2} | once | twice


def base64_forms(piece: bytes) -> set[bytes]:
    """What base64 of any text around the piece holds for certain, at each of three alignments."""
    found: set[bytes] = set()
    for before in range(3):
        text = base64.b64encode(bytes(before) + piece)
        # Characters that also hold bits of a neighbour are left out.
        first, end = (before * 8 + 5) // 6, (before + len(piece)) * 8 // 6
        found |= {text[first:end], text[first:end].translate(bytes.maketrans(b"+/", b"-_"))}
    return found

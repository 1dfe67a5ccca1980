"""Reads a certificate request (PKCS #10) that a kubelet made for its serving certificate.

The reader accepts the bytes of such a request and no others: DER in its only permitted form, two
attributes of the subject, one attribute of the request, one extension. A request with anything else
in it is refused, because another reader could take that for a name. The API server's signer checks
the signature.
"""

import base64
import binascii
import ipaddress
from dataclasses import dataclass

BEGIN, END = b"-----BEGIN CERTIFICATE REQUEST-----\n", b"-----END CERTIFICATE REQUEST-----\n"
LINE_CHARACTERS = 64
INTEGER, BITS, OCTETS, OID, UTF8, PRINTABLE = 0x02, 0x03, 0x04, 0x06, 0x0C, 0x13
SEQUENCE, SET, ATTRIBUTES, DNS_NAME, IP_ADDRESS = 0x30, 0x31, 0xA0, 0x82, 0x87
# Object identifiers as DER has them.
ORGANIZATION, COMMON_NAME = bytes.fromhex("55040a"), bytes.fromhex("550403")
EXTENSION_REQUEST = bytes.fromhex("2a864886f70d01090e")
ALTERNATIVE_NAME = bytes.fromhex("551d11")
# An uncompressed point of the curve P-256, and the signature by such a key with SHA-256.
P256_KEY = bytes.fromhex("301306072a8648ce3d020106082a8648ce3d03010703420004")
P256_KEY_BYTES = len(P256_KEY) + 64
ECDSA_SHA256 = bytes.fromhex("06082a8648ce3d040302")
SUBJECT = {ORGANIZATION: "O", COMMON_NAME: "CN"}


class RequestError(ValueError):
    """The request is not one that a kubelet makes; the message says where it differs."""


@dataclass(frozen=True)
class ServingRequest:
    """What the certificate would say.

    Attributes:
        subject: attributes such as `CN=system:node:worker-0`.
        names: DNS names and IPv4 addresses.
    """

    subject: tuple[str, ...]
    names: tuple[str, ...]


class Elements:
    """The elements of DER content, one after the other."""

    def __init__(self, content: bytes, where: str) -> None:
        self._content, self._where = content, where

    def __bool__(self) -> bool:
        return bool(self._content)

    def next(self) -> tuple[int, bytes]:
        """Tag and content of the next element.

        Raises:
            RequestError: there is none, or its length is not written in the shortest form.
        """
        data = self._content
        if len(data) < 2:
            raise RequestError(f"{self._where} ends early")
        tag, length, start = data[0], data[1], 2
        if tag & 0x1F == 0x1F:
            raise RequestError(f"{self._where} has a tag of several bytes")
        if length > 0x7F:
            start += length - 0x80
            length = int.from_bytes(data[2:start], "big")
            # The content of a request is far below 64 KiB: lengths have two bytes at most.
            if start not in (3, 4) or length < (0x80, 0x100)[start - 3]:
                raise RequestError(f"{self._where} has a length that DER does not permit")
        if len(data) < start + length:
            raise RequestError(f"{self._where} ends early")
        self._content = data[start + length :]
        return tag, data[start : start + length]

    def take(self, tag: int) -> bytes:
        """Content of the next element, which must have this tag."""
        found, content = self.next()
        if found != tag:
            raise RequestError(f"{self._where} has the tag {found:#04x} in place of {tag:#04x}")
        return content

    def end(self) -> None:
        if self._content:
            raise RequestError(f"{self._where} has more than a kubelet asks for")


def only(content: bytes, tag: int, where: str) -> bytes:
    """Content of the only element."""
    elements = Elements(content, where)
    found = elements.take(tag)
    elements.end()
    return found


def read(pem: bytes) -> ServingRequest:
    """The request's subject and names.

    Raises:
        RequestError: it is not a request that a kubelet makes.
    """
    request = Elements(only(unwrap(pem), SEQUENCE, "the request"), "the request")
    info = Elements(request.take(SEQUENCE), "the request's content")
    if request.take(SEQUENCE) != ECDSA_SHA256:
        raise RequestError("the signature is not ECDSA with SHA-256")
    if not request.take(BITS).startswith(b"\0"):
        raise RequestError("the signature is no whole number of bytes")
    request.end()
    if info.take(INTEGER) != b"\0":
        raise RequestError("the request has another version")
    subject = read_subject(info.take(SEQUENCE))
    key = info.take(SEQUENCE)
    if not key.startswith(P256_KEY) or len(key) != P256_KEY_BYTES:
        raise RequestError("the key is not one of the curve P-256")
    names = read_names(info.take(ATTRIBUTES))
    info.end()
    return ServingRequest(subject, names)


def unwrap(pem: bytes) -> bytes:
    """The DER in the only PEM that has it: nothing around the block, no headers, lines of 64."""
    text = pem.removeprefix(BEGIN).removesuffix(END)
    try:
        der = binascii.a2b_base64(text.replace(b"\n", b""), strict_mode=True)
    except binascii.Error:
        der = b""
    if not der or wrap(der) != pem:
        raise RequestError("the request is not a single block of PEM")
    return der


def wrap(der: bytes) -> bytes:
    text = base64.b64encode(der)
    lines = (text[at : at + LINE_CHARACTERS] for at in range(0, len(text), LINE_CHARACTERS))
    return BEGIN + b"".join(line + b"\n" for line in lines) + END


def read_subject(content: bytes) -> tuple[str, ...]:
    found: list[str] = []
    parts = Elements(content, "the subject")
    while parts:
        part = only(parts.take(SET), SEQUENCE, "a part of the subject")
        attribute = Elements(part, "a part of the subject")
        kind = SUBJECT.get(attribute.take(OID))
        tag, value = attribute.next()
        attribute.end()
        if kind is None or tag not in (PRINTABLE, UTF8):
            raise RequestError("the subject has an attribute other than O and CN")
        found.append(f"{kind}={text_of(value)}")
    return tuple(found)


def read_names(content: bytes) -> tuple[str, ...]:
    """The names of the only extension of the only attribute."""
    where = "the list of attributes"
    attribute = Elements(only(content, SEQUENCE, where), where)
    if attribute.take(OID) != EXTENSION_REQUEST:
        raise RequestError("the request has an attribute other than its extensions")
    extensions = only(attribute.take(SET), SEQUENCE, "the list of extensions")
    attribute.end()
    extension = Elements(only(extensions, SEQUENCE, "the list of extensions"), "the extension")
    if extension.take(OID) != ALTERNATIVE_NAME:
        raise RequestError("the request has an extension other than its alternative names")
    value = extension.take(OCTETS)
    extension.end()
    found: list[str] = []
    names = Elements(only(value, SEQUENCE, "the list of names"), "the list of names")
    while names:
        tag, name = names.next()
        if tag == DNS_NAME:
            found.append(text_of(name))
        elif tag == IP_ADDRESS and len(name) == 4:
            found.append(str(ipaddress.IPv4Address(name)))
        else:
            raise RequestError("a name is neither a DNS name nor an IPv4 address")
    if len(set(found)) != len(found):
        raise RequestError("a name is there twice")
    return tuple(found)


def text_of(value: bytes) -> str:
    """Printable ASCII without blanks, which is all that names of nodes are made of."""
    if not value or not all(0x20 < byte < 0x7F for byte in value):
        raise RequestError("a name has characters that no node's name has")
    return value.decode("ascii")

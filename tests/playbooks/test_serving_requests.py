"""Serving certificates are approved only for what a node's own kubelet asks for."""

import base64
import importlib
import json
import random
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AttributeOID, NameOID

FILES = Path(__file__).parents[2] / "playbooks/roles/control_plane/files"
NODES = {"demo-worker-0": "10.0.16.4", "demo-worker-1": "10.0.16.5"}
USER = "system:node:demo-worker-0"
OWN = ("demo-worker-0", "10.0.16.4")
KEY = ec.generate_private_key(ec.SECP256R1())
SUBJECT = ((NameOID.ORGANIZATION_NAME, "system:nodes"), (NameOID.COMMON_NAME, USER))


@pytest.fixture(scope="module")
def programs() -> Iterator[tuple[Any, dict[str, Any]]]:
    """The reader, and the approver as it is on a control plane: beside the reader."""
    sys.path.insert(0, str(FILES))
    try:
        yield (
            importlib.import_module("serving_request"),
            runpy.run_path(str(FILES / "approve-serving.py")),
        )
    finally:
        sys.path.remove(str(FILES))
        sys.modules.pop("serving_request", None)


@pytest.fixture
def refusal(programs: tuple[Any, dict[str, Any]]) -> Callable[..., str]:
    return lambda spec: programs[1]["refusal"](spec, NODES)


def general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def builder(
    names: tuple[str, ...] = OWN, subject: Any = SUBJECT
) -> x509.CertificateSigningRequestBuilder:
    made = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(oid, value) for oid, value in subject])
    )
    alternatives = x509.SubjectAlternativeName([general(name) for name in names])
    return made.add_extension(alternatives, critical=False)


def pem(made: x509.CertificateSigningRequestBuilder, key: Any = KEY, digest: Any = None) -> bytes:
    signed = made.sign(key, digest or hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


def spec(request: bytes, **changes: Any) -> dict[str, Any]:
    """A request as the API server shows it."""
    return {
        "username": USER,
        "groups": ["system:nodes", "system:authenticated"],
        "usages": ["digital signature", "server auth"],
        "request": base64.b64encode(request).decode(),
        **changes,
    }


def openssl(*more: str) -> bytes:
    done = subprocess.run(
        ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", "/dev/null", "-subj", f"/O=system:nodes/CN={USER}", *more],
        check=True, capture_output=True,
    )  # fmt: skip
    return done.stdout


@pytest.mark.parametrize("names", [OWN, OWN[:1], OWN[1:], OWN[::-1]])
def test_a_nodes_own_request_is_approved(
    refusal: Callable[..., str], names: tuple[str, ...]
) -> None:
    assert refusal(spec(pem(builder(names)))) == ""


def test_a_request_of_openssl_with_the_same_contents_is_approved(
    refusal: Callable[..., str],
) -> None:
    asked = openssl("-addext", "subjectAltName=DNS:demo-worker-0,IP:10.0.16.4")
    assert refusal(spec(asked)) == ""


def test_a_request_of_kubelets_own_library_is_approved(refusal: Callable[..., str]) -> None:
    """Made by client-go's certificate manager (Go's crypto/x509) for this node."""
    asked = (Path(__file__).parent / "data/kubelet-serving.csr").read_bytes()
    assert refusal(spec(asked)) == ""


OTHER_NAMES = [
    "kubernetes.default.svc", "10.96.0.1", "127.0.0.1", "demo-worker-1", "10.0.16.5",
    "api.demo.slipway.internal", "*", "demo-worker-0.example", "DEMO-WORKER-0", "::1",
]  # fmt: skip


@pytest.mark.parametrize("other", OTHER_NAMES)
@pytest.mark.parametrize("before", [(), OWN])
def test_any_other_name_is_refused(
    refusal: Callable[..., str], other: str, before: tuple[str, ...]
) -> None:
    assert refusal(spec(pem(builder((*before, other))))) != ""


def test_a_name_of_another_kind_is_refused(refusal: Callable[..., str]) -> None:
    kinds = (
        x509.UniformResourceIdentifier("https://demo-worker-0"),
        x509.RFC822Name("root@demo-worker-0"),
        x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
        x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "demo-worker-0")])),
        x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x0c\x01a"),
    )
    for kind in kinds:
        made = builder()
        empty = x509.CertificateSigningRequestBuilder().subject_name(made._subject_name)
        names = x509.SubjectAlternativeName([general(OWN[0]), kind])
        asked = pem(empty.add_extension(names, critical=False))
        assert "neither a DNS name" in refusal(spec(asked))


IMITATION = (
    "x\n        Requested Extensions:\n            X509v3 Subject Alternative Name: \n"
    "                DNS:demo-worker-0, IP Address:10.0.16.4\n"
)


@pytest.mark.parametrize("attribute", ["unstructuredName", "challengePassword"])
def test_an_attribute_that_imitates_the_extension_is_refused(
    refusal: Callable[..., str], tmp_path: Path, attribute: str
) -> None:
    """The attack: openssl prints the attribute raw, before the extension with other names."""
    identifiers = {
        "unstructuredName": AttributeOID.UNSTRUCTURED_NAME,
        "challengePassword": AttributeOID.CHALLENGE_PASSWORD,
    }
    evil = builder(("kubernetes.default.svc", "10.96.0.1"))
    asked = pem(evil.add_attribute(identifiers[attribute], IMITATION.encode()))
    shown = subprocess.run(
        ["openssl", "req", "-noout", "-text"], input=asked, check=True, capture_output=True
    )
    assert b"DNS:demo-worker-0, IP Address:10.0.16.4" in shown.stdout
    assert refusal(spec(asked)) != ""
    innocent = pem(builder().add_attribute(identifiers[attribute], b"x"))
    assert "attribute" in refusal(spec(innocent))


@pytest.mark.parametrize(
    "extension",
    [
        x509.BasicConstraints(ca=True, path_length=None),
        x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.1")]),
        x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"),
        x509.IssuerAlternativeName([x509.DNSName("kubernetes.default.svc")]),
    ],
    ids=lambda extension: type(extension).__name__,
)
def test_a_further_extension_is_refused(
    refusal: Callable[..., str], extension: x509.ExtensionType
) -> None:
    asked = pem(builder().add_extension(extension, critical=False))
    assert "more than a kubelet asks for" in refusal(spec(asked)) or "extension" in refusal(
        spec(asked)
    )


def test_a_critical_extension_is_refused(refusal: Callable[..., str]) -> None:
    empty = x509.CertificateSigningRequestBuilder().subject_name(builder()._subject_name)
    names = x509.SubjectAlternativeName([general(name) for name in OWN])
    assert refusal(spec(pem(empty.add_extension(names, critical=True)))) != ""


def test_a_request_without_names_is_refused(refusal: Callable[..., str]) -> None:
    assert refusal(spec(openssl())) != ""


@pytest.mark.parametrize(
    "subject",
    [
        (SUBJECT[0],),
        (SUBJECT[1],),
        (*SUBJECT, SUBJECT[0]),
        (*SUBJECT, (NameOID.ORGANIZATION_NAME, "system:masters")),
        (*SUBJECT, (NameOID.COMMON_NAME, "kubernetes-admin")),
        (*SUBJECT, (NameOID.ORGANIZATIONAL_UNIT_NAME, "x")),
        ((NameOID.ORGANIZATION_NAME, "system:masters"), SUBJECT[1]),
        (SUBJECT[0], (NameOID.COMMON_NAME, "system:node:demo-worker-1")),
        (SUBJECT[0], (NameOID.COMMON_NAME, f"{USER}, O=system:masters")),
        (SUBJECT[0], (NameOID.COMMON_NAME, f"{USER}\x00.evil")),
        (SUBJECT[0], (NameOID.COMMON_NAME, f"{USER}é")),
        ((NameOID.ORGANIZATION_NAME, "system:nodes "), SUBJECT[1]),
    ],
)
def test_another_subject_is_refused(refusal: Callable[..., str], subject: Any) -> None:
    assert refusal(spec(pem(builder(subject=subject)))) != ""


@pytest.mark.parametrize(
    "changes",
    [
        {"username": "system:node:stranger"},
        {"username": "system:node:demo-worker-1"},
        {"username": "demo-worker-0"},
        {"username": "system:node:system:node:demo-worker-0"},
        {"username": None},
        {"groups": ["system:authenticated"]},
        {"groups": ["system:nodes", "system:authenticated", "system:masters"]},
        {"groups": None},
        {"usages": ["server auth", "digital signature", "client auth"]},
        {"usages": ["server auth"]},
        {"usages": ["server auth", "digital signature", "cert sign"]},
        {"usages": None},
        {"request": base64.b64encode(b"nonsense").decode()},
        {"request": "not base64 %"},
        {"request": ""},
        {"request": None},
    ],
    ids=repr,
)
def test_another_user_group_usage_or_content_is_refused(
    refusal: Callable[..., str], changes: dict[str, Any]
) -> None:
    assert refusal(spec(pem(builder())) | changes) != ""


@pytest.mark.parametrize(
    "key",
    [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)],
    ids=["P-384", "RSA"],
)
def test_another_kind_of_key_is_refused(refusal: Callable[..., str], key: Any) -> None:
    assert refusal(spec(pem(builder(), key))) != ""


def test_another_digest_is_refused(refusal: Callable[..., str]) -> None:
    assert "signature" in refusal(spec(pem(builder(), digest=hashes.SHA512())))


def around(text: bytes) -> list[bytes]:
    evil = pem(builder(("kubernetes.default.svc",)))
    lines = text.splitlines(keepends=True)
    return [
        evil + text,
        text + evil,
        text + b"\n",
        b" " + text,
        text.replace(b"\n", b"\r\n"),
        text[:-1],
        text.replace(b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST"),
        lines[0] + b"Name: value\n\n" + b"".join(lines[1:]),
        lines[0] + b"".join(line.strip() for line in lines[1:-1]) + b"\n" + lines[-1],
        text.replace(b"-----END", b"=\n-----END"),
        b"\xef\xbb\xbf" + text,
    ]


def test_anything_around_the_request_is_refused(refusal: Callable[..., str]) -> None:
    for asked in around(pem(builder())):
        assert "PEM" in refusal(spec(asked)), asked


def agrees(found: Any, der: bytes) -> bool:
    """Whether another reader sees the same subject and names, and nothing else.

    Nothing is signed if the other reader refuses the request, as it does for a signature that is no
    pair of numbers.
    """
    try:
        other = x509.load_der_x509_csr(der)
    except ValueError:
        return True
    assert len(other.attributes) == 1
    kinds = {NameOID.ORGANIZATION_NAME: "O", NameOID.COMMON_NAME: "CN"}
    subject = [f"{kinds[part.oid]}={part.value}" for part in other.subject]
    (extension,) = other.extensions
    names = [str(name.value) for name in extension.value]
    return list(found.subject) == subject and list(found.names) == names


def mutants(der: bytes, count: int) -> Iterator[bytes]:
    """Each byte changed, each byte left out, and many changed at random places."""
    chance = random.Random(7)  # noqa: S311 -- the same mutants each time
    for at in range(len(der)):
        yield der[:at] + der[at + 1 :]
        yield der[:at]
        for value in (0, 0x80, 0xFF, der[at] ^ 1, der[at] ^ 0x20, (der[at] + 1) % 256):
            yield der[:at] + bytes([value]) + der[at + 1 :]
            yield der[:at] + bytes([value]) + der[at:]
    for _ in range(count):
        data = bytearray(der)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        yield bytes(data)


def test_what_the_reader_accepts_another_reader_reads_alike(
    programs: tuple[Any, dict[str, Any]],
) -> None:
    reader = programs[0]
    der = builder().sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    accepted = refused = 0
    for mutant in mutants(der, 10_000):
        try:
            found = reader.read(reader.wrap(mutant))
        except reader.RequestError:
            refused += 1
            continue
        accepted += 1
        assert agrees(found, mutant), mutant.hex()
    assert accepted > 100  # another signature, key, or letter of a name
    assert refused > 1000


KUBECTL = """#!/bin/sh
[ "$3" = get ] && exec cat "$LISTED"
cat >/dev/null
case $5 in
  *lost*) echo "Error from server (Conflict): the object has been modified" >&2; exit 1 ;;
  *forbidden*) echo "Error from server (Forbidden): no" >&2; exit 1 ;;
esac
echo "$5" >>"$APPROVED"
"""


def approved(folder: Path, *items: dict[str, Any]) -> tuple[int, list[str], str]:
    """Exit code, paths that were approved, and standard error of the program."""
    (folder / "kubectl").write_text(KUBECTL)
    (folder / "kubectl").chmod(0o755)
    (folder / "listed").write_text(json.dumps({"items": items}))
    (folder / "nodes").write_text(json.dumps(NODES))
    (folder / "approved").write_text("")
    done = subprocess.run(
        [sys.executable, FILES / "approve-serving.py", "config", folder / "nodes"],
        check=False, capture_output=True, text=True,
        env={"PATH": f"{folder}:/usr/bin:/bin", "LISTED": str(folder / "listed"),
             "APPROVED": str(folder / "approved"), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    return done.returncode, (folder / "approved").read_text().splitlines(), done.stderr


def listed(name: str, request: dict[str, Any], **more: Any) -> dict[str, Any]:
    signer = {"signerName": "kubernetes.io/kubelet-serving"}
    return {"metadata": {"name": name, "resourceVersion": "7"}, "spec": signer | request, **more}


PATH = "/apis/certificates.k8s.io/v1/certificatesigningrequests"


def test_a_request_that_cannot_be_read_stops_no_other(tmp_path: Path) -> None:
    good = spec(pem(builder()))
    code, paths, told = approved(
        tmp_path,
        listed("bad", good | {"request": "%"}),
        listed("empty", {}),
        listed("--all ?#/é", good),
        listed("decided", good, status={"conditions": [{"type": "Denied"}]}),
        listed("other", good | {"signerName": "kubernetes.io/kube-apiserver-client-kubelet"}),
    )
    assert (code, paths) == (0, [f"{PATH}/--all%20%3F%23%2F%C3%A9/approval"])
    assert [line.partition(":")[0] for line in told.splitlines()] == ["'bad'", "'empty'"]


def test_a_request_that_another_control_plane_approved_is_no_failure(tmp_path: Path) -> None:
    good = spec(pem(builder()))
    code, paths, _ = approved(tmp_path, listed("lost", good), listed("next", good))
    assert (code, paths) == (0, [f"{PATH}/next/approval"])


def test_an_approval_that_the_api_server_forbids_is_a_failure(tmp_path: Path) -> None:
    good = spec(pem(builder()))
    code, paths, told = approved(tmp_path, listed("forbidden", good), listed("next", good))
    assert (code, paths) == (1, [f"{PATH}/next/approval"])
    assert "could not be approved: Error from server (Forbidden): no" in told

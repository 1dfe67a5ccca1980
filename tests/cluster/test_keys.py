"""Keys as the tools that read them take them."""

import base64
import subprocess

from cluster import keys


def openssl(*arguments: str, text: str) -> str:
    command = ["openssl", *arguments]
    done = subprocess.run(command, input=text, check=True, capture_output=True, text=True)
    return done.stdout


def test_tokens_are_signed_with_a_pair_whose_halves_belong_together() -> None:
    private, public = keys.new_signing_pair()
    assert openssl("pkey", "-pubout", text=private) == public
    assert keys.new_signing_pair()[0] != private


def test_secrets_are_encrypted_with_32_random_bytes() -> None:
    first, second = keys.new_encryption_key(), keys.new_encryption_key()
    assert len(base64.b64decode(first, validate=True)) == 32
    assert first != second


def test_an_authority_may_sign_certificates_and_nothing_below_it_may() -> None:
    _, certificate = keys.new_authority("demo kubernetes")
    told = openssl("x509", "-noout", "-text", text=certificate)
    assert "CA:TRUE, pathlen:0" in told
    assert "Certificate Sign" in told

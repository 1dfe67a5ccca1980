"""Tokens of Entra ID: which are accepted, which are refused and why, and how keys are fetched."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from clients.access_settings import Access, AccessSettings
from clients.azure import entra
from clients.azure.entra import TokenRefusedError, TokenVerifier
from clients.errors import Transient
from lab.testing.standins import (
    CLIENT_ID,
    TENANT,
    Azure,
    Holder,
    Issuer,
    SigningKey,
    azure,  # noqa: F401 -- a fixture
)

ADA = Holder(
    "ada@example.org", roles=("Operator",), groups=("aaaaaaaa-0000-4000-8000-000000000001",)
)
ROBOT = Holder("pipeline", roles=("Reader",), workload=True)
OTHER = "99999999-9999-9999-9999-999999999999"


@pytest.fixture(scope="module")
def key() -> SigningKey:
    """One key for all tests: to make one takes long."""
    return SigningKey()


@pytest.fixture
def issuer(azure: Azure, key: SigningKey) -> Issuer:  # noqa: F811
    azure.facade.issuer.keys = [key]
    return azure.facade.issuer


@pytest.fixture
def verifier(azure: Azure) -> TokenVerifier:  # noqa: F811
    settings = AccessSettings(Access.TOKENS, TENANT, CLIENT_ID, loopback=azure.url)
    return TokenVerifier(settings)


@pytest.mark.parametrize("version", [1, 2])
def test_a_users_token_says_who_and_which_roles(
    issuer: Issuer, verifier: TokenVerifier, version: int
) -> None:
    found = verifier.verify(issuer.sign(issuer.claims(ADA, version)))
    assert (found.name, found.object_id) == ("ada@example.org", ADA.object_id)
    assert (found.roles, found.groups) == (ADA.roles, ADA.groups)


def test_a_workloads_token_names_its_application(issuer: Issuer, verifier: TokenVerifier) -> None:
    found = verifier.verify(issuer.token(ROBOT))
    assert (found.name, found.roles) == (f"app {ROBOT.object_id}", ("Reader",))


@pytest.mark.parametrize("scopes", ["access", "User.Read access", "access profile openid"])
@pytest.mark.parametrize("version", [1, 2])
def test_a_client_that_acts_for_a_user_needs_the_scope_among_others(
    issuer: Issuer, verifier: TokenVerifier, scopes: str, version: int
) -> None:
    claims = issuer.claims(ADA, version) | {"scp": scopes}
    assert verifier.verify(issuer.sign(claims)).roles == ADA.roles


@pytest.mark.parametrize("changes", [{}, {"idtyp": "app"}])
@pytest.mark.parametrize("version", [1, 2])
def test_an_application_needs_no_scope_for_itself(
    issuer: Issuer, verifier: TokenVerifier, changes: dict[str, Any], version: int
) -> None:
    claims = issuer.claims(ROBOT, version) | changes
    assert "scp" not in claims
    assert verifier.verify(issuer.sign(claims)).roles == ROBOT.roles


def test_the_page_signs_in_as_the_app_registration_and_needs_no_scope(
    issuer: Issuer, verifier: TokenVerifier
) -> None:
    """Entra ID does not say which scopes an application has for itself."""
    claims = issuer.claims(ADA) | {"azp": CLIENT_ID, "scp": "openid"}
    assert verifier.verify(issuer.sign(claims)).object_id == ADA.object_id


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"exp": 1_700_000_000}, "expired"),
    "expired as text": ({"exp": "soon"}, "not a valid"),
    "expires in a list": ({"exp": [4_000_000_000]}, "not a valid"),
    "never expires": ({"exp": float("inf")}, "not a valid"),
    "expires at no number": ({"exp": float("nan")}, "not a valid"),
    "was always valid": ({"nbf": float("-inf")}, "not a valid"),
    "not yet valid": ({"nbf": 4_000_000_000}, "not valid yet"),
    "issued in the future": ({"iat": 4_000_000_000}, "not valid yet"),
    "another audience": ({"aud": "https://management.azure.com"}, "another audience"),
    "audience of another app": ({"aud": f"api://{OTHER}"}, "another audience"),
    "a prefix of the audience": ({"aud": CLIENT_ID[:-1]}, "another audience"),
    "two audiences": ({"aud": [CLIENT_ID, OTHER]}, "did not issue"),
    "another issuer": ({"iss": "https://issuer.example"}, "did not issue"),
    "another tenant's issuer": (
        {"iss": f"https://login.microsoftonline.com/{OTHER}/v2.0"},
        "did not issue",
    ),
    "another tenant": ({"tid": OTHER}, "did not issue"),
    "no tenant": ({"tid": None}, "did not issue"),
    "an ID token": ({"azp": None, "nonce": "n"}, "not an access token"),
    "nobody": ({"oid": None}, "not an access token"),
    "no scope": ({"scp": None}, "scope access"),
    "another scope": ({"scp": "User.Read"}, "scope access"),
    "a scope that contains the name": ({"scp": "access.read full-access"}, "scope access"),
    "a scope in another case": ({"scp": "Access"}, "scope access"),
    "a list of scopes": ({"scp": ["access"]}, "scope access"),
    "no scope, and said to be an app": ({"scp": None, "idtyp": "app"}, "scope access"),
    "an empty scope and an app's subject": ({"scp": "", "sub": ADA.object_id}, "scope access"),
    "said to be a user": ({"scp": None, "sub": ADA.object_id, "idtyp": "user"}, "scope access"),
    "no subject": ({"scp": None, "sub": None}, "scope access"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_token_with_a_wrong_claim_is_refused(
    issuer: Issuer, verifier: TokenVerifier, case: str
) -> None:
    changes, why = WRONG[case]
    claims = issuer.claims(ADA) | changes
    claims = {name: value for name, value in claims.items() if value is not None}
    with pytest.raises(TokenRefusedError, match=why) as refused:
        verifier.verify(issuer.sign(claims))
    assert "ada@" not in str(refused.value)


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat", "iss", "aud"])
def test_a_token_without_a_needed_claim_is_refused(
    issuer: Issuer, verifier: TokenVerifier, claim: str
) -> None:
    claims = issuer.claims(ADA)
    del claims[claim]
    with pytest.raises(TokenRefusedError):
        verifier.verify(issuer.sign(claims))


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def unsigned(issuer: Issuer) -> str:
    return f"{_part({'alg': 'none', 'kid': issuer.keys[0].id})}.{_part(issuer.claims(ADA))}."


def signed_with_the_public_key(issuer: Issuer) -> str:
    """The public key as the secret of a symmetric algorithm."""
    key = issuer.keys[0].private.public_key()
    pem = key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    text = f"{_part({'alg': 'HS256', 'kid': issuer.keys[0].id})}.{_part(issuer.claims(ADA))}"
    signature = hmac.new(pem, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def signed_with_another_key_of_the_same_id(issuer: Issuer) -> str:
    key = SigningKey()
    key.id = issuer.keys[0].id
    return issuer.sign(issuer.claims(ADA), key)


def signed_with_a_key_that_the_token_brings(issuer: Issuer) -> str:
    key = SigningKey()
    headers = {"kid": key.id, "jwk": key.public(), "jku": "https://evil.example/keys"}
    return jwt.encode(issuer.claims(ADA), key.private, "RS256", headers=headers)


def changed_after_signing(issuer: Issuer) -> str:
    head, _, signature = issuer.token(ADA).split(".")
    return f"{head}.{_part(issuer.claims(ADA) | {'roles': ['Administrator']})}.{signature}"


FORGED: list[Callable[[Issuer], str]] = [
    unsigned,
    signed_with_the_public_key,
    signed_with_another_key_of_the_same_id,
    signed_with_a_key_that_the_token_brings,
    changed_after_signing,
    lambda issuer: issuer.token(ADA)[:-8] + "AAAAAAAA",
    lambda issuer: issuer.token(ADA) + "," + issuer.token(ADA),
    lambda _: "",
    lambda _: "a.b.c",
    lambda _: "." * 4000,
    lambda _: base64.urlsafe_b64encode(b"[" * 9000).decode() + ".e30.AA",
    lambda _: base64.urlsafe_b64encode(b'{"kid":' + b"9" * 9000 + b"}").decode() + ".e30.AA",
    lambda _: "\udcff.\u2028.x",
    lambda issuer: issuer.token(Holder("x" * 20_000)),
]


@pytest.mark.parametrize("forged", FORGED)
def test_a_token_that_the_tenant_did_not_sign_is_refused(
    issuer: Issuer, verifier: TokenVerifier, forged: Callable[[Issuer], str]
) -> None:
    with pytest.raises(TokenRefusedError):
        verifier.verify(forged(issuer))


def fetches(issuer: Issuer) -> int:
    return sum(path.endswith("/keys") for path in issuer.asked)


def test_the_keys_are_fetched_once(issuer: Issuer, verifier: TokenVerifier) -> None:
    for _ in range(3):
        verifier.verify(issuer.token(ADA))
    assert fetches(issuer) == 1


def test_a_new_key_is_found_and_the_old_one_ends_with_it(
    issuer: Issuer, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = issuer.token(ADA)
    verifier.verify(old)
    issuer.rotate()
    monkeypatch.setattr(entra, "PAUSE_SECONDS", -1.0)
    verifier.verify(issuer.token(ADA))
    with pytest.raises(TokenRefusedError, match="none of the tenant's keys"):
        verifier.verify(old)


def test_unknown_keys_lead_to_one_fetch_in_a_while(issuer: Issuer, verifier: TokenVerifier) -> None:
    """Anybody can send tokens with invented key ids."""
    for _ in range(20):
        with pytest.raises(TokenRefusedError):
            verifier.verify(signed_with_a_key_that_the_token_brings(issuer))
    assert fetches(issuer) == 1


def test_known_keys_hold_while_the_tenant_does_not_answer(
    issuer: Issuer, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier.verify(issuer.token(ADA))
    issuer.failure = 503
    monkeypatch.setattr(entra, "PAUSE_SECONDS", -1.0)
    monkeypatch.setattr(entra, "FRESH_SECONDS", -1.0)
    verifier.verify(issuer.token(ADA))
    monkeypatch.setattr(entra, "LONGEST_SECONDS", -1.0)
    with pytest.raises(Transient):
        verifier.verify(issuer.token(ADA))


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": f"https://login.microsoftonline.com/{OTHER}/v2.0"},
        {"jwks_uri": "https://evil.example/keys"},
        {"jwks_uri": "https://login.microsoftonline.com.evil.example/keys"},
        {"jwks_uri": None},
    ],
)
def test_keys_come_from_the_tenants_own_place_only(
    issuer: Issuer,
    verifier: TokenVerifier,
    change: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    described = issuer.discovery() | change
    monkeypatch.setattr(issuer, "discovery", lambda: described)
    with pytest.raises(Transient):
        verifier.verify(issuer.token(ADA))
    assert fetches(issuer) == 0


def test_an_answer_without_keys_is_an_outage(
    issuer: Issuer, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = issuer.token(ADA)
    wrong = [{"kty": "EC", "kid": "a"}, {"kty": "RSA", "kid": "b"}, "text", {"use": "enc"}]
    monkeypatch.setattr(SigningKey, "public", lambda _: wrong.pop())
    issuer.keys *= 4
    with pytest.raises(Transient, match="without a signing key"):
        verifier.verify(token)


def test_whoever_has_a_key_does_not_wait_for_another_thread_that_fetches(
    issuer: Issuer, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    verifier.verify(issuer.token(ADA))
    began, go = threading.Event(), threading.Event()

    def hang(*_: Any) -> dict[str, Any]:
        began.set()
        go.wait(20)
        raise Transient("no answer")

    monkeypatch.setattr(verifier, "_fetch", hang)
    monkeypatch.setattr(entra, "PAUSE_SECONDS", -1.0)
    monkeypatch.setattr(entra, "FRESH_SECONDS", -1.0)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(verifier.verify, issuer.token(ADA))
        assert began.wait(20)
        verifier.verify(issuer.token(ADA))
        assert not other.done()
        go.set()
        other.result()


@pytest.mark.parametrize("pause", [-1.0, 30.0])
def test_whoever_names_an_unknown_key_does_not_wait_for_another_thread_that_fetches(
    issuer: Issuer, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch, pause: float
) -> None:
    """Invented ids would hold every thread that serves requests."""
    verifier.verify(issuer.token(ADA))
    began, go = threading.Event(), threading.Event()

    def hang(*_: Any) -> dict[str, Any]:
        began.set()
        go.wait(20)
        raise Transient("no answer")

    monkeypatch.setattr(verifier, "_fetch", hang)
    monkeypatch.setattr(entra, "PAUSE_SECONDS", -1.0)
    unknown = signed_with_a_key_that_the_token_brings(issuer)
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(verifier.verify, unknown)
        assert began.wait(20)
        monkeypatch.setattr(entra, "PAUSE_SECONDS", pause)
        with pytest.raises(Transient, match="are being fetched"):
            verifier.verify(unknown)
        verifier.verify(issuer.token(ADA))
        assert not other.done()
        go.set()
        with pytest.raises(TokenRefusedError):
            other.result()


def test_many_first_callers_lead_to_one_fetch(issuer: Issuer, verifier: TokenVerifier) -> None:
    token = issuer.token(ADA)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(verifier.verify, [token] * 16))
    assert {one.name for one in found} == {"ada@example.org"}
    assert fetches(issuer) == 1

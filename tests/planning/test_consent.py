"""Fields that run code on machines or name secrets: only what the operator allowed."""

import hashlib
import ssl
from dataclasses import replace
from typing import Any

import pytest

from clients.settings import Settings, SettingsError, SettingsReader
from cluster import keys
from cluster.allowed_fields import DEFAULT
from cluster.faults import SpecRefusedError
from cluster.spec_rules import parse_spec
from planning.consent import require_consent
from planning.dry_run import with_defaults

AUTHORITY = keys.new_authority("private")[1]
SHA = "a" * 64
MIRROR = {"url": "https://mirror.example.org/slipway", "manifestSha256": SHA}
FIELDS: dict[str, tuple[Any, str]] = {
    "artifacts": (MIRROR, "artifacts.url"),
    "proxy": ({"http": "http://proxy.example.org:3128"}, "proxy.http"),
    "registries": (
        [{"host": "docker.io", "mirrors": ["https://mirror.example.org"]}],
        "registries[0].host",
    ),
    "trustedCertificates": ([AUTHORITY], "trustedCertificates[0]"),
    "slack": ({"secret": "webhook"}, "slack.secret"),
}


def refused(settings: Settings, stored: dict[str, Any] | None = None, **fields: Any) -> list[str]:
    """Returns the paths of the refused fields. `stored`: the fields of the cluster that exists."""
    before = parse_spec({"name": "demo"} | stored) if stored else None
    try:
        require_consent(parse_spec({"name": "demo"} | fields), settings, lambda: before)
    except SpecRefusedError as error:
        for fault in error.faults:
            assert "SLIPWAY_ALLOWED_FIELDS" in fault.message
            assert fault.allowed
        return [fault.path for fault in error.faults]
    return []


def settings(**allowed: tuple[str, ...]) -> Settings:
    return Settings("s", "v", "c", slack_secret="own-hook", allowed_fields={**DEFAULT} | allowed)


def test_the_fields_are_those_that_the_setting_knows() -> None:
    assert set(FIELDS) == set(DEFAULT)


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_is_refused_until_the_operator_allows_it(field: str) -> None:
    value, path = FIELDS[field]
    assert path in refused(settings(), **{field: value})
    assert refused(settings(**{field: ("*",)}), **{field: value}) == []


def test_all_fields_that_are_refused_are_named_at_once() -> None:
    found = refused(settings(), **{name: value for name, (value, _) in FIELDS.items()})
    assert {path for _, path in FIELDS.values()} <= set(found)


def test_a_spec_without_such_fields_needs_no_consent() -> None:
    assert refused(settings(), workers=[{"name": "a"}], packageMirror="https://any.example") == []


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://mirror.example.org/slipway", True),
        ("https://mirror.example.org:443/slipway/v1", True),
        ("https://MIRROR.example.org/slipway/v1", True),
        ("http://mirror.example.org/slipway", False),
        ("https://mirror.example.org", False),
        ("https://mirror.example.org:8443/slipway", False),
        ("https://mirror.example.org/slipway2", False),
        ("https://mirror.example.org/slipway/../evil", False),
        ("https://mirror.example.org/slipway/%2e%2e/evil", False),
        ("https://mirror.example.org/slipway/%252e%252e/evil", False),
        ("https://mirror.example.org/slipway/%2525252e%2525252e/evil", False),
        ("https://mirror.example.org/slipway//../evil", False),
        ("https://mirror.example.org.evil.example/slipway", False),
        ("https://evil.example/https://mirror.example.org/slipway", False),
    ],
)
def test_an_allowed_place_covers_what_is_below_it_and_nothing_else(url: str, allowed: bool) -> None:
    own = settings(artifacts=("https://mirror.example.org/slipway/",))
    assert (refused(own, artifacts={"url": url, "manifestSha256": SHA}) == []) is allowed


@pytest.mark.parametrize(
    ("change", "paths"),
    [
        ({}, []),
        ({"url": "https://mirror.example.org/slipway/other"}, ["artifacts.url"]),
        ({"manifestSha256": "b" * 64}, ["artifacts.url"]),
    ],
)
def test_the_installations_own_mirror_needs_no_consent_where_a_shown_spec_is_sent_back(
    change: dict[str, str], paths: list[str]
) -> None:
    own = replace(settings(), default_artifacts={**MIRROR, "through": "etcd", "direct": True})
    spec = with_defaults(parse_spec({"name": "demo"}), own)
    assert spec.artifacts is not None
    shown = spec.artifacts.model_dump(mode="json", by_alias=True)
    assert refused(own, artifacts=shown | change) == paths


def test_each_mirror_of_a_registry_needs_consent_of_its_own() -> None:
    own = settings(registries=("https://docker.io", "https://mirror.example.org"))
    mirrors = ["https://mirror.example.org/v2/hub", "https://evil.example"]
    registries = [{"host": "docker.io", "mirrors": mirrors}]
    assert refused(own, registries=registries) == ["registries[0].mirrors[1]"]


def test_an_authority_of_a_registry_needs_consent_of_its_own() -> None:
    """An allowed registry with a caller's authority is whoever the caller says."""
    registries = [{"host": "docker.io", "caCertificates": [AUTHORITY]}]
    own = settings(registries=("*",))
    assert refused(own, registries=registries) == ["registries[0].caCertificates[0]"]
    both = settings(registries=("*",), trustedCertificates=("*",))
    assert refused(both, registries=registries) == []


def test_both_proxies_need_consent() -> None:
    own = settings(proxy=("http://proxy.example.org:3128",))
    both = {"http": "http://proxy.example.org:3128", "https": "http://proxy.example.org:3129"}
    assert refused(own, proxy=both) == ["proxy.https"]


def test_a_certificate_is_allowed_by_its_fingerprint() -> None:
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(AUTHORITY)).hexdigest()
    colons = ":".join(digest[i : i + 2].upper() for i in range(0, 64, 2))
    read = SettingsReader({"X": f'{{"trustedCertificates": ["{colons}"]}}'})
    own = settings(**read.allowed_fields("X"))
    assert read.faults == []
    assert refused(own, trustedCertificates=[AUTHORITY]) == []
    assert refused(settings(trustedCertificates=(SHA,)), trustedCertificates=[AUTHORITY])


def test_a_spec_names_secrets_of_slack_only() -> None:
    """Others of the vault are keys and kubeconfigs of clusters."""
    for name in ("demo-1a2b3c4d-ca-kubernetes", "webhook", "not-slack-x", "SLACK-x"):
        assert refused(settings(), slack={"secret": name}) == ["slack.secret"]
    for name in ("slack-shop", "own-hook"):
        assert refused(settings(), slack={"secret": name}) == []


@pytest.mark.parametrize(
    "wrong",
    [
        '{"artefacts": ["*"]}',
        '{"artifacts": "*"}',
        '{"artifacts": [1]}',
        '{"artifacts": [""]}',
        '{"artifacts": ["mirror.example.org"]}',
        '{"artifacts": ["https://mirror.example.org:port"]}',
        '{"artifacts": ["https://user:pass@mirror.example.org"]}',
        '{"trustedCertificates": ["abc"]}',
        '{"slack": [""]}',
        "[1]",
        "*",
    ],
)
def test_a_wrong_setting_is_a_fault_and_allows_nothing(wrong: str) -> None:
    env = {
        "SLIPWAY_SUBSCRIPTION_ID": "00000000-0000-4000-8000-000000000001",
        "SLIPWAY_VAULT_URL": "https://name.vault.azure.net",
        "SLIPWAY_STORAGE": "https://name.blob.core.windows.net",
        "SLIPWAY_ALLOWED_FIELDS": wrong,
    }
    with pytest.raises(SettingsError, match="SLIPWAY_ALLOWED_FIELDS"):
        Settings.from_env(env)

"""The settings of access: wrong ones let nobody in, and each is named."""

import json
from typing import Any

import azure.functions as func
import pytest

from clients.access_settings import Access, AccessSettings
from clients.settings import SettingsError
from cluster.access import AppRole
from triggers import access
from triggers.access import key_level
from triggers.endpoint import endpoint
from triggers.requests import reply_document

TENANT, CLIENT = "11111111-1111-1111-1111-111111111111", "33333333-3333-3333-3333-333333333333"
TOKENS = {
    "SLIPWAY_ACCESS": "tokens",
    "SLIPWAY_ENTRA_TENANT_ID": TENANT,
    "SLIPWAY_ENTRA_CLIENT_ID": CLIENT,
}
BOUND: dict[str, Any] = {"principal": TENANT, "role": "Operator"}


def test_without_settings_function_keys_are_needed() -> None:
    found = AccessSettings.from_env({})
    assert (found.access, found.reads_tokens) == (Access.KEYS, False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLIPWAY_ACCESS", "token"),
        ("SLIPWAY_ACCESS", "none"),
        ("SLIPWAY_ENTRA_TENANT_ID", ""),
        ("SLIPWAY_ENTRA_TENANT_ID", "common"),
        ("SLIPWAY_ENTRA_TENANT_ID", f"{TENANT}/../common"),
        ("SLIPWAY_ENTRA_CLIENT_ID", ""),
        ("SLIPWAY_ENTRA_CLIENT_ID", f"api://{CLIENT}"),
        ("SLIPWAY_ROLE_BOUNDS", "{}"),
        ("SLIPWAY_ROLE_BOUNDS", "[" * 9000),
        ("SLIPWAY_ROLE_BOUNDS", '["x"]'),
    ],
)
def test_a_wrong_setting_is_named_and_not_quoted(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as wrong:
        AccessSettings.from_env(TOKENS | {name: value})
    assert len(value) < 8 or value not in str(wrong.value)


@pytest.mark.parametrize(
    "change",
    [
        {"role": "operator"},
        {"role": "Owner"},
        {"role": ["Operator"]},
        {"role": {}},
        {"role": None},
        {"principal": "ada@example.org"},
        {"principal": None},
        {"prefix": ["a"]},
        {"prefixes": "a"},
        {"prefixes": [""]},
        {"prefixes": ["Team"]},
        {"prefixes": ["*"]},
        {"groups": [1]},
        {"groups": ["a/b"]},
    ],
)
def test_a_bound_that_could_be_read_as_wider_than_it_is_meant_is_a_fault(
    change: dict[str, Any],
) -> None:
    text = json.dumps([BOUND | change])
    with pytest.raises(SettingsError, match="SLIPWAY_ROLE_BOUNDS"):
        AccessSettings.from_env(TOKENS | {"SLIPWAY_ROLE_BOUNDS": text})


def test_bounds_without_tokens_are_a_fault() -> None:
    """A function key opens everything: bounds would promise what nobody checks."""
    bounds = {"SLIPWAY_ROLE_BOUNDS": json.dumps([BOUND])}
    with pytest.raises(SettingsError, match="has no effect"):
        AccessSettings.from_env(bounds)
    assert AccessSettings.from_env(TOKENS | bounds).bounds[0].role is AppRole.OPERATOR


@pytest.mark.parametrize(
    ("value", "level"),
    [
        ("", func.AuthLevel.FUNCTION),
        ("keys", func.AuthLevel.FUNCTION),
        ("keys-and-tokens", func.AuthLevel.FUNCTION),
        ("Tokens", func.AuthLevel.FUNCTION),
        ("tokens", func.AuthLevel.ANONYMOUS),
    ],
)
def test_the_host_asks_for_a_key_unless_tokens_replace_keys(
    monkeypatch: pytest.MonkeyPatch, value: str, level: func.AuthLevel
) -> None:
    monkeypatch.setenv("SLIPWAY_ACCESS", value)
    assert key_level() is level


@endpoint(needs=AppRole.READER)
def read(req: func.HttpRequest) -> func.HttpResponse:
    return reply_document({"caller": access.current().name})


@pytest.mark.parametrize("name", ["SLIPWAY_ENTRA_CLIENT_ID", "SLIPWAY_ENTRA_TENANT_ID"])
def test_nobody_is_let_in_while_a_setting_is_missing(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for known, value in (TOKENS | {name: ""}).items():
        monkeypatch.setenv(known, value)
    access.access_settings.cache_clear()
    answer = read(func.HttpRequest("GET", "https://app/api/x", body=b""))
    access.access_settings.cache_clear()
    assert answer.status_code == 500
    assert name in answer.get_body().decode()


def test_a_caller_with_a_key_is_not_named_by_headers_that_anyone_may_send() -> None:
    access.access_settings.cache_clear()
    headers = {"x-ms-client-principal-name": "ceo@example.org", "authorization": "Bearer a.b.c"}
    answer = read(func.HttpRequest("GET", "https://app/api/x", headers=headers, body=b""))
    assert json.loads(answer.get_body()) == {"caller": ""}

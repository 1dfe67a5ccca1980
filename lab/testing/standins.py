"""The lab's Azure on one loopback port for real SDK clients. Its fabric only records requests."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from clients.azure import credentials
from clients.settings import Settings
from lab.azure import AzureFacade
from lab.identity import TENANT
from lab.issuer import CLIENT_ID, FederatedIdentity, Holder, Issuer, SigningKey
from lab.testing.fabric import RememberingFabric
from lab.testing.serving import serving_wsgi
from lab.tls_front import tls_front

__all__ = [
    "CLIENT_ID",
    "SUBSCRIPTION",
    "TENANT",
    "Azure",
    "AzureFacade",
    "FederatedIdentity",
    "Holder",
    "Issuer",
    "SigningKey",
    "azure",
    "tls_front",
]

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"


@dataclass
class Azure:
    url: str
    facade: AzureFacade
    fabric: RememberingFabric
    settings: Settings


@pytest.fixture
def azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Azure]:
    fabric = RememberingFabric()
    header = secrets.token_hex(8)
    config = {
        "state": str(tmp_path),
        "subscription": SUBSCRIPTION,
        "vault": "slipway-test",
        "key": secrets.token_hex(8),
        "identityHeader": header,
    }
    facade = AzureFacade(config, fabric)
    with serving_wsgi(facade.wsgi_app) as url:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{url}/identity")
        monkeypatch.setenv("IDENTITY_HEADER", header)
        credentials.credential.cache_clear()
        settings = Settings(
            SUBSCRIPTION, "https://slipway-test.vault.azure.net", "unused", loopback=url
        )
        yield Azure(url, facade, fabric, settings)
    credentials.credential.cache_clear()

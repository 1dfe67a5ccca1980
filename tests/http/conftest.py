"""The unchanged app behind the lab's functions host, Azurite, an Azure that makes no machines."""

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from clients.azure.blobs import Blobs
from clients.settings import Settings
from cluster.names import PAGE_SESSIONS
from dev.paths import ROOT
from lab.testing.engines import (
    durable_storage,  # noqa: F401 -- a fixture, as the next two
    engine_away,
    engine_config,  # noqa: F401
    engine_name,  # noqa: F401
)
from lab.testing.fabric import RememberingFabric
from lab.testing.gate import StorageGates, hub_gates
from lab.testing.hosts import FunctionsHost
from lab.testing.serving import serving_wsgi
from lab.testing.standins import CLIENT_ID, SUBSCRIPTION, TENANT, AzureFacade
from tests.clients.conftest import azurite  # noqa: F401 -- a fixture
from tests.http.people import BOUNDS

KEY = "function-key"
KEYS = {
    "function": KEY,
    "master": "master-key",
    "durableTask": "durable-key",
    "eventGrid": "event-key",
}


@dataclass
class App:
    """What a caller reaches, and what a request may have left behind."""

    url: str
    azure: AzureFacade
    fabric: RememberingFabric
    host: FunctionsHost
    blobs: Blobs
    azure_url: str
    gates: StorageGates = field(default_factory=hub_gates)

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> requests.Response:
        """The extension abandons a request to unavailable storage after about 12 s."""
        given = {"x-functions-key": KEY} | {k.replace("_", "-"): v for k, v in headers.items()}
        return requests.request(method, f"{self.url}{path}", data=body, headers=given, timeout=120)

    def without_engine(self) -> AbstractContextManager[None]:
        """The app, its host and the app's blobs keep working."""
        return engine_away(self.host.hub, self.gates)

    def created(self) -> dict[str, Any]:
        """Everything that a run leaves; empty where nothing was started. A session of the page is
        no part of a run."""
        arm = self.azure.arm.state
        left = {
            "groups": sorted(arm.groups),
            "resources": sorted(arm.resources),
            "deployments": sorted(arm.deployments),
            "machines": self.fabric.ids(),
            "secrets": sorted(self.azure.vault.secrets),
            "blobs": [n for n in self.blobs.list("") if not n.startswith(PAGE_SESSIONS)],
            "activities": dict(self.host.executions),
            "instances": self.host.instances(),
        }
        return {what: found for what, found in left.items() if found}


@pytest.fixture(scope="module")
def app(
    tmp_path_factory: pytest.TempPathFactory,
    azurite: str,  # noqa: F811
    engine_config: Callable[[], dict[str, Any]],  # noqa: F811
) -> Iterator[App]:
    folder, engine = tmp_path_factory.mktemp("app"), engine_config()
    gates = hub_gates()
    if "storage" in engine:
        engine["storage"] = gates.before(engine["storage"])
    with running_app(folder, azurite, engine) as running:
        running.gates = gates
        yield running
    gates.shut()


@pytest.fixture(scope="module")
def guarded(
    tmp_path_factory: pytest.TempPathFactory,
    azurite: str,  # noqa: F811
) -> Iterator[App]:
    """The app with tokens in the place of keys."""
    with running_app(
        tmp_path_factory.mktemp("guarded"),
        azurite,
        SLIPWAY_ACCESS="tokens",
        SLIPWAY_ENTRA_TENANT_ID=TENANT,
        SLIPWAY_ENTRA_CLIENT_ID=CLIENT_ID.upper(),
        SLIPWAY_ROLE_BOUNDS=json.dumps(BOUNDS),
    ) as running:
        yield running


@contextmanager
def running_app(
    folder: Path, storage: str, engine: dict[str, Any] | None = None, **more: str
) -> Iterator[App]:
    """`engine`: of the host's configuration; `more`: settings of the app beside those that it
    needs. Logs are in the folder."""
    header, container = secrets.token_hex(8), f"t{secrets.token_hex(8)}"
    config = {
        "state": str(folder),
        "subscription": SUBSCRIPTION,
        "vault": "slipway-test",
        "key": secrets.token_hex(8),
        "identityHeader": header,
    }
    fabric = RememberingFabric()
    facade = AzureFacade(config, fabric)
    with serving_wsgi(facade.wsgi_app) as url:
        settings = {
            "SLIPWAY_STORAGE": storage,
            "SLIPWAY_CONTAINER": container,
            "SLIPWAY_SUBSCRIPTION_ID": SUBSCRIPTION,
            "SLIPWAY_VAULT_URL": "https://slipway-test.vault.azure.net",
            "IDENTITY_ENDPOINT": f"{url}/identity",
            "IDENTITY_HEADER": header,
            "SLIPWAY_LOOPBACK": url,
        }
        host = FunctionsHost(
            (engine or {})
            | {
                "app": str(ROOT),
                "settings": settings | more,
                "keys": KEYS,
                "logs": str(folder),
            }
        )
        host.start()
        try:
            blobs = Blobs(Settings(SUBSCRIPTION, "", storage, container=container, loopback=url))
            yield App(host.url, facade, fabric, host, blobs, url)
        finally:
            host.end()

"""The ARM stand-in on loopback, over a fabric that only records requests, for the real SDK
clients."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from azure.core.credentials import AccessToken
from azure.mgmt.resource.deployments import DeploymentsMgmtClient
from azure.mgmt.resource.resources import ResourceManagementClient

from clients.azure.loopback import LoopbackTransport
from lab.arm.errors import ArmError
from lab.arm.service import ArmService
from lab.testing.fabric import RememberingFabric, eventually
from lab.testing.serving import serving_wsgi

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
TOKEN = "a-token-for-tests"
LOCATION, GROUP = "westeurope", "Demo-RG"


class Credential:
    """The one token that the service under test takes."""

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        assert scopes == ("https://management.azure.com/.default",)
        return AccessToken(TOKEN, 2**40)


def authorize(header: str | None) -> None:
    if header != f"Bearer {TOKEN}":
        raise ArmError(401, "InvalidAuthenticationToken", "The access token is invalid.")


@dataclass
class Azure:
    """The service, the requests that it sent to the fabric, and three clients of it."""

    url: str
    service: ArmService
    fabric: RememberingFabric
    deployments: DeploymentsMgmtClient
    resources: ResourceManagementClient
    root: str = f"/subscriptions/{SUBSCRIPTION}"

    def call(
        self, method: str, path: str, body: Any = None, version: str = "2025-04-01", **more: str
    ) -> requests.Response:
        """The wire itself; `path` below the subscription."""
        headers = {
            "Authorization": f"Bearer {TOKEN}",
            "X-Forwarded-Host": "management.azure.com",
        }
        query = {"api-version": version, **more}
        return requests.request(
            method, f"{self.url}{self.root}{path}", params=query, json=body, headers=headers,
            timeout=10,
        )  # fmt: skip

    def deploy(
        self, template: dict[str, Any], name: str = "d", group: str = GROUP, **given: Any
    ) -> dict[str, Any]:
        """Put and polled to its end: the deployment as GET shows it."""
        self.start(template, name, group, **given)
        return self.ended(name, group)

    def start(
        self, template: dict[str, Any], name: str = "d", group: str = GROUP, **given: Any
    ) -> None:
        self.deployments.deployments.begin_create_or_update(
            group, name, deployment(template, **given), polling=False
        )

    def ended(self, name: str = "d", group: str = GROUP) -> dict[str, Any]:
        path = f"/resourcegroups/{group}/providers/Microsoft.Resources/deployments/{name}"

        def look() -> dict[str, Any] | None:
            found = self.call("GET", path).json()
            going_on = found["properties"]["provisioningState"] in ("Accepted", "Running")
            return None if going_on else found

        return eventually(look)

    def resource(self, path: str, version: str = "2025-09-01") -> dict[str, Any]:
        """A resource of the group, by provider, type and name."""
        answer = self.call("GET", f"/resourcegroups/{GROUP}/providers/{path}", version=version)
        assert answer.status_code == 200, answer.text
        return answer.json()


def deployment(template: dict[str, Any], **given: Any) -> dict[str, Any]:
    parameters = {name: {"value": value} for name, value in given.items()}
    return {"properties": {"mode": "Incremental", "template": template, "parameters": parameters}}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def azure(state: Path) -> Iterator[Azure]:
    fabric = RememberingFabric()
    service = ArmService(state, fabric, SUBSCRIPTION, authorize, clock=Ticks())
    with serving_wsgi(service.wsgi_app) as url, LoopbackTransport(url) as transport:
        options: dict[str, Any] = {"transport": transport, "polling_interval": 0}
        yield Azure(
            url,
            service,
            fabric,
            DeploymentsMgmtClient(Credential(), SUBSCRIPTION, **options),
            ResourceManagementClient(Credential(), SUBSCRIPTION, **options),
        )
        fabric.may_boot.set()


class Ticks:
    """A clock on which each look is a second: nothing is throttled but what a test asks for."""

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        self._now += 1.0
        return self._now


@pytest.fixture
def group(azure: Azure) -> str:
    answer = azure.call("PUT", f"/resourcegroups/{GROUP}", {"location": LOCATION, "tags": {}})
    assert answer.status_code == 201
    return GROUP

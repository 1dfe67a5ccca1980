"""A complete installation in which only the app's host and worker can die: Azurite, the lab's Azure
and the machines live as long as the test."""

import contextlib
import json
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from clients.azure import credentials
from clients.services import Services
from clients.settings import Settings
from dev.paths import ROOT
from lab.testing.azurite import running_azurite
from lab.testing.engines import KEYS
from lab.testing.host_process import HostProcess
from lab.testing.serving import serving, serving_wsgi
from lab.testing.simulated_clusters import StoredBlobs
from lab.testing.simulated_machines import CountingFabric, ServedMachines
from lab.testing.standins import SUBSCRIPTION, AzureFacade

VAULT, CONTAINER, SLACK = "slipway-test", "slipway", "slack-webhook"
ANSWER_SECONDS = 120.0
DEPLOYMENTS = "/providers/microsoft.resources/deployments/"


@dataclass
class Installation:
    """`services` are clients with the app's own rights. `deployed` has the path of each deployment,
    once for each request that ARM accepted."""

    folder: Path
    facade: AzureFacade
    fabric: CountingFabric
    machines: ServedMachines
    services: Services
    host: HostProcess
    deployed: list[str] = field(default_factory=list[str])

    def send(self, method: str, path: str, body: Any = None) -> requests.Response:
        headers = {"x-functions-key": KEYS["function"]}
        url = f"{self.host.url}{path}"
        return requests.request(method, url, json=body, headers=headers, timeout=60)

    def await_answer(self) -> float:
        """Waits until the app answers. Returns the seconds that it took."""
        began = time.monotonic()
        while time.monotonic() < began + ANSWER_SECONDS:
            with contextlib.suppress(requests.RequestException):
                if requests.get(f"{self.host.url}/api/sign-in", timeout=10).status_code == 200:
                    return time.monotonic() - began
            time.sleep(0.1)
        raise AssertionError("the app never answered")

    def deliver(self, group: str, event: dict[str, Any]) -> int:
        """Sends an event of a resource group as Event Grid does."""
        url = f"{self.host.url}/runtime/webhooks/eventgrid"
        params = {"functionName": "on_group_event", "code": KEYS["eventGrid"]}
        source = f"/subscriptions/{SUBSCRIPTION}"
        body = {
            "specversion": "1.0",
            "source": source,
            "subject": f"{source}/resourceGroups/{group}",
        }
        headers = {"aeg-event-type": "Notification"}
        return requests.post(
            url, params=params, json=[body | event], headers=headers, timeout=60
        ).status_code

    def runtime_status(self, instance: str) -> str:
        """Returns what the engine says of an instance, or "" if it does not know it."""
        path = f"/runtime/webhooks/durabletask/instances/{instance}"
        answer = requests.get(
            f"{self.host.url}{path}", params={"code": KEYS["durableTask"]}, timeout=60
        )
        return "" if answer.status_code == 404 else str(answer.json()["runtimeStatus"])


@contextmanager
def running_installation(folder: Path, engine: dict[str, Any]) -> Iterator[Installation]:
    """`engine`: the engine part of the host's configuration, without storage."""
    header, machines, app = secrets.token_hex(8), folder / "machines", folder / "app"
    for made in (machines, app, folder / "logs"):
        made.mkdir()
    shutil.copy(ROOT / "host.json", app)
    (app / "function_app.py").write_text("from lab.testing.simulated_app import app as app\n")
    config = {
        "state": str(folder),
        "subscription": SUBSCRIPTION,
        "vault": VAULT,
        "key": secrets.token_hex(8),
        "identityHeader": header,
    }
    fabric = CountingFabric()
    facade, deployed = AzureFacade(config, fabric), list[str]()
    served = ServedMachines(fabric, machines, lambda: StoredBlobs(services.store.blobs, CONTAINER))
    with (
        pytest.MonkeyPatch.context() as environment,
        running_azurite(folder / "azurite", durable=True) as storage,
        serving_wsgi(_noting(facade, deployed)) as url,
        serving(served) as machines_url,
    ):
        environment.setenv("IDENTITY_ENDPOINT", f"{url}/identity")
        environment.setenv("IDENTITY_HEADER", header)
        credentials.credential.cache_clear()
        settings = Settings(
            SUBSCRIPTION,
            f"https://{VAULT}.vault.azure.net",
            storage,
            container=CONTAINER,
            loopback=url,
        )
        services = Services(settings)
        services.vault.set_if_absent(SLACK, f"{url}/services/lab", {})
        environs = {
            "SLIPWAY_STORAGE": storage,
            "SLIPWAY_CONTAINER": CONTAINER,
            "SLIPWAY_SUBSCRIPTION_ID": SUBSCRIPTION,
            "SLIPWAY_VAULT_URL": settings.vault_url,
            "SLIPWAY_LOOPBACK": url,
            "SLIPWAY_SLACK_SECRET": SLACK,
            "SLIPWAY_POLL_SECONDS": "1",
            "IDENTITY_ENDPOINT": f"{url}/identity",
            "IDENTITY_HEADER": header,
            "SLIPWAY_TEST_FOLDER": str(machines),
            "SLIPWAY_TEST_MACHINES": machines_url,
        }
        hosted = {"app": str(app), "settings": environs, "keys": KEYS, "storage": storage}
        host = HostProcess(engine | hosted, folder / "logs")
        host.start()
        try:
            yield Installation(folder, facade, fabric, served, services, host, deployed)
        finally:
            host.kill()
    credentials.credential.cache_clear()


def _noting(facade: AzureFacade, deployed: list[str]) -> Callable[[dict[str, Any], Any], Any]:
    """Passes each request on, and notes those that begin a deployment."""

    def served(environ: dict[str, Any], start_response: Any) -> Any:
        path = environ["PATH_INFO"].lower()
        name = path.partition(DEPLOYMENTS)[2]
        asked = environ["REQUEST_METHOD"] == "PUT" and name and "/" not in name

        def begin(status: str, *given: Any) -> Any:
            if asked and status.startswith("20"):
                deployed.append(path)
            return start_response(status, *given)

        return facade.wsgi_app(environ, begin)

    return served


def notes(installation: Installation) -> list[dict[str, Any]]:
    """What the workers noted, in order of time."""
    files = (installation.folder / "machines").glob("notes-*.jsonl")
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return sorted(lines, key=lambda line: line["at"])

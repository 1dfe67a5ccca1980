"""Four operations of one cluster: a failure, its resume, a maintenance that finds something, a
removal.

The engine is Microsoft's, in memory; orchestrators, activities and the clients of storage, vault,
groups and Slack are the app's, over real SDKs, against Azurite and the lab's stand-ins. Time, the
deployments and the machines behind SSH are simulated.
"""

import importlib
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from clients.azure import credentials
from clients.azure.arm import ResourceGroups
from clients.azure.blobs import Blobs
from clients.azure.vault import Vault
from clients.settings import Settings
from clients.slack import SlackWebhook
from clients.store import Store
from cluster.names import instance_id
from lab.simulation.run import Scenario, Simulation, simulation
from lab.testing.fabric import RememberingFabric
from lab.testing.serving import serving_wsgi
from lab.testing.standins import SUBSCRIPTION, AzureFacade
from telemetry.names import Attribute
from tests.lab.secret_forms import Forms, add, forms_of_vault
from tests.telemetry.heard import Heard

CLUSTER = "demo"
# By its name: the package has a function of the same one.
RECORDING = importlib.import_module("activities.record_events")
SMALL = Scenario(6, ready=60.0, play=90.0, tasks=12, cluster=CLUSTER, pool="worker")


@dataclass
class Story:
    """`payload`: what was put where a payload goes, and must not come out. `before`: how many spans
    were made while the operations were asked for, and did not exist yet."""

    heard: Heard
    store: Store
    facade: AzureFacade
    payload: str
    forms: Forms = field(default_factory=dict)
    before: int = 0

    def without(self) -> list[Any]:
        """Spans of no operation."""
        spans = self.heard.spans
        return [span for span in spans if Attribute.OPERATION not in (span.attributes or {})]

    def run(self, made: Simulation, ask: Callable[[], object]) -> None:
        known = len(self.without())
        ask()
        self.before += len(self.without()) - known
        made.engine.finish()

    @property
    def operations(self) -> list[str]:
        return [instance_id(CLUSTER, generation) for generation in (1, 2, 3, 4)]

    def slack(self) -> list[str]:
        lines = self.facade.slack._path.read_text(encoding="utf-8").splitlines()
        return [json.loads(line)["text"] for line in lines]


@contextmanager
def tell_story(heard: Heard, azurite: str, folder: Path) -> Iterator[Story]:
    payload, header = secrets.token_urlsafe(33), secrets.token_hex(8)
    config = {
        "state": str(folder),
        "subscription": SUBSCRIPTION,
        "vault": "slipway-test",
        "key": secrets.token_hex(16),
        "identityHeader": header,
    }
    facade = AzureFacade(config, RememberingFabric())
    with serving_wsgi(facade.wsgi_app) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("IDENTITY_ENDPOINT", f"{url}/identity")
        patch.setenv("IDENTITY_HEADER", header)
        credentials.credential.cache_clear()
        settings = Settings(
            SUBSCRIPTION,
            "https://slipway-test.vault.azure.net",
            azurite,
            container="telemetry",
            loopback=url,
            slack_secret="slack-webhook",
        )
        with simulation(replace(SMALL, spec={"tags": {"note": payload}})) as made:
            story = Story(heard, _connect(made, settings), facade, payload)
            patch.setattr(RECORDING, "SlackWebhook", SlackWebhook)
            token = secrets.token_urlsafe(32)
            made.services.vault.set_if_absent("slack-webhook", f"{url}/services/T0/B0/{token}", {})
            heard.clear()
            _live(story, made, patch)
        credentials.credential.cache_clear()
        stored = facade.vault.secrets | {n: d["versions"] for n, d in facade.vault.deleted.items()}
        story.forms |= forms_of_vault(stored)
        add(story.forms, "payload", payload.encode())
        add(story.forms, "webhook", token.encode())
        yield story


def _connect(made: Simulation, settings: Settings) -> Store:
    """Real clients where there are stand-ins."""
    made.services.settings = settings
    made.services.vault = Vault(settings)  # type: ignore[assignment]
    made.services.groups = ResourceGroups(settings)  # type: ignore[assignment]
    made.services.store = Store(Blobs(settings))
    made.context = replace(made.context, store=made.services.store)
    return made.services.store


def _live(story: Story, made: Simulation, patch: pytest.MonkeyPatch) -> None:
    made.fleet.play = replace(made.fleet.play, failing=1)
    patch.setattr("lab.simulation.play.MESSAGE", story.payload)
    story.facade.slack.change({"throttle": 2})
    with _storage_fails(story.store.blobs, story.payload):
        story.run(made, made.apply)
    made.fleet.play = replace(made.fleet.play, failing=0)
    story.run(made, made.apply)
    due = {"path": "/etc/etcd/pki/peer.crt", "ends": "2026-12-24T00:00:00+00:00"}
    made.fleet.due = {f"{CLUSTER}-etcd-0": [due]}
    story.run(made, made.maintain)
    made.fleet.due = {}
    story.run(made, made.delete)


@contextmanager
def _storage_fails(blobs: Any, text: str) -> Iterator[None]:
    """Fails once, by an unexpected exception that quotes its arguments."""
    append, left = blobs.append_at, [1]

    def failing(name: str, position: int, data: bytes) -> int:
        if position and left:
            left.pop()
            raise OSError(text)
        return append(name, position, data)

    blobs.append_at = failing
    try:
        yield
    finally:
        blobs.append_at = append

"""Every resource that the templates make, as Resource Manager gets it, for a range of specs and of
installations: whatever changes which resources there are, or which properties they have."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cluster.plan import Plan
from cluster.record import ClusterRecord
from cluster.sizes import Offer, Size, fitted
from lab.testing.templates import Concrete, Reference, is_pending, put_group
from tests.arm.deployments import complete, plan, run
from tests.arm.installation import SUBSCRIPTION, Installation

TAINTS = [{"key": "a", "value": "b", "effect": "NoSchedule"}]
SPECS: dict[str, dict[str, Any]] = {
    "plain": {},
    "small": {"etcd": {"count": 1}, "workers": [{"name": "worker", "count": 1}]},
    "in zones": {"zones": ["1", "2", "3"], "controlPlane": {"count": 3}},
    "in one zone": {"zones": ["2"]},
    "with a public frontend": {
        "controlPlane": {"count": 3, "publicApi": {"allowedSources": ["203.0.113.0/24"]}},
        "network": {"allowedSources": ["198.51.100.7/32"]},
    },
    "in zones with a public frontend": {
        "zones": ["1", "3"],
        "controlPlane": {"count": 5, "publicApi": {"allowedSources": ["203.0.113.9/32"]}},
    },
    "with pools": {
        "etcd": {"count": 5, "dataDiskGiB": 64},
        "workers": [
            {"name": "a", "count": 2, "osDiskGiB": 128, "labels": {"x": "y"}},
            {"name": "b", "count": 1, "vmSize": "Standard_E4s_v5", "taints": TAINTS},
        ],
    },
    "with all that is given": {
        "adminUser": "somebody",
        "tags": {"team": "a"},
        "controller": {"keep": True},
        "artifacts": {"url": "https://mirror.example", "manifestSha256": "0" * 64},
        "proxy": {"http": "http://10.9.9.9:3128"},
    },
    "with a hundred workers": {"workers": [{"name": "worker", "count": 120}]},
}
# What a region says of its sizes, which the templates follow.
PLAIN = {"family": "plain", "vcpus": 4, "generations": ("V2",), "trusted_launch": False}
OFFERS: dict[str, dict[str, Any]] = {
    "with old sizes": PLAIN,
    "with sizes that have NVMe only": PLAIN | {"controllers": ("NVMe",), "premium_storage": True},
    "with accelerated networking": PLAIN | {"accelerated_networking": True, "trusted_launch": True},
}
INSTALLATIONS: dict[str, dict[str, Any]] = {
    "by default": {},
    "on the scheduler": {"durableBackend": "durableTaskScheduler"},
    "open to operators": {"operatorSources": ["*"], "storageSku": "Standard_LRS"},
    "with all that is given": {
        "alertEmail": "operator@example.org",
        "alwaysReadyInstances": 0,
        "appSettings": {"SLIPWAY_POLL_SECONDS": "30"},
        "defaultArtifacts": {"url": "https://mirror.example", "manifestSha256": "0" * 64},
        "instanceMemoryMB": 4096,
        "location": "northeurope",
        "logRetentionDays": 30,
        "maximumInstanceCount": 100,
        "name": "second",
        "operatorSources": ["198.51.100.7", "203.0.113.0/24"],
        "profiles": "{}",
        "slackSecret": "slack-webhook",
        "tags": {"team": "a"},
        "vnetCidr": "10.9.0.0/26",
    },
}


@dataclass(frozen=True)
class Expanded:
    """`origin` names the template's parameters, for the message of a test."""

    origin: str
    type: str
    version: str
    name: str
    body: dict[str, Any]


class Recorded(Installation):
    """An installation that keeps what is put, with every reference settled."""

    def __init__(self, directory: Path, origin: str) -> None:
        directory.mkdir()
        super().__init__(directory)
        self.resources: list[Expanded] = []
        put = self.service.deployer._put

        def recording(location: str, concrete: Concrete, reference: Reference) -> bool:
            self.resources.append(_expanded(origin, concrete, concrete.settled(reference)))
            return put(location, concrete, reference)

        self.service.deployer._put = recording  # type: ignore[method-assign]


def _expanded(origin: str, concrete: Concrete, body: dict[str, Any]) -> Expanded:
    return Expanded(origin, concrete.type, concrete.api_version, concrete.name, body)


def _of_clusters() -> Iterator[Expanded]:
    for title, spec in SPECS.items():
        yield from _of_plan(f"cluster {title}", plan(**spec))
    for domains, (title, size) in enumerate(OFFERS.items(), 1):
        wanted = plan()
        names = {str(d.parameters["vmSize"]) for d in wanted.deployments if d.nodes}
        offer = Offer({name: Size(name, **size) for name in names}, fault_domains=domains)
        record = ClusterRecord(name=wanted.cluster, uid=wanted.uid)
        yield from _of_plan(f"cluster in a region {title}", fitted(wanted, offer, record))


def _of_plan(origin: str, wanted: Plan) -> Iterator[Expanded]:
    for deployment in wanted.deployments:
        for concrete in run(deployment.template, complete(deployment)).resources:
            assert not is_pending(concrete.body), f"{concrete.id} is not settled"
            yield _expanded(origin, concrete, concrete.body)


def _of_installations(directory: Path) -> Iterator[Expanded]:
    for number, (title, given) in enumerate(INSTALLATIONS.items()):
        made = Recorded(directory / str(number), f"installation {title}")
        made.install(**given)
        yield from made.resources
    yield from _with_events(directory / "events")
    yield from _kept_to_groups(directory / "groups")


def _with_events(directory: Path) -> Iterator[Expanded]:
    """A topic of its own, alerts on it, and the topic of another group."""
    made = Recorded(directory, "installation with events")
    made.install()
    made.publish()
    topic = made.subscribe()["topicResourceId"]
    made.install(systemTopicResourceId=topic, alertEmail="operator@example.org")
    made.subscribe(existingTopic=topic.rpartition("/")[2])
    yield from made.resources


def _kept_to_groups(directory: Path) -> Iterator[Expanded]:
    made = Recorded(directory, "installation kept to groups")
    for name in ("team-a", "team-b"):
        put_group(made.state, SUBSCRIPTION, name, {"location": "westeurope"})
    made.install(clusterGroups=["team-a", "team-b"])
    yield from made.resources


@cache
def everything() -> tuple[Expanded, ...]:
    """Once for a process."""
    with tempfile.TemporaryDirectory() as directory:
        return (*_of_clusters(), *_of_installations(Path(directory)))

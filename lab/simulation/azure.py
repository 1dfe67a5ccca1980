"""ARM as the activities' clients see it, and all services together: in memory, with simulated
durations and counted calls."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from clients.azure.arm import Group, Resource
from clients.azure.compute import Usage, Vm
from clients.azure.deployments import ENDED, DeploymentState, ListedDeployment
from clients.azure.validation import ArmError
from clients.settings import Settings
from clients.store import Store
from cluster.allowed_fields import ANYTHING, DEFAULT
from cluster.machine_forms import MachineForm
from cluster.roles import WORKER
from cluster.sizes import Offer, Size
from lab.simulation.clock import Clock
from lab.simulation.storage import Blobs, Vault

# Duration of one call in seconds: an estimate that still has to be measured in a subscription.
ARM_SECONDS = 0.3
NETWORK_SECONDS, MACHINES_SECONDS, POWER_SECONDS = 40.0, 150.0, 40.0
ADDRESS = "203.0.113.7"
PLENTY = Usage(0, 1_000_000)

SETTINGS = Settings(
    subscription_id="00000000-0000-4000-8000-000000000000",
    vault_url="https://simulated.vault.azure.net",
    storage="https://simulated.blob.core.windows.net",
    slack_secret="slack-webhook",  # noqa: S106 -- the secret's name
    # As in the lab: whoever simulates is the operator.
    allowed_fields=dict.fromkeys(DEFAULT, (ANYTHING,)),
)


@dataclass
class Cloud:
    """The existing resources with their creation time (seconds of the clock), and the number of
    calls."""

    clock: Clock
    calls: Counter[str] = field(default_factory=Counter[str])
    group: Group | None = None
    deployments: dict[str, tuple[float, dict[str, Any]]] = field(
        default_factory=dict[str, tuple[float, dict[str, Any]]]
    )
    machines: dict[str, float] = field(default_factory=dict[str, float])
    power: dict[str, tuple[str, float]] = field(default_factory=dict[str, tuple[str, float]])
    forms: dict[str, MachineForm] = field(default_factory=dict[str, MachineForm])
    # The tags of what was deployed last, and resources that others made.
    tags: dict[str, str] = field(default_factory=dict[str, str])
    others: list[Resource] = field(default_factory=list[Resource])
    # If set, deployments of workers fail with it.
    failing: ArmError | None = None
    of_workers: set[str] = field(default_factory=set[str])
    largest_request: int = 0

    def call(self, count: int = 1) -> None:
        self.calls["ARM calls"] += count
        self.clock.spend(ARM_SECONDS * count)


class Groups:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def get(self, name: str) -> Group | None:
        del name
        self._cloud.call()
        return self._cloud.group

    def exists(self, name: str) -> bool:
        return self.get(name) is not None

    def create(self, name: str, location: str, tags: dict[str, str]) -> Group:
        self._cloud.call()
        self._cloud.group = Group(name, location, tags, "Succeeded")
        return self._cloud.group

    def replace_tags(self, name: str, tags: dict[str, str]) -> None:
        self._cloud.call()
        if found := self._cloud.group:
            self._cloud.group = Group(name, found.location, tags, found.provisioning_state)

    def begin_delete(self, name: str) -> str | None:
        self._cloud.call()
        found = self._cloud.group
        if found:
            self._cloud.group = Group(name, found.location, found.tags, "Deleting")
            self._cloud.clock.at(self._cloud.clock.seconds + MACHINES_SECONDS, self._gone)
        return "https://management.azure.com/operations/delete"

    def _gone(self) -> None:
        self._cloud.group = None
        self._cloud.machines.clear()


class Resources:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def list(self, group: str) -> list[Resource]:
        """Returns the machines, which stand for all that a deployment makes, and what a test put
        there."""
        del group
        self._cloud.call(1 + len(self._cloud.machines) // 1000)
        kind = "Microsoft.Compute/virtualMachines"
        machines = [
            Resource(f"/machines/{name}", kind, name, self._cloud.tags)
            for name in self._cloud.machines
        ]
        return [*machines, *self._cloud.others]

    def begin_delete(self, resource_id: str, api_version: str | None = None) -> None:
        del api_version
        self._cloud.call()
        self._cloud.machines.pop(resource_id.rpartition("/")[2], None)


class Operations:
    """The operations that go on: the deletion of the group."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def goes_on(self, url: str) -> bool:
        del url
        self._cloud.call()
        return self._cloud.group is not None


class Deployments:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def start(
        self, group: str, name: str, template: dict[str, Any], parameters: dict[str, Any]
    ) -> None:
        del group
        cloud = self._cloud
        cloud.call()
        size = len(json.dumps({"template": template, "parameters": parameters}))
        cloud.largest_request = max(cloud.largest_request, size)
        cloud.tags = parameters.get("ownerTags", {}).get("value", {})
        nodes = parameters.get("nodes", {}).get("value", [])
        until = cloud.clock.seconds + (MACHINES_SECONDS if nodes else NETWORK_SECONDS)
        cloud.deployments[name] = (until, {"controllerPublicAddress": ADDRESS})
        if parameters.get("role", {}).get("value") == WORKER:
            cloud.of_workers.add(name)
        if not cloud.failing:
            cloud.machines |= {node["name"]: until for node in nodes}
            given = {name: value.get("value") for name, value in parameters.items()}
            form = MachineForm(
                given.get("vmSize") or "",
                given.get("imageVersion") or "",
                given.get("osDiskGiB"),
                given.get("dataDiskGiB") or None,
            )
            cloud.forms |= {node["name"]: form for node in nodes}

    def get(self, group: str, name: str) -> DeploymentState | None:
        del group
        cloud = self._cloud
        cloud.call()
        found = cloud.deployments.get(name)
        if found is None:
            return None
        if cloud.clock.seconds < found[0]:
            return DeploymentState("Running", {}, retry_after=15.0, tags=cloud.tags)
        if cloud.failing and name in cloud.of_workers:
            return DeploymentState("Failed", {}, cloud.failing, tags=cloud.tags)
        return DeploymentState("Succeeded", found[1], tags=cloud.tags)

    def active(self, group: str) -> list[ListedDeployment]:
        return [one for one in self.every(group) if one.state not in ENDED]

    def every(self, group: str) -> list[ListedDeployment]:
        """Every deployment has the tags of the last one."""
        del group
        self._cloud.call()
        now = self._cloud.clock.seconds
        return [
            ListedDeployment(name, "Running" if now < until else "Succeeded", self._cloud.tags)
            for name, (until, _) in self._cloud.deployments.items()
        ]

    def cancel(self, group: str, name: str) -> None:
        del group
        self._cloud.call()
        self._cloud.deployments.pop(name, None)

    def validate(
        self, group: str, template: dict[str, Any], parameters: dict[str, Any]
    ) -> list[ArmError]:
        del group, template, parameters
        self._cloud.call()
        return []

    def validate_new_group(
        self, location: str, group: str, template: dict[str, Any], parameters: dict[str, Any]
    ) -> list[ArmError]:
        del location
        return self.validate(group, template, parameters)


class Compute:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def vm(self, group: str, name: str) -> Vm | None:
        del group
        self._cloud.call()
        if self._cloud.machines.get(name, float("inf")) > self._cloud.clock.seconds:
            return None
        power, since = self._cloud.power.get(name, ("running", 0.0))
        if power == "starting" and self._cloud.clock.seconds > since + POWER_SECONDS:
            power = "running"
        if power == "deallocating" and self._cloud.clock.seconds > since + POWER_SECONDS:
            power = "deallocated"
        return Vm(name, "Succeeded", power, self._cloud.tags)

    def vms(self, group: str) -> list[Vm]:
        del group
        self._cloud.call(1 + len(self._cloud.machines) // 100)
        now = self._cloud.clock.seconds
        return [
            Vm(name, "Succeeded", form=self._cloud.forms.get(name, MachineForm()))
            for name, at in self._cloud.machines.items()
            if at <= now
        ]

    def start(self, group: str, name: str) -> None:
        self._power(group, name, "starting")

    def deallocate(self, group: str, name: str) -> None:
        self._power(group, name, "deallocating")

    def usages(self, location: str) -> dict[str, Usage]:
        del location
        self._cloud.call()
        return {"cores": PLENTY, "virtualMachines": PLENTY}

    def offer(self, location: str) -> Offer:
        del location
        self._cloud.call(4)
        sizes = ("Standard_B2s_v2", "Standard_D2s_v5", "Standard_D4s_v5")
        zones = ("1", "2", "3")
        return Offer({name: Size(name, "family", 4, zones, data_disks=8) for name in sizes}, 3)

    def _power(self, group: str, name: str, power: str) -> None:
        del group
        self._cloud.call()
        self._cloud.power[name] = (power, self._cloud.clock.seconds)


class Services:
    """In place of `clients.services.Services`."""

    def __init__(self, clock: Clock, settings: Settings = SETTINGS) -> None:
        self.settings = settings
        self.cloud = Cloud(clock)
        self.store = Store(Blobs(clock, self.cloud.calls))  # type: ignore[arg-type]
        self.vault = Vault(clock, self.cloud.calls)
        self.groups, self.resources = Groups(self.cloud), Resources(self.cloud)
        self.deployments, self.compute = Deployments(self.cloud), Compute(self.cloud)
        self.operations = Operations(self.cloud)

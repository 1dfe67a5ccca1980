"""The app's rights are exactly those that it needs.

What it needs is not written down here: every call of clients/ is made against the stand-ins and
its request turned into the action that Azure checks; what the templates create, and what they put
on each other, is read from the templates. Source of the rule: Azure's reference of operations
(GET: read, PUT and PATCH: write, DELETE: delete, POST: …/action).
"""

import inspect
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import clients
from clients.azure.arm import DELETE_VERSIONS, ResourceGroups, Resources
from clients.azure.compute import Compute
from clients.azure.deployments import Deployments
from clients.azure.event_grid import EventGrid
from clients.azure.loopback import LoopbackTransport
from clients.azure.operations import Operations
from clients.azure.vault import Vault
from clients.settings import Settings
from lab.arm import references
from lab.testing.standins import Azure
from planning import templates
from tests.arm.deployments import deploy as evaluated
from tests.arm.deployments import plan
from tests.arm.installation import load

GROUP = "demo-rg"
VERBS = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
CLIENTS = (ResourceGroups, Resources, Deployments, Compute, EventGrid, Operations)
# The modules that talk to ARM; validation.py is called by Deployments, transport.py by all.
TALKERS = {"arm.py", "deployments.py", "management.py", "transport.py", "validation.py"}
# What the stand-in never makes the code ask: it validates at once, ARM may take its time.
# The lists of actions in the template: of the subscription, of groups themselves, inside of groups.
PARTS = {
    "actions": ("capacityActions", "groupActions", "clusterActions"),
    "dataActions": ("dataActions",),
}
LATE = "Microsoft.Resources/subscriptions/operationresults/read"


def granted(part: str) -> dict[str, str]:
    """Actions and their reasons, as the template has them."""
    found: dict[str, str] = {}
    for name in PARTS[part]:
        found |= load("rights")["variables"][name]
    return found


def action(method: str, url: str) -> str:
    """What ARM checks of a request."""
    path = urlsplit(url).path.strip("/")
    words = path.split("/")[2:]
    before, _, after = "/".join(words).partition("providers/")
    if after:
        namespace, *rest = after.split("/")
        posted = f"/{rest.pop()}/action" if method == "POST" else ""
        kind = "/".join([namespace, *rest[::2]])
        return f"{kind}{posted}" if posted else f"{kind}/{VERBS[method]}"
    kinds = "/".join(before.split("/")[::2])
    if kinds.lower() == "resourcegroups/deployments/operations":
        return f"Microsoft.Resources/deployments/operations/{VERBS[method]}"
    return f"Microsoft.Resources/subscriptions/{kinds}/{VERBS[method]}"


def data_action(method: str, url: str) -> str:
    """What Key Vault checks of a request for secrets."""
    words = urlsplit(url).path.strip("/").split("/")
    match (method, words):
        case ("GET", ["secrets", _, "versions"]):
            verb = "readMetadata/action"
        case ("GET", ["secrets", _, *_]):
            verb = "getSecret/action"
        case ("PUT", ["secrets", _]):
            verb = "setSecret/action"
        case ("DELETE", ["secrets", _]):
            verb = "delete"
        case ("POST", ["deletedsecrets", _, "recover"]):
            verb = "recover/action"
        case _:
            raise AssertionError(f"no data action is known for {method} {words}")
    return f"Microsoft.KeyVault/vaults/secrets/{verb}"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Every request of the SDK clients from here on: method and Azure's own URL."""
    found: list[tuple[str, str]] = []
    send = LoopbackTransport.send

    def noted(self: LoopbackTransport, request: Any, **options: Any) -> Any:
        found.append((request.method, request.url))
        return send(self, request, **options)

    monkeypatch.setattr(LoopbackTransport, "send", noted)
    return found


def small() -> dict[str, Any]:
    """A template with nothing in it."""
    schema = templates.template("network")
    return {key: schema[key] for key in ("$schema", "contentVersion")} | {"resources": []}


def calls(settings: Settings) -> dict[str, Callable[[], Any]]:
    """One call of each public method that talks to ARM, in an order that works."""
    groups, resources = ResourceGroups(settings), Resources(settings)
    deployments, compute = Deployments(settings), Compute(settings)
    grid, operations = EventGrid(settings), Operations(settings)
    deleting: list[str | None] = []
    disk = f"/subscriptions/{settings.subscription_id}/resourceGroups/{GROUP}"
    disk += "/providers/Microsoft.Compute/disks/none"
    topic = disk.replace("Compute/disks", "EventGrid/systemTopics")
    return {
        "ResourceGroups.create": lambda: groups.create(GROUP, "westeurope", {}),
        "ResourceGroups.get": lambda: groups.get(GROUP),
        "ResourceGroups.names": groups.names,
        "ResourceGroups.exists": lambda: groups.exists(GROUP),
        "ResourceGroups.replace_tags": lambda: groups.replace_tags(GROUP, {}),
        "Resources.list": lambda: resources.list(GROUP),
        "Resources.begin_delete": lambda: resources.begin_delete(disk),
        "Deployments.start": lambda: deployments.start(GROUP, "d", small(), {}),
        "Deployments.get": lambda: deployments.get(GROUP, "d"),
        "Deployments.active": lambda: deployments.active(GROUP),
        "Deployments.every": lambda: deployments.every(GROUP),
        "Deployments.operations": lambda: deployments.operations(GROUP, "d"),
        "Deployments.cancel": lambda: deployments.cancel(GROUP, "d"),
        "Deployments.validate": lambda: deployments.validate(GROUP, small(), {}),
        "Deployments.validate_new_group": lambda: deployments.validate_new_group(
            "westeurope", "new-rg", small(), {}
        ),
        "Compute.vm": lambda: compute.vm(GROUP, "none"),
        "Compute.vms": lambda: compute.vms(GROUP),
        "Compute.start": lambda: _tried(lambda: compute.start(GROUP, "none")),
        "Compute.deallocate": lambda: _tried(lambda: compute.deallocate(GROUP, "none")),
        "Compute.usages": lambda: compute.usages("westeurope"),
        "Compute.offer": lambda: compute.offer("westeurope"),
        "EventGrid.subscriptions": lambda: _tried(lambda: grid.subscriptions(topic)),
        "EventGrid.topics": grid.topics,
        "ResourceGroups.begin_delete": lambda: deleting.append(groups.begin_delete(GROUP)),
        "Operations.goes_on": lambda: operations.goes_on(deleting[0] or ""),
    }


def _tried(call: Callable[[], Any]) -> None:
    """A refusal of what is not there: the request counts."""
    with pytest.raises(Exception, match="none"):
        call()


def needed_by_code(settings: Settings, asked: list[tuple[str, str]]) -> set[str]:
    for call in calls(settings).values():
        call()
    return {action(*request) for request in asked}


def needed_by_templates() -> set[str]:
    """Creating, reading and removing what the templates hold, and joining what they name."""
    found: set[str] = set()
    for path in templates.TEMPLATES.glob("*.json"):
        for resource in json.loads(path.read_text())["resources"]:
            kind = resource["type"]
            found |= {f"{kind}/read", f"{kind}/write"}
            if kind.count("/") == 1:  # parts go with their whole
                found.add(f"{kind}/delete")
    for spec in ({"zones": ["1"]}, {"controlPlane": {"count": 3}}):
        found |= set(_joined(spec))
    return found


def _joined(spec: dict[str, Any]) -> Iterator[str]:
    control = {"publicApi": {"allowedSources": ["198.51.100.0/24"]}} | spec.pop("controlPlane", {})
    wanted = plan(controlPlane=control, **spec)
    for deployment in wanted.deployments:
        for concrete in evaluated(wanted, deployment.part).resources:
            for target in references.named_ids(concrete.body):
                inside = f"{target}/".lower().startswith(f"{concrete.id}/".lower())
                if "/providers/Microsoft.Network/" in target and not inside:
                    words = target.rpartition("/providers/")[2].split("/")
                    yield "/".join([words[0], *words[1::2], "join", "action"])


def test_every_method_that_talks_to_arm_is_called_here() -> None:
    known = set(calls(Settings("s", "https://vault.vault.azure.net", "unused")))
    public = {
        f"{client.__name__}.{name}"
        for client in CLIENTS
        for name, _ in inspect.getmembers(client, inspect.isfunction)
        if not name.startswith("_")
    }
    assert public == known
    sources = Path(clients.__path__[0]).rglob("*.py")
    named = {p.name for p in sources if re.search(r"arm_options\(|MANAGEMENT", p.read_text())}
    assert named == TALKERS


def test_the_role_for_clusters_has_what_is_needed_and_no_more(
    azure: Azure, asked: list[tuple[str, str]]
) -> None:
    needed = needed_by_code(azure.settings, asked) | needed_by_templates() | {LATE}
    known = {name.lower() for name in granted("actions")}
    wanted = {name.lower() for name in needed}
    assert wanted - known == set(), "the code does what the role does not allow"
    assert known - wanted == set(), "the role allows what nothing needs"


def test_the_role_for_secrets_has_what_is_needed_and_no_more(
    azure: Azure, asked: list[tuple[str, str]]
) -> None:
    vault = Vault(azure.settings)
    public = {n for n, _ in inspect.getmembers(Vault, inspect.isfunction) if n[0] != "_"}
    assert public == {"get", "set_if_absent", "replace", "delete", "tags_of_versions"}
    first = vault.set_if_absent("a", "1", {})
    vault.replace("a", "2")
    vault.get("a")
    vault.get("a", first.version)
    vault.tags_of_versions("a")
    vault.delete("a")
    assert vault.set_if_absent("a", "3", {}).value == "2"  # recovered, not made anew
    assert {data_action(*request) for request in asked} == set(granted("dataActions"))


@pytest.mark.parametrize("part", ["actions", "dataActions"])
def test_every_right_says_what_it_is_for(part: str) -> None:
    for name, reason in granted(part).items():
        assert "*" not in name
        assert reason.endswith("."), name


def test_the_types_that_can_be_deleted_may_be_deleted() -> None:
    deletable = {n.removesuffix("/delete").lower() for n in granted("actions") if "/delete" in n}
    for kind in deletable - {"microsoft.resources/subscriptions/resourcegroups"}:
        assert kind in DELETE_VERSIONS or kind.partition("/")[0] in DELETE_VERSIONS

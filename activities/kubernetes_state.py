"""Asks the control planes for the versions of the cluster's nodes, and the controller for the
version of the manifest."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypedDict, cast

import yaml

from activities.control_planes import CONFIG, control_planes
from activities.controller_ssh import Controller
from clients.errors import Refused, Transient
from cluster.on_node import program
from cluster.outcomes import cut
from cluster.plan import Plan
from cluster.record import PlannedNode
from cluster.roles import CONTROL_PLANE
from telemetry import spans

COMMAND_SECONDS = 75.0
PARALLEL = 5
TEXT_CHARACTERS = 300
# The play keeps the manifest there (roles/artifacts).
MANIFEST = "/var/lib/slipway/artifacts/manifest.yml"


class Node(TypedDict):
    """A node as the API server knows it."""

    kubelet: str
    boot: str
    ready: bool
    cordoned: bool
    leaving: bool


class KubernetesState(TypedDict):
    """The output of the program."""

    version: str
    nodes: dict[str, Node]
    components: dict[str, dict[str, str]]
    requested: list[dict[str, str]]


def kubernetes_state(connection: Controller) -> KubernetesState | None:
    """Returns what a ready API server says, or None if the cluster has no Kubernetes.

    Raises:
        Transient: no API server is ready, or the program failed.
    """
    found = control_planes(connection)
    if not found.installed:
        return None
    if found.ready is None:
        raise Transient(cut(f"no API server is ready: {'; '.join(found.faults)}", TEXT_CHARACTERS))
    return state_on(connection, found.ready, metrics=False)


def state_on(connection: Controller, slot: PlannedNode, *, metrics: bool) -> KubernetesState:
    """Returns what the API server of one control plane says.

    Raises:
        Transient: it does not answer, or its answer was cut off.
    """
    command = ["sudo", "python3", "-c", program("kubernetes_state")]
    stdin = json.dumps({"config": CONFIG, "metrics": metrics}).encode()
    done = connection.run_on(slot, command, stdin, COMMAND_SECONDS)
    if done.exit != 0:
        text = done.stderr.decode(errors="replace").strip() or f"exit code {done.exit}"
        raise Transient(cut(f"{slot.name}: {text}", TEXT_CHARACTERS))
    try:
        return cast(KubernetesState, json.loads(done.stdout))
    except ValueError:
        raise Transient(f"the answer of {slot.name} was cut off") from None


def each_control_plane(connection: Controller) -> dict[str, KubernetesState | str]:
    """Returns what each API server says, with its metrics, or why it does not answer."""
    members = [slot for slot in connection.plan.nodes if slot.role == CONTROL_PLANE]

    def ask(slot: PlannedNode) -> KubernetesState | str:
        try:
            return state_on(connection, slot, metrics=True)
        except (Transient, Refused) as error:
            return str(error)

    with ThreadPoolExecutor(PARALLEL) as pool:
        asked = pool.map(spans.carried(ask), members)
        return {slot.name: answer for slot, answer in zip(members, asked, strict=True)}


def manifest_version(connection: Controller) -> str:
    """Returns the patch release that the manifest has of the spec's minor, such as 1.36.2.

    Raises:
        Transient: the controller has no manifest yet.
        Refused: ManifestUnreadable, it lacks the minor.
    """
    done = connection.ssh.run(["sudo", "cat", MANIFEST], timeout=COMMAND_SECONDS)
    if done.exit != 0:
        raise Transient(f"the controller has no manifest: {done.stderr.decode(errors='replace')}")
    return _version_in(done.stdout, connection.plan)


def _version_in(content: bytes, plan: Plan) -> str:
    minor = plan.spec.kubernetes.minor
    try:
        document: Any = yaml.safe_load(content)
        release = cast(Mapping[str, Any], document)["kubernetes"][minor]
        return str(release["version"]).partition("+")[0]
    except (yaml.YAMLError, KeyError, TypeError):
        text = f"the manifest on the controller names no version for Kubernetes {minor}"
        raise Refused("ManifestUnreadable", text, place="kubernetes.version") from None

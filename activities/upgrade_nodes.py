"""Activities next_upgrade, drain_node and return_node: the nodes of an upgrade, one by one.

What is done is read from the nodes: a run that goes on with an upgrade repeats nothing.
"""

from collections.abc import Iterator

from activities.controller_ssh import controller
from activities.drain_nodes import ask_drain, blocked_pods
from activities.kubernetes_state import (
    KubernetesState,
    Node,
    kubernetes_state,
    manifest_version,
)
from activities.node_versions import keep_versions, versions_in
from activities.registration import activity
from clients.errors import Refused, Transient
from clients.services import services
from cluster.contracts import (
    DRAIN_NODE,
    NEXT_UPGRADE,
    RETURN_NODE,
    DrainResult,
    NextNode,
    UpgradeInput,
    UpgradeNode,
)
from cluster.on_node.kubernetes_state import COMPONENTS
from cluster.outcomes import Outcome
from cluster.plan import Plan
from cluster.upgrades import release_of, upgrade_order

SOON = 2.0


@activity(NEXT_UPGRADE)
def next_upgrade(ref: UpgradeInput) -> NextNode:
    """Returns the first node of the role that does not have the manifest's version, or that an
    upgrade left unschedulable.

    A machine that is not a node yet joins with the new version, in the play after the upgrade.

    Raises:
        Transient: no API server is ready.
        Refused: UpgradeRefused, the cluster has a later version than the manifest.
    """
    plan = services().store.need_plan(ref)
    with controller(plan) as connection:
        state = kubernetes_state(connection)
        if state is None:
            return NextNode()
        version = manifest_version(connection)
    keep_versions(ref, versions_in(state))
    nodes = dict(_nodes(plan, ref.role, state))
    _refuse_going_back(nodes, version)
    left = [name for name in nodes if not _is_done(name, state, version)]
    done = len(nodes) - len(left)
    if not left:
        return NextNode(version=version, done=done, total=len(nodes))
    return NextNode(
        node=left[0],
        before=nodes[left[0]]["kubelet"],
        upgraded=_has(left[0], state, version),
        version=version,
        done=done,
        total=len(nodes),
    )


@activity(DRAIN_NODE)
def drain_node(ref: UpgradeNode) -> DrainResult:
    """Makes one pass: cordons the node and evicts its pods.

    A node that has the new version is left alone: an execution that comes late would make a node
    unschedulable that nothing returns any more.

    Raises:
        Transient: no API server is ready, or the control plane could not be asked.
        Refused: ManifestUnreadable.
    """
    plan = services().store.need_plan(ref)
    asked = {"leaving": [ref.node], "force": plan.force, "delete": ref.step != "evict"}
    with controller(plan) as connection:
        state = kubernetes_state(connection)
        if state is not None and (node := state["nodes"].get(ref.node)):
            if _has(ref.node, state, manifest_version(connection)):
                return DrainResult(looked=True, emptied=1, newly=(ref.node,))
            asked |= {"seen": {ref.node: {"kubeletVersion": node["kubelet"]}}}
        answer = ask_drain(connection, asked)
    empty = answer is None or ref.node in answer["drained"]
    done = empty or ref.step == "leave"
    return DrainResult(
        state="done" if done else "wait",
        retry_after=None if done else services().settings.poll_seconds,
        looked=True,
        kubernetes=answer is not None,
        emptied=int(empty),
        newly=(ref.node,) if empty else (),
        pods=0 if answer is None else max(answer["left"].get(ref.node, 0), 0),
        blocked=() if done or answer is None else blocked_pods(answer["blocked"]),
    )


@activity(RETURN_NODE)
def return_node(ref: UpgradeNode) -> Outcome:
    """Makes the node schedulable again. With the step `leave` at once; otherwise when it is ready
    and has the new version.

    Raises:
        Transient: it is not yet, or no API server is ready.
    """
    plan = services().store.need_plan(ref)
    with controller(plan) as connection:
        if ref.step != "leave":
            state = kubernetes_state(connection)
            if state is not None:
                keep_versions(ref, versions_in(state))
                if text := _missing(ref.node, state, manifest_version(connection)):
                    raise Transient(f"{ref.node}: {text}", services().settings.poll_seconds)
        answer = ask_drain(connection, {"returning": [ref.node]})
    if answer is not None and ref.node not in answer["returned"]:
        return Outcome(state="wait", retry_after=SOON)
    return Outcome()


def _nodes(plan: Plan, role: str, state: KubernetesState) -> Iterator[tuple[str, Node]]:
    """Yields the nodes of the role in the plan's order, which is by pools."""
    for slot in upgrade_order(plan, role):
        node = state["nodes"].get(slot.name)
        if node is not None and slot.name not in plan.missing:
            yield slot.name, node


def _refuse_going_back(nodes: dict[str, Node], version: str) -> None:
    wanted = release_of(version)
    for name, node in nodes.items():
        has = release_of(node["kubelet"])
        if wanted and has and has > wanted:
            text = f"{name} has {node['kubelet']}, and the manifest {version}; Kubernetes cannot "
            text += "go back"
            raise Refused("UpgradeRefused", text, place=name)


def _has(name: str, state: KubernetesState, version: str) -> bool:
    """Returns whether the kubelet, and on a control plane every component, has the version."""
    wanted = release_of(version)
    node, parts = state["nodes"][name], state["components"].get(name)
    if release_of(node["kubelet"]) != wanted:
        return False
    return parts is None or all(release_of(parts.get(one, "")) == wanted for one in COMPONENTS)


def _is_done(name: str, state: KubernetesState, version: str) -> bool:
    return _has(name, state, version) and not state["nodes"][name]["leaving"]


def _missing(name: str, state: KubernetesState, version: str) -> str:
    """Returns what the node lacks after its upgrade, or ""."""
    node = state["nodes"].get(name)
    if node is None:
        return "the API server does not know the node"
    if not _has(name, state, version):
        parts = ", ".join(
            f"{part} {found or 'not ready'}"
            for part, found in state["components"].get(name, {}).items()
        )
        return f"it has kubelet {node['kubelet']}{f' ({parts})' if parts else ''}, not {version}"
    return "" if node["ready"] else "it is not ready"

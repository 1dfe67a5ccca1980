"""Activity assess_upgrade: decides whether the cluster may be upgraded, before it is changed."""

from collections.abc import Iterator

from activities.controller_ssh import Controller, controller
from activities.kubernetes_state import KubernetesState, each_control_plane, kubernetes_state
from activities.node_versions import keep_versions, versions_in
from activities.registration import activity
from activities.verify_cluster import etcd_question
from clients.errors import Refused, Transient
from clients.services import services
from cluster.contracts import ASSESS_UPGRADE, RunRef, UpgradeFound
from cluster.outcomes import cut
from cluster.plan import Plan
from cluster.record import ClusterRecord
from cluster.roles import ETCD
from cluster.upgrades import Release, release_of

COMMAND_SECONDS = 20.0
FAULTS_TOLD, APIS_TOLD, TEXT_CHARACTERS = 5, 20, 300


@activity(ASSESS_UPGRADE)
def assess_upgrade(ref: RunRef) -> UpgradeFound:
    """Examines versions, health and requested APIs.

    If an earlier run has begun the upgrade, nodes and etcd members need not be healthy: the upgrade
    repairs them, and its plays replace members that lost their data.

    Raises:
        Transient: no API server is ready.
        Refused: UpgradeRefused, ClusterUnhealthy, RemovedApis.
    """
    plan, store = services().store.need_plan(ref), services().store
    record, _ = store.need_record(ref.cluster)
    if plan.leaving:
        text = f"nodes are being removed: {', '.join(slot.name for slot in plan.leaving)}"
        raise Refused("UpgradeRefused", cut(text, TEXT_CHARACTERS), place="workers")
    with controller(plan) as connection:
        state = kubernetes_state(connection)
        if state is None:
            if record.access is not None:
                text = "no control plane has Kubernetes any more, although the cluster had it"
                raise Refused("ClusterUnhealthy", text)
            return UpgradeFound(kubernetes=False)
        keep_versions(ref, versions_in(state))
        _check_versions(state, plan, record)
        resumed = bool(record.upgrading)
        answers = each_control_plane(connection)
        faults: list[str] = []
        if not resumed:
            faults += [*_etcd_faults(connection), *_node_faults(state, plan)]
            faults += [
                f"{name}: {found}" for name, found in answers.items() if isinstance(found, str)
            ]
        if faults:
            text = f"{len(faults)} faults: {'; '.join(faults[:FAULTS_TOLD])}"
            raise Refused("ClusterUnhealthy", cut(text, 1000))
        _check_requested(answers, plan)
    return UpgradeFound(version=state["version"], nodes=len(state["nodes"]), resumed=resumed)


def _check_versions(state: KubernetesState, plan: Plan, record: ClusterRecord) -> None:
    """Refuses an upgrade that skips a minor, goes back, or meets nodes from which it cannot begin.

    Raises:
        Refused: UpgradeRefused.
    """
    wanted, served = release_of(plan.spec.kubernetes.version), release_of(state["version"])
    if wanted is None or served is None:
        text = f"the API server has version {state['version']}, which is not known"
        raise Refused("UpgradeRefused", text, place="kubernetes.version")
    text = ""
    if _is_older(wanted, served):
        text = f"the cluster runs {state['version']}; Kubernetes cannot go back to "
        text += plan.spec.kubernetes.version
    elif wanted.minor - served.minor > 1:
        text = f"the cluster runs {state['version']}, and {plan.spec.kubernetes.version} skips a "
        text += "minor version"
    elif not record.upgrading:
        text = _skew(state, plan, wanted)
    if text:
        raise Refused("UpgradeRefused", text, place="kubernetes.version")


def _is_older(wanted: Release, served: Release) -> bool:
    if wanted[:2] != served[:2]:
        return wanted[:2] < served[:2]
    return wanted.patch is not None and wanted.patch < (served.patch or 0)


def _skew(state: KubernetesState, plan: Plan, wanted: Release) -> str:
    """Returns which nodes have neither the wanted minor nor the one before it, or "".

    Some may have the new one: a record that was made anew does not know of an upgrade that began
    before.
    """
    fit = (wanted[:2], (wanted.major, wanted.minor - 1))
    others = [
        f"{name} has {node['kubelet']}"
        for name, node in state["nodes"].items()
        if (found := release_of(node["kubelet"])) is None or found[:2] not in fit
    ]
    if not others:
        return ""
    text = f"the API server has {state['version']}, and {', '.join(others[:FAULTS_TOLD])}, from "
    return f"{text}which no upgrade to {plan.spec.kubernetes.version} is possible"


def _etcd_faults(connection: Controller) -> Iterator[str]:
    """Yields the etcd members that do not see every member healthy."""
    command = etcd_question(connection.plan)
    for slot in connection.plan.nodes:
        if slot.role != ETCD:
            continue
        try:
            done = connection.run_on(slot, command, timeout=COMMAND_SECONDS)
        except (Transient, Refused) as error:
            yield cut(f"etcd on {slot.name}: {error}", TEXT_CHARACTERS)
            continue
        if done.exit != 0:
            text = (done.stdout + done.stderr).decode(errors="replace").strip()
            yield cut(f"etcd on {slot.name}: {text}", TEXT_CHARACTERS)


def _node_faults(state: KubernetesState, plan: Plan) -> list[str]:
    """Returns which nodes are missing, and which are not ready."""
    faults: list[str] = []
    for slot in plan.nodes:
        node = state["nodes"].get(slot.name)
        if slot.role != ETCD and (node is None or slot.name in plan.missing):
            faults.append(f"node {slot.name} does not exist")
        elif node is not None and not node["ready"]:
            faults.append(f"node {slot.name} is not ready")
    return faults


def _check_requested(answers: dict[str, KubernetesState | str], plan: Plan) -> None:
    """Refuses an upgrade to a version without an API that clients still request.

    Raises:
        Refused: RemovedApis, which names them.
    """
    wanted = release_of(plan.spec.kubernetes.minor)
    found = {
        f"{one['api']} (removed in {one['removed']})": None
        for answer in answers.values()
        if not isinstance(answer, str)
        for one in answer["requested"]
        if (removed := release_of(one["removed"])) and wanted and removed[:2] <= wanted[:2]
    }
    if found:
        text = f"clients still request {', '.join([*found][:APIS_TOLD])}"
        raise Refused("RemovedApis", text, place=plan.cluster)

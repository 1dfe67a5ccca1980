"""What is wrong with nodes and pods, in words, from what the API server says of them."""

import json

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
MANAGED = "slipway.dev/managed"
# What Kubernetes itself puts on a node for the time until it works.
PASSING = {
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/network-unavailable",
}
# Reasons of a container that no retry changes.
HOPELESS = {"ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError"}
TROUBLES = ("DiskPressure", "MemoryPressure", "PIDPressure", "NetworkUnavailable")
NODES_TOLD, PODS_TOLD, TEXT_CHARACTERS = 5, 2, 160


def conditions(thing: dict) -> dict[str, dict]:
    return {item["type"]: item for item in thing.get("status", {}).get("conditions", [])}


def address(node: dict) -> str:
    """The node's own address; empty if the API server does not know it."""
    known = node.get("status", {}).get("addresses", [])
    return next((item["address"] for item in known if item["type"] == "InternalIP"), "")


def is_ready(node: dict) -> bool:
    return conditions(node).get("Ready", {}).get("status") == "True"


def taints(node: dict) -> list[dict]:
    return node.get("spec", {}).get("taints", [])


def unasked(node: dict) -> list[dict]:
    """Taints that neither Slipway nor the state of a node that begins explains."""
    noted = node["metadata"].get("annotations", {}).get(MANAGED, "{}")
    managed = {tuple(pair) for pair in json.loads(noted).get("taints", [])}
    return [
        taint
        for taint in taints(node)
        if (taint["key"], taint["effect"]) not in managed
        and taint["key"] not in PASSING | {CONTROL_PLANE}
    ]


def short(text: str) -> str:
    return text if len(text) <= TEXT_CHARACTERS else f"{text[:TEXT_CHARACTERS]}…"


def node_trouble(node: dict | None) -> str:
    """What is wrong with a node; empty if nothing is."""
    if node is None:
        return "unknown to the API server"
    found = conditions(node)
    ready = found.get("Ready", {})
    parts = [] if is_ready(node) else [f"not Ready ({short(ready.get('message', 'no report'))})"]
    parts += [name for name in TROUBLES if found.get(name, {}).get("status") == "True"]
    parts += [f"taint {taint['key']}:{taint['effect']}" for taint in unasked(node)]
    return ", ".join(parts)


def pod_trouble(pod: dict) -> str:
    """Why a pod does not serve; empty if it does."""
    found, status = conditions(pod), pod.get("status", {})
    if found.get("Ready", {}).get("status") == "True":
        return ""
    reasons = [
        f"{state['waiting'].get('reason', 'waiting')}: {state['waiting'].get('message', '')}"
        for state in (item.get("state", {}) for item in status.get("containerStatuses", []))
        if "waiting" in state
    ]
    scheduled = found.get("PodScheduled", {})
    if scheduled.get("status") == "False":
        reasons.append(f"{scheduled.get('reason', '')}: {scheduled.get('message', '')}")
    if status.get("reason"):
        reasons.append(f"{status['reason']}: {status.get('message', '')}")
    return short("; ".join([status.get("phase", "Unknown"), *reasons]))


def tolerates(pod: dict, taint: dict) -> bool:
    return any(
        item.get("effect") in (None, "", taint["effect"])
        and (
            (item.get("operator") == "Exists" and item.get("key") in (None, "", taint["key"]))
            or (
                item.get("operator", "Equal") == "Equal"
                and item.get("key") == taint["key"]
                and item.get("value", "") == taint.get("value", "")
            )
        )
        for item in pod.get("spec", {}).get("tolerations", [])
    )


def is_closed(pod: dict, node: dict) -> bool:
    """Whether a taint that stays keeps the pod from the node."""
    return any(
        taint["effect"] in ("NoSchedule", "NoExecute") and not tolerates(pod, taint)
        for taint in taints(node)
        if taint["key"] not in PASSING
    )


def is_hopeless(pods: list[dict], nodes: list[dict]) -> bool:
    """Whether no pod can become ready while things stay as they are."""
    waiting = [pod for pod in pods if pod_trouble(pod)]
    return bool(waiting and nodes) and all(
        any(f"{reason}:" in pod_trouble(pod) for reason in HOPELESS)
        or (not pod.get("spec", {}).get("nodeName") and all(is_closed(pod, node) for node in nodes))
        for pod in waiting
    )


def listed(names: list[str]) -> str:
    more = len(names) - NODES_TOLD
    return ", ".join(names[:NODES_TOLD]) + (f" and {more} more" if more > 0 else "")


def told(nodes: dict[str, dict | None], pods: list[dict]) -> str:
    """Nodes and pods with their troubles. Nodes with the same trouble are named together."""
    groups: dict[str, list[str]] = {}
    for name, node in nodes.items():
        if trouble := node_trouble(node):
            groups.setdefault(trouble, []).append(name)
    parts = [f"{listed(names)}: {trouble}" for trouble, names in groups.items()]
    waiting = [(pod["metadata"]["name"], pod_trouble(pod)) for pod in pods]
    parts += [f"pod {name}: {trouble}" for name, trouble in waiting if trouble][:PODS_TOLD]
    return "; ".join(parts)

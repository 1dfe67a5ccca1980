"""Makes the objects of one add-on as they are on standard input, and deletes its other objects.

Usage: apply-add-on.py KUBECONFIG NAME < JSON

The JSON is a list of objects with the label slipway.dev/add-on=NAME; null in it is ignored. An
empty list removes the add-on. Prints what it changed, one object a line, and nothing if all was as
wanted.
"""

import json
import subprocess
import sys
from collections.abc import Iterable

LABEL = "slipway.dev/add-on"
# The kinds that add-ons may have, in the order in which they are deleted: an API service first, so
# that the API server does not ask a service without pods.
KINDS = {
    "APIService": "apiservices.apiregistration.k8s.io",
    "NetworkPolicy": "networkpolicies.networking.k8s.io",
    "PodDisruptionBudget": "poddisruptionbudgets.policy",
    "Deployment": "deployments.apps",
    "Service": "services",
    "ClusterRoleBinding": "clusterrolebindings.rbac.authorization.k8s.io",
    "RoleBinding": "rolebindings.rbac.authorization.k8s.io",
    "ClusterRole": "clusterroles.rbac.authorization.k8s.io",
    "Role": "roles.rbac.authorization.k8s.io",
    "ServiceAccount": "serviceaccounts",
    "ConfigMap": "configmaps",
}
SECONDS = 120


class ApplyError(Exception):
    """kubectl refused, or an object is not one of an add-on."""


def main() -> None:
    config, name = sys.argv[1:]
    wanted = [item for item in json.load(sys.stdin) if item]
    try:
        check(wanted, name)
        found = labelled(config, name)
        changed = [*apply(config, wanted, found), *prune(config, wanted, found)]
        sys.stdout.writelines(f"{line}\n" for line in changed)
    except ApplyError as error:
        raise SystemExit(f"add-on {name}: {error}") from None


def check(objects: Iterable[dict], name: str) -> None:
    """Raises ApplyError for an object that would not be found again when the add-on is removed."""
    for item in objects:
        if item["kind"] not in KINDS:
            raise ApplyError(f"{item['kind']} is not a kind that is removed again")
        if item["metadata"].get("labels", {}).get(LABEL) != name:
            raise ApplyError(f"{told(item)} has no label {LABEL}={name}")


def labelled(config: str, name: str) -> list[dict]:
    """Returns the add-on's objects in the cluster."""
    kinds = ",".join(KINDS.values())
    listing = ["get", kinds, "--all-namespaces", f"--selector={LABEL}={name}", "--output=json"]
    return json.loads(kubectl(config, *listing))["items"]


def apply(config: str, wanted: list[dict], found: list[dict]) -> list[str]:
    """Applies the objects. What kubectl calls configured may be as it was: the version tells."""
    if not wanted:
        return []
    output = kubectl(config, "apply", "--filename=-", "--output=json", stdin=items(wanted))
    versions = {identity(item): item["metadata"]["resourceVersion"] for item in found}
    lines = []
    answer = json.loads(output)
    for item in answer.get("items", [answer]):
        before = versions.get(identity(item))
        if before != item["metadata"]["resourceVersion"]:
            lines.append(f"{told(item)} {'created' if before is None else 'configured'}")
    return lines


def prune(config: str, wanted: list[dict], found: list[dict]) -> list[str]:
    """Deletes the objects that are not wanted."""
    kept = {identity(item) for item in wanted}
    stale = [item for item in found if identity(item) not in kept]
    if not stale:
        return []
    order = [*KINDS]
    stale.sort(key=lambda item: order.index(item["kind"]))
    named = [
        {
            "apiVersion": item["apiVersion"],
            "kind": item["kind"],
            "metadata": {
                key: item["metadata"][key]
                for key in ("name", "namespace")
                if key in item["metadata"]
            },
        }
        for item in stale
    ]
    # In the foreground: the pods are gone when it ends.
    how = ["--cascade=foreground", "--ignore-not-found", f"--timeout={SECONDS}s"]
    kubectl(config, "delete", "--filename=-", *how, stdin=items(named))
    return [f"{told(item)} deleted" for item in named]


def items(objects: list[dict]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})


def identity(item: dict) -> tuple[str, str, str]:
    """Without the version of the API group, which the server may answer differently."""
    metadata = item["metadata"]
    return item["kind"], metadata.get("namespace", ""), metadata["name"]


def told(item: dict) -> str:
    return f"{item['kind']} {item['metadata']['name']}"


def kubectl(config: str, *arguments: str, stdin: str = "") -> str:
    done = subprocess.run(
        ["kubectl", f"--kubeconfig={config}", "--request-timeout=30s", *arguments],
        input=stdin,
        check=False,
        capture_output=True,
        text=True,
        timeout=2 * SECONDS,
    )
    if done.returncode:
        raise ApplyError(f"kubectl {arguments[0]}: {done.stderr.strip()[-800:]}")
    return done.stdout


if __name__ == "__main__":
    main()

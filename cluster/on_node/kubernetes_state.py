"""Says which versions of Kubernetes a cluster's nodes have, and whether they are ready.

This file runs on a control plane, alone: standard library only. It reads the API server with the
kubeconfig of the machine.

Standard input: JSON with `config` (the kubeconfig), `metrics` (whether to read the metrics of this
API server, too).

Output: JSON with `version` (of the API server that answered), `nodes` (name to `kubelet`, `boot`,
`ready`, `cordoned`, `leaving`: whether Slipway made it unschedulable), `components` (node to the
versions of its static pods), `requested` (APIs that were requested and that a later version
removes: `api`, `removed`, a minor version).
"""

import json
import re
import subprocess  # nosec B404
import sys
from typing import Any, cast
from urllib.parse import quote

Json = dict[str, Any]

LEAVING = "slipway.dev/leaving"
COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
SECONDS, TEXT_CHARACTERS = 20, 300
METRIC = "apiserver_requested_deprecated_apis"
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def read(config: str, path: str) -> str:
    """Returns what the API server answers.

    Raises:
        OSError: it does not answer, or refuses.
    """
    command = ["kubectl", f"--kubeconfig={config}", f"--request-timeout={SECONDS}s"]
    done = subprocess.run(  # nosec B603
        [*command, "get", f"--raw={path}"], check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise OSError(f"{path}: {done.stderr.strip()[:TEXT_CHARACTERS]}")
    return done.stdout


def nodes(document: Json) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for node in _items(document):
        metadata, status = _part(node, "metadata"), _part(node, "status")
        info = _part(status, "nodeInfo")
        found[metadata["name"]] = {
            "kubelet": info.get("kubeletVersion", ""),
            "boot": info.get("bootID", ""),
            "ready": _is_ready(status),
            "cordoned": bool(_part(node, "spec").get("unschedulable")),
            "leaving": LEAVING in _part(metadata, "annotations"),
        }
    return found


def components(document: Json) -> dict[str, dict[str, str]]:
    """Returns the version of each component that is ready, by node. The image's tag names it."""
    found: dict[str, dict[str, str]] = {}
    for pod in _items(document):
        name = str(_part(_part(pod, "metadata"), "labels").get("component", ""))
        spec = _part(pod, "spec")
        if name in COMPONENTS:
            image = str(spec["containers"][0].get("image", ""))
            version = image.rpartition(":")[2] if _is_ready(_part(pod, "status")) else ""
            found.setdefault(str(spec.get("nodeName", "")), {})[name] = version
    return found


def requested(metrics: str) -> list[dict[str, str]]:
    """Returns the deprecated APIs that were requested since the API server's start and for which a
    removal is planned."""
    found: list[dict[str, str]] = []
    for line in metrics.splitlines():
        if not line.startswith(f"{METRIC}{{"):
            continue
        fields = dict(LABEL.findall(line.rpartition("}")[0]))
        if removed := fields.get("removed_release"):
            group = fields.get("group") or "core"
            api = f"{group}/{fields.get('version', '')} {fields.get('resource', '')}"
            found.append({"api": api, "removed": removed})
    return found


def _part(document: Json, name: str) -> Json:
    """The API writes an empty part as null or not at all."""
    return cast(Json, document.get(name) or {})


def _is_ready(status: Json) -> bool:
    conditions = cast(list[Json], status.get("conditions") or [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _items(document: Json) -> list[Json]:
    return cast(list[Json], document.get("items") or [])


def main() -> int:
    request: Json = json.load(sys.stdin)
    config = str(request["config"])
    pods = f"/api/v1/namespaces/kube-system/pods?labelSelector={quote('tier=control-plane')}"
    try:
        answer = {
            "version": json.loads(read(config, "/version")).get("gitVersion", ""),
            "nodes": nodes(json.loads(read(config, "/api/v1/nodes"))),
            "components": components(json.loads(read(config, pods))),
            "requested": requested(read(config, "/metrics")) if request["metrics"] else [],
        }
    except (OSError, ValueError, KeyError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    json.dump(answer, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())

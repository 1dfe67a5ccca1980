"""Applies the labels and taints of the worker pools to the nodes.

Usage: apply-labels-and-taints.py KUBECONFIG < wanted

`wanted` is JSON: {node name: {"labels": {key: value}, "taints": [{"key", "value", "effect"}]}}.
An annotation of each node records the labels and taints that this program applied. Those are
removed when the pool no longer has them; labels and taints of others stay. Prints the name of each
node that changed.
"""

import json
import subprocess
import sys

ANNOTATION = "slipway.dev/managed"


def kubectl(config: str, *arguments: str) -> str:
    command = ["kubectl", f"--kubeconfig={config}", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def patch_for(node: dict, wanted: dict) -> dict:
    """A merge patch for the node; empty if the node needs no change."""
    metadata, spec = node["metadata"], node["spec"]
    managed = json.loads(metadata.get("annotations", {}).get(ANNOTATION, "{}"))
    keys = sorted(wanted["labels"])
    taints = [[taint["key"], taint["effect"]] for taint in wanted["taints"]]
    current = metadata.get("labels", {})
    labels = {key: value for key, value in wanted["labels"].items() if current.get(key) != value}
    labels |= {key: None for key in managed.get("labels", []) if key not in keys and key in current}
    before = spec.get("taints", [])
    replaced = [tuple(pair) for pair in [*managed.get("taints", []), *taints]]
    after = [taint for taint in before if (taint["key"], taint["effect"]) not in replaced]
    after += [{k: v for k, v in taint.items() if v} for taint in wanted["taints"]]
    patch: dict = {}
    if labels:
        patch.setdefault("metadata", {})["labels"] = labels
    if _as_set(before) != _as_set(after):
        patch["spec"] = {"taints": after}
    if managed != {"labels": keys, "taints": taints}:
        record = json.dumps({"labels": keys, "taints": taints}, sort_keys=True)
        patch.setdefault("metadata", {})["annotations"] = {ANNOTATION: record}
    return patch


def _as_set(taints: list[dict]) -> set:
    return {(taint["key"], taint.get("value", ""), taint["effect"]) for taint in taints}


def main() -> None:
    config, wanted = sys.argv[1], json.load(sys.stdin)
    nodes = json.loads(kubectl(config, "get", "nodes", "--output=json"))["items"]
    for node in nodes:
        name = node["metadata"]["name"]
        if name not in wanted:
            continue
        patch = patch_for(node, wanted[name])
        if patch:
            kubectl(config, "patch", "node", name, "--type=merge", f"--patch={json.dumps(patch)}")
            sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main()

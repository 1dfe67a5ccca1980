"""Gives nodes the labels and taints of their pools, and takes those away that a pool no longer has.

Usage: mark-nodes.py KUBECONFIG < wanted. `wanted` is JSON: node name to {"labels": {}, "taints":
[{"key", "value", "effect"}]}. What somebody else put on a node stays: an annotation remembers what
is ours. Prints a line for each node that was changed.
"""

import json
import subprocess
import sys

OURS = "slipway.dev/managed"


def kubectl(config: str, *arguments: str) -> str:
    command = ["kubectl", f"--kubeconfig={config}", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def patch_for(node: dict, wanted: dict) -> dict:
    """A merge patch; empty where the node is as it should be."""
    metadata, spec = node["metadata"], node["spec"]
    managed = json.loads(metadata.get("annotations", {}).get(OURS, "{}"))
    keys = sorted(wanted["labels"])
    taints = [[taint["key"], taint["effect"]] for taint in wanted["taints"]]
    have = metadata.get("labels", {})
    labels = {key: value for key, value in wanted["labels"].items() if have.get(key) != value}
    labels |= {key: None for key in managed.get("labels", []) if key not in keys and key in have}
    before = spec.get("taints", [])
    ours = [tuple(pair) for pair in [*managed.get("taints", []), *taints]]
    after = [taint for taint in before if (taint["key"], taint["effect"]) not in ours]
    after += [{k: v for k, v in taint.items() if v} for taint in wanted["taints"]]
    patch: dict = {}
    if labels:
        patch.setdefault("metadata", {})["labels"] = labels
    if _as_set(before) != _as_set(after):
        patch["spec"] = {"taints": after}
    if managed != {"labels": keys, "taints": taints}:
        note = json.dumps({"labels": keys, "taints": taints}, sort_keys=True)
        patch.setdefault("metadata", {})["annotations"] = {OURS: note}
    return patch


def _as_set(taints: list[dict]) -> set:
    return {(taint["key"], taint.get("value", ""), taint["effect"]) for taint in taints}


def main() -> None:
    config, wanted = sys.argv[1], json.load(sys.stdin)
    found = json.loads(kubectl(config, "get", "nodes", "--output=json"))["items"]
    for node in found:
        name = node["metadata"]["name"]
        if name not in wanted:
            continue
        patch = patch_for(node, wanted[name])
        if patch:
            kubectl(config, "patch", "node", name, "--type=merge", f"--patch={json.dumps(patch)}")
            sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main()

"""Approves the serving certificates that kubelets request.

Usage: approve-serving.py KUBECONFIG NODES

NODES is a JSON file: node name to address. A request is approved if its node, names and addresses
are those of the file. Any other request stays pending and is reported on standard error. Prints a
line for each request that was approved.

Kubernetes itself approves the kubelets' client certificates, but not their serving certificates:
it cannot know which address belongs to which node.
"""

import base64
import json
import pathlib
import re
import subprocess
import sys

SIGNER = "kubernetes.io/kubelet-serving"
USAGES = {"digital signature", "key encipherment", "server auth"}


def kubectl(config: str, *arguments: str) -> str:
    command = ["kubectl", f"--kubeconfig={config}", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def refusal(spec: dict, nodes: dict[str, str]) -> str:
    """Why a request is not approved; empty if it is valid."""
    node = spec["username"].removeprefix("system:node:")
    if node not in nodes or spec["username"] != f"system:node:{node}":
        return f"'{spec['username']}' is not a node of this cluster"
    if "system:nodes" not in spec.get("groups", []) or not set(spec["usages"]) <= USAGES:
        return f"unexpected groups {spec.get('groups')} or usages {spec['usages']}"
    subject, names = contents(spec["request"])
    if subject != {"O=system:nodes", f"CN=system:node:{node}"}:
        return f"unexpected subject {sorted(subject)}"
    if not names or not names <= {f"DNS:{node}", f"IP Address:{nodes[node]}"}:
        return f"names {sorted(names)} are not only this node's"
    return ""


def contents(request: str) -> tuple[set[str], set[str]]:
    """Subject and alternative names of a request (PEM in base64); empty if it is not readable."""
    text = subprocess.run(
        ["openssl", "req", "-noout", "-text", "-nameopt", "sep_comma_plus"],
        input=base64.b64decode(request).decode(), check=False, capture_output=True, text=True,
    ).stdout  # fmt: skip
    subject = re.search(r"Subject: (.*)", text)
    names = re.search(r"Subject Alternative Name:[^\n]*\n([^\n]*)", text)
    parts = re.split(r"\s*,\s*", subject[1].replace(" = ", "=").strip()) if subject else []
    return set(parts), {name.strip() for name in names[1].split(",")} if names else set()


def main() -> None:
    config, file = sys.argv[1:3]
    nodes = json.loads(pathlib.Path(file).read_text(encoding="utf-8"))
    for item in json.loads(kubectl(config, "get", "csr", "--output=json"))["items"]:
        name, spec = item["metadata"]["name"], item["spec"]
        if spec["signerName"] != SIGNER or item.get("status", {}).get("conditions"):
            continue
        reason = refusal(spec, nodes)
        if reason:
            sys.stderr.write(f"{name}: not approved: {reason}\n")
            continue
        kubectl(config, "certificate", "approve", name)
        sys.stdout.write(f"{name}: approved for {spec['username']}\n")


if __name__ == "__main__":
    main()

"""Approves the serving certificates that kubelets request.

Usage: approve-serving.py KUBECONFIG NODES

NODES is a JSON file: node name to address. A request is approved if everything in it is what the
kubelet of a node of that file asks for itself. Any other request stays pending and is reported on
standard error. Prints a line for each request that was approved.

Kubernetes itself approves the kubelets' client certificates, but not their serving certificates:
it cannot know which address belongs to which node.
"""

import base64
import binascii
import json
import pathlib
import subprocess
import sys
import urllib.parse

import serving_request

SIGNER = "kubernetes.io/kubelet-serving"
USAGES = {"digital signature", "server auth"}
GROUPS = {"system:nodes", "system:authenticated"}
PATH = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
# Another control plane was faster, or the request is not the one that was read.
OVERTAKEN = ("(Conflict)", "(NotFound)")
REASON_CHARACTERS = 300


def kubectl(config: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = ["kubectl", f"--kubeconfig={config}", "--request-timeout=15s", *arguments]
    return subprocess.run(command, input=stdin, check=False, capture_output=True, text=True)


def refusal(spec: dict, nodes: dict[str, str]) -> str:
    """Why a request is not approved; empty if it is valid."""
    user = spec.get("username") or ""
    node = user.removeprefix("system:node:")
    if node not in nodes or user != f"system:node:{node}":
        return f"{user!r} is not a node of this cluster"
    groups, usages = spec.get("groups") or [], spec.get("usages") or []
    if set(groups) != GROUPS or set(usages) != USAGES:
        return f"unexpected groups {groups} or usages {usages}"
    try:
        pem = base64.b64decode(spec.get("request") or "", validate=True)
        found = serving_request.read(pem)
    except (serving_request.RequestError, binascii.Error) as error:
        return str(error)
    if sorted(found.subject) != [f"CN=system:node:{node}", "O=system:nodes"]:
        return f"unexpected subject {sorted(found.subject)}"
    if not found.names or not set(found.names) <= {node, nodes[node]}:
        return f"names {sorted(found.names)} are not only this node's"
    return ""


def approve(config: str, item: dict) -> str:
    """Approves the request as it was read. Returns what went wrong; empty if it is approved.

    The object carries its version: a request that was replaced meanwhile is not approved.
    """
    condition = {
        "type": "Approved",
        "status": "True",
        "reason": "SlipwayApprovesServing",
        "message": "user, groups, usages, subject and names are those of this node",
    }
    asked = item | {"status": {"conditions": [condition]}}
    name = urllib.parse.quote(item["metadata"]["name"], safe="")
    done = kubectl(config, "replace", "--raw", f"{PATH}/{name}/approval", "--filename=-",
                   stdin=json.dumps(asked))  # fmt: skip
    return "" if done.returncode == 0 else done.stderr.strip() or "kubectl failed"


def main() -> None:
    config, file = sys.argv[1:3]
    nodes = json.loads(pathlib.Path(file).read_text(encoding="utf-8"))
    listed = kubectl(config, "get", "--raw", f"{PATH}?fieldSelector=spec.signerName%3D{SIGNER}")
    if listed.returncode:
        raise SystemExit(listed.stderr.strip() or "kubectl failed")
    failed = False
    for item in json.loads(listed.stdout)["items"]:
        spec, name = item["spec"], ascii(item["metadata"]["name"])
        if spec.get("signerName") != SIGNER or item.get("status", {}).get("conditions"):
            continue
        reason = refusal(spec, nodes)
        if reason:
            sys.stderr.write(f"{name}: not approved: {reason[:REASON_CHARACTERS]}\n")
            continue
        fault = approve(config, item)
        failed = failed or (fault != "" and not any(word in fault for word in OVERTAKEN))
        if fault:
            sys.stderr.write(f"{name}: could not be approved: {fault}\n")
        else:
            sys.stdout.write(f"{name}: approved for {spec['username']}\n")
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()

"""Decides which administrators the API server of this control plane admits.

This file runs on machines of a cluster, alone: standard library only. Each action may be repeated.

Standard input: JSON with `action`, and
- `grant`: binds `groups`, and no other groups, to the role cluster-admin, under the name `binding`.
- `narrow`: leaves in kubeadm's own binding only the user of this machine's `admin.conf`, who must
  be admitted by it. Whoever else has a certificate of that group is refused then.
- `ask`: the output has `admitted`, whether `user` in `group` may do everything.
- `etc`, `kubectl`: where they are.

The output of `grant` and `narrow` is empty.

Exit codes: 0; 1: anything else. The standard error then says what.
"""

import json
import sys

from cluster.on_node.commands import FailedError, Json, answer, kubectl

# The name of kubeadm's group and of its binding, and the user of its certificates.
KUBEADM, KUBEADM_USER = "kubeadm:cluster-admins", "kubernetes-admin"
RBAC = "rbac.authorization.k8s.io"


def grant(request: Json) -> Json:
    subjects = [_subject("Group", name) for name in request["groups"]]
    _bind(request, request["binding"], subjects)
    return {}


def narrow(request: Json) -> Json:
    who = json.loads(kubectl(request, ["auth", "whoami", "--output=json"]))
    user = who["status"]["userInfo"].get("username", "")
    if user != KUBEADM_USER:
        raise FailedError(f"admin.conf is of {user!r}, not of {KUBEADM_USER}; nothing was changed")
    _bind(request, KUBEADM, [_subject("User", KUBEADM_USER)])
    return {}


def ask(request: Json) -> Json:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": request["user"],
            "groups": [request["group"], "system:authenticated"],
            "resourceAttributes": {"verb": "*", "group": "*", "resource": "*"},
        },
    }
    found = kubectl(request, ["create", "--filename=-", "--output=json"], review)
    return {"admitted": bool(json.loads(found)["status"].get("allowed"))}


def _subject(kind: str, name: str) -> Json:
    return {"apiGroup": RBAC, "kind": kind, "name": name}


def _bind(request: Json, name: str, subjects: list[Json]) -> None:
    """Gives the binding exactly these subjects. One that has them is not written."""
    words = ["get", "clusterrolebinding", name, "--ignore-not-found", "--output=json"]
    found = kubectl(request, words)
    there: Json = json.loads(found) if found.strip() else {}
    if there and there.get("subjects") == subjects:
        return
    wanted = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"},
    }
    words = ["replace" if there else "create", "--filename=-"]
    kubectl(request, words, (there or wanted) | {"subjects": subjects})


if __name__ == "__main__":
    sys.exit(answer({"grant": grant, "narrow": narrow, "ask": ask}))

"""Empties nodes of pods, or deletes node objects, in one pass; run again, it goes on.

This file runs on a control plane, alone: standard library only. It reaches the API server with the
kubeconfig of the machine, through `kubectl proxy` on a Unix socket that only root can open. It
keeps no state.

Standard input: JSON with
- `leaving`: nodes to cordon and to empty; `seen`: what was known of them (fields of nodeInfo), for
  those that are left alone if it is not so by now;
- `returning`: nodes to make schedulable again, if this program made them unschedulable;
- `gone`: node objects to delete; their machines do not exist any more;
- `force`: pods without a controller are evicted too; `delete`: what is left is deleted, whatever a
  budget says;
- `config`: the kubeconfig; `seconds`: the time for the pass.

Output: JSON with `returned` and `gone` (the nodes with which that is done), `changed` (leaving
nodes that are not as they were seen), `drained` (leaving nodes without pods that matter), `left`
(the others, to their number of pods; -1: not looked at in this pass), `blocked` (pods that were
not evicted: `pod`, `node`, `budget`, `message`).
"""

import http.client
import json
import re
import socket
import subprocess  # nosec B404
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

Json = dict[str, Any]
Answer = tuple[int, Json]

# On a node that this program made unschedulable.
LEAVING = "slipway.dev/leaving"
MIRROR = "kubernetes.io/config.mirror"
PARALLEL = 16
ANSWER_SECONDS, START_SECONDS, PROXY_SECONDS = 10.0, 10.0, "150"
# How long a pod may take beyond its own time to end before it is told.
LATE_SECONDS = 30.0
BLOCKED_TOLD, TEXT_CHARACTERS = 20, 300
BUDGET = re.compile(r"disruption budget (\S+)")
UNMANAGED = "no controller would start it again; it is evicted only with force"
MERGE = "application/merge-patch+json"


class Api:
    """The API server behind the socket at `path`."""

    def __init__(self, path: str) -> None:
        self._path = path

    def ask(
        self, method: str, url: str, body: Json | None = None, kind: str = "application/json"
    ) -> Answer:
        """Returns the status and the document.

        Raises:
            OSError: the API server does not answer.
        """
        connection = http.client.HTTPConnection("localhost", timeout=ANSWER_SECONDS)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(ANSWER_SECONDS)
        try:
            connection.sock.connect(self._path)
            text = None if body is None else json.dumps(body)
            connection.request(method, url, text, {"Content-Type": kind} if body else {})
            answer = connection.getresponse()
            return answer.status, _document(answer.read())
        except http.client.HTTPException as error:
            raise OSError(f"{type(error).__name__}: {error}") from None
        finally:
            connection.close()

    def need(self, method: str, url: str) -> Json | None:
        """Returns the document, or None if the object does not exist.

        Raises:
            OSError: the API server refused the request.
        """
        status, document = self.ask(method, url)
        if status == 404:
            return None
        if status >= 300:
            raise OSError(f"{method} {url}: {status} {document.get('message', '')}")
        return document


def _document(data: bytes) -> Json:
    try:
        found: Any = json.loads(data)
    except ValueError:
        return {"message": data[:TEXT_CHARACTERS].decode(errors="replace")}
    return cast(Json, found) if isinstance(found, dict) else {}


def _listed(found: Any) -> list[Json]:
    """Returns a list of the API, which writes an empty one as null or not at all."""
    return cast(list[Json], found) if isinstance(found, list) else []


class Pass:
    """One pass. `until`: when it ends, by the monotonic clock."""

    def __init__(self, api: Api, request: Json, until: float) -> None:
        self._api, self._request, self._until = api, request, until
        self.changed: set[str] = set()
        self.left: dict[str, int] = {}
        self.blocked: list[dict[str, str]] = []

    def run(self) -> Json:
        """All nodes are cordoned before the first pod is evicted: a pod that moves must not come to
        another node that leaves."""
        returned = self._each(self._uncordon, self._request.get("returning", []))
        gone = self._each(self._delete_node, self._request.get("gone", []))
        leaving: list[str] = self._request.get("leaving", [])
        self.left = dict.fromkeys(leaving, -1)
        self._each(self._empty, self._each(self._cordon, leaving))
        return {
            "returned": returned,
            "gone": gone,
            "changed": sorted(self.changed),
            "drained": [name for name in leaving if self.left[name] == 0],
            "left": {name: count for name, count in self.left.items() if count},
            "blocked": self.blocked[:BLOCKED_TOLD],
        }

    def _each(self, action: Callable[[str], bool], names: list[str]) -> list[str]:
        """Returns the names with which the action was done, and for which there was time."""

        def act(name: str) -> bool:
            return time.monotonic() < self._until and action(name)

        with ThreadPoolExecutor(PARALLEL) as pool:
            return [name for name, done in zip(names, pool.map(act, names), strict=True) if done]

    def _cordon(self, name: str) -> bool:
        """Returns whether no pod can come to the node any more.

        A node that somebody else made unschedulable gets no annotation, so that it is not made
        schedulable later. A node that is not as it was seen stays as it is.
        """
        node = self._api.need("GET", _node(name))
        if node is not None and self._has_changed(name, node):
            self.changed.add(name)
            return False
        if node is None or node.get("spec", {}).get("unschedulable"):
            return True
        return self._change(node, unschedulable=True, mark="true")

    def _has_changed(self, name: str, node: Json) -> bool:
        info = node.get("status", {}).get("nodeInfo", {})
        seen: Json = self._request.get("seen", {}).get(name, {})
        return any(info.get(field) != value for field, value in seen.items())

    def _uncordon(self, name: str) -> bool:
        node = self._api.need("GET", _node(name))
        if node is None or LEAVING not in (node["metadata"].get("annotations") or {}):
            return True
        return self._change(node, unschedulable=None, mark=None)

    def _change(self, node: Json, *, unschedulable: bool | None, mark: str | None) -> bool:
        """Changes both fields in one request. Returns False if the node was changed meanwhile: the
        next pass looks again.

        Raises:
            OSError: the API server refused the request.
        """
        metadata = {
            "resourceVersion": node["metadata"]["resourceVersion"],
            "annotations": {LEAVING: mark},
        }
        patch = {"metadata": metadata, "spec": {"unschedulable": unschedulable}}
        url = _node(node["metadata"]["name"])
        status, answer = self._api.ask("PATCH", url, patch, MERGE)
        if status >= 300 and status not in (404, 409):
            raise OSError(f"PATCH {url}: {status} {answer.get('message', '')}")
        return status != 409

    def _delete_node(self, name: str) -> bool:
        self._api.need("DELETE", _node(name))
        return True

    def _empty(self, name: str) -> bool:
        node = self._api.need("GET", _node(name))
        query = f"/api/v1/pods?fieldSelector=spec.nodeName%3D{quote(name)}"
        pods = _listed((self._api.need("GET", query) or {}).get("items"))
        # A kubelet that does not answer confirms no end of a pod.
        answers = node is not None and _is_ready(node)
        staying = [pod for pod in pods if _matters(pod)]
        if not answers:
            staying = [pod for pod in staying if not pod["metadata"].get("deletionTimestamp")]
        self.left[name] = len(staying)
        for pod in staying:
            if not pod["metadata"].get("deletionTimestamp"):
                if time.monotonic() < self._until:
                    self._evict(name, pod)
            elif text := _overdue(pod["metadata"]):
                self._block(name, pod, "", text)
        return not staying

    def _evict(self, node: str, pod: Json) -> None:
        if not (_controller(pod) or self._request["force"]):
            self._block(node, pod, "", UNMANAGED)
            return
        metadata = pod["metadata"]
        url = f"/api/v1/namespaces/{quote(metadata['namespace'])}/pods/{quote(metadata['name'])}"
        # A pod of the same name may run elsewhere by now.
        options = {"preconditions": {"uid": metadata["uid"]}}
        if self._request["delete"]:
            status, answer = self._api.ask("DELETE", url, options)
        else:
            eviction = {
                "apiVersion": "policy/v1",
                "kind": "Eviction",
                "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
                "deleteOptions": options,
            }
            status, answer = self._api.ask("POST", f"{url}/eviction", eviction)
        if status >= 300 and status not in (404, 409):
            text = _reason(answer) or f"the API server answered {status}"
            found = BUDGET.search(text)
            self._block(node, pod, found[1] if found else "", text)

    def _block(self, node: str, pod: Json, budget: str, message: str) -> None:
        name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        told = {"pod": name, "node": node, "budget": budget, "message": message[:TEXT_CHARACTERS]}
        self.blocked.append(told)


def _node(name: str) -> str:
    return f"/api/v1/nodes/{quote(name)}"


def _reason(answer: Json) -> str:
    """Returns why the API server refused. The causes name the budget, the message does not."""
    details = cast(Json, answer.get("details") or {})
    causes = _listed(details.get("causes"))
    told = [str(cause.get("message") or "") for cause in causes]
    return "; ".join(filter(None, told)) or str(answer.get("message") or "")


def _is_ready(node: Json) -> bool:
    conditions = _listed(node.get("status", {}).get("conditions"))
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _controller(pod: Json) -> Json | None:
    owners = _listed(pod["metadata"].get("ownerReferences"))
    return next((owner for owner in owners if owner.get("controller")), None)


def _overdue(metadata: Json) -> str:
    """Returns what is known of an ending pod that should have ended by now, or ""."""
    end = str(metadata["deletionTimestamp"])
    late = (datetime.now(UTC) - datetime.fromisoformat(end)).total_seconds()
    if late < LATE_SECONDS:
        return ""
    finalizers = ", ".join(metadata.get("finalizers") or [])
    held = f"its finalizers hold it: {finalizers}" if finalizers else "its kubelet has not ended it"
    return f"it was to end by {end}; {held}"


def _matters(pod: Json) -> bool:
    """Returns whether the pod has to be gone before its node is removed. Pods of DaemonSets and of
    the machine's own files are there on every node, and ended pods do nothing."""
    controller = _controller(pod)
    return not (
        MIRROR in (pod["metadata"].get("annotations") or {})
        or (controller is not None and controller["kind"] == "DaemonSet")
        or pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
    )


@contextmanager
def proxied(config: str) -> Generator[Api]:
    """Yields the API server behind a proxy that ends with this program, or soon after its death.

    Raises:
        OSError: the proxy did not start.
    """
    with tempfile.TemporaryDirectory(prefix="slipway-") as folder:
        path = Path(folder) / "api"
        command = ["timeout", PROXY_SECONDS, "kubectl", f"--kubeconfig={config}", "proxy"]
        proxy = subprocess.Popen(  # nosec B603
            [*command, f"--unix-socket={path}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            until = time.monotonic() + START_SECONDS
            while not path.exists():
                if proxy.poll() is not None or time.monotonic() > until:
                    proxy.terminate()
                    _, text = proxy.communicate(timeout=ANSWER_SECONDS)
                    raise OSError(f"kubectl proxy did not start: {text.strip()}")
                time.sleep(0.05)
            yield Api(str(path))
        finally:
            proxy.terminate()
            proxy.communicate(timeout=ANSWER_SECONDS)


def main() -> int:
    request: Json = json.load(sys.stdin)
    until = time.monotonic() + float(request["seconds"])
    try:
        with proxied(str(request["config"])) as api:
            json.dump(Pass(api, request, until).run(), sys.stdout)
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

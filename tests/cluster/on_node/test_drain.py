"""The program that empties nodes: what it asks of the API server, and what it leaves alone."""

import json
import re
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from cluster.on_node import drain

GONE, LEFT = "demo-worker-1", "demo-worker-0"
MIRROR = {"kubernetes.io/config.mirror": "x"}


class ApiServer:
    """Nodes and pods, and disruption budgets by the label `app` that never allow an eviction.

    Attributes:
        asked: each request that changes something, as method and path.
        sticky: names of pods whose end takes longer than the test.
        grace: the seconds that such a pod has to end.
        answers: a status and a document instead of the own answer, by method and path.
    """

    def __init__(self) -> None:
        self.nodes: dict[str, dict[str, Any]] = {}
        self.pods: dict[str, dict[str, Any]] = {}
        self.budgets: dict[str, str] = {}
        self.sticky: set[str] = set()
        self.grace = 600.0
        self.asked: list[str] = []
        self.answers: dict[str, tuple[int, dict[str, Any]]] = {}
        self.bodies: list[Any] = []
        for name in (LEFT, GONE):
            self.add_node(name)

    def add_node(self, name: str, *, ready: bool = True, cordoned: bool = False) -> None:
        status = {"conditions": [{"type": "Ready", "status": "True" if ready else "Unknown"}]}
        metadata = {"name": name, "resourceVersion": "7"}
        spec = {"unschedulable": True} if cordoned else {}
        self.nodes[name] = {"metadata": metadata, "spec": spec, "status": status}

    def add_pod(self, name: str, node: str = GONE, kind: str = "ReplicaSet", **more: Any) -> None:
        owners = [{"kind": kind, "controller": True}] if kind else []
        metadata = {"name": name, "namespace": "shop", "uid": f"uid-{name}"}
        metadata |= {"ownerReferences": owners, "annotations": more.get("annotations")}
        metadata |= {"labels": {"app": more.get("app", "")}}
        phase = {"phase": more.get("phase", "Running")}
        self.pods[name] = {"metadata": metadata, "spec": {"nodeName": node}, "status": phase}

    def answer(self, method: str, url: str, body: Any) -> tuple[int, dict[str, Any]]:
        parts = urlsplit(url)
        if method != "GET":
            self.asked.append(f"{method} {parts.path}")
            self.bodies.append(body)
        if fixed := self.answers.get(f"{method} {parts.path}"):
            return fixed
        if parts.path == "/api/v1/pods":
            node = parse_qs(parts.query)["fieldSelector"][0].removeprefix("spec.nodeName=")
            found = [pod for pod in self.pods.values() if pod["spec"]["nodeName"] == node]
            return 200, {"items": found or None}
        if node_of := re.fullmatch(r"/api/v1/nodes/([^/]+)", parts.path):
            return self._node(method, node_of[1], body)
        pod_of = re.fullmatch(r"/api/v1/namespaces/shop/pods/([^/]+)(/eviction)?", parts.path)
        assert pod_of, url
        return self._end(pod_of[1], body, evicted=bool(pod_of[2]))

    def _node(self, method: str, name: str, body: Any) -> tuple[int, dict[str, Any]]:
        node = self.nodes.get(name)
        if node is None:
            return 404, {"message": f'nodes "{name}" not found'}
        if method == "DELETE":
            return 200, self.nodes.pop(name)
        if method == "PATCH":
            assert body["metadata"]["resourceVersion"] == node["metadata"]["resourceVersion"]
            node["spec"] |= body["spec"]
            marks = node["metadata"].get("annotations", {}) | body["metadata"]["annotations"]
            kept = {key: value for key, value in marks.items() if value is not None}
            node["metadata"]["annotations"] = kept
        return 200, node

    def _end(self, name: str, body: Any, *, evicted: bool) -> tuple[int, dict[str, Any]]:
        pod = self.pods.get(name)
        if pod is None:
            return 404, {"message": "not found"}
        options = body["deleteOptions"] if evicted else body
        if options["preconditions"]["uid"] != pod["metadata"]["uid"]:
            return 409, {"message": "the UID in the precondition is another one"}
        if evicted and (budget := self.budgets.get(pod["metadata"]["labels"]["app"])):
            text = f"The disruption budget {budget} needs 2 healthy pods and has 2 currently"
            cause = {"reason": "DisruptionBudget", "message": text}
            message = "Cannot evict pod as it would violate the pod's disruption budget."
            return 429, {"message": message, "details": {"causes": [cause]}}
        if name in self.sticky:
            end = datetime.now(UTC) + timedelta(seconds=self.grace)
            pod["metadata"]["deletionTimestamp"] = end.strftime("%Y-%m-%dT%H:%M:%SZ")
        else:
            del self.pods[name]
        return 201, {}


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


def serve(api: ApiServer, path: Path) -> _Server:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, document = api.answer(self.command, self.path, body)
            data = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815 -- the library's names

        def address_string(self) -> str:
            return "socket"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            del format, args

    server = _Server(str(path), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture
def api() -> ApiServer:
    return ApiServer()


@pytest.fixture
def socket_path(api: ApiServer, tmp_path: Path) -> Iterator[Path]:
    server = serve(api, tmp_path / "api")
    yield tmp_path / "api"
    server.shutdown()
    server.server_close()


def one_pass(path: Path, seconds: float = 20.0, **request: Any) -> dict[str, Any]:
    asked = {"leaving": [GONE], "force": False, "delete": False} | request
    return drain.Pass(drain.Api(str(path)), asked, monotonic() + seconds).run()


def test_a_node_is_cordoned_and_its_pods_are_evicted(api: ApiServer, socket_path: Path) -> None:
    api.add_pod("web-1")
    first = one_pass(socket_path)
    assert (first["drained"], first["left"]) == ([], {GONE: 1})
    assert api.nodes[GONE]["spec"]["unschedulable"] is True
    assert api.asked[1] == "POST /api/v1/namespaces/shop/pods/web-1/eviction"
    assert api.bodies[1]["apiVersion"] == "policy/v1"
    assert one_pass(socket_path)["drained"] == [GONE]
    assert api.nodes[LEFT]["spec"] == {}


def test_every_node_is_cordoned_before_the_first_pod_is_evicted(
    api: ApiServer, socket_path: Path
) -> None:
    api.add_pod("web-1")
    api.add_pod("web-2", LEFT)
    one_pass(socket_path, leaving=[GONE, LEFT])
    assert [asked.split()[0] for asked in api.asked] == ["PATCH", "PATCH", "POST", "POST"]


def test_pods_that_belong_to_the_node_or_have_ended_are_left_alone(
    api: ApiServer, socket_path: Path
) -> None:
    api.add_pod("proxy", kind="DaemonSet")
    api.add_pod("static", kind="Node", annotations=MIRROR)
    api.add_pod("job-1", kind="Job", phase="Succeeded")
    api.add_pod("job-2", kind="", phase="Failed")
    api.add_pod("elsewhere", LEFT)
    assert one_pass(socket_path)["drained"] == [GONE]
    assert api.asked == [f"PATCH /api/v1/nodes/{GONE}"]
    assert "elsewhere" in api.pods


def test_a_pod_that_is_ending_is_waited_for_and_not_evicted_again(
    api: ApiServer, socket_path: Path
) -> None:
    api.add_pod("slow")
    api.sticky.add("slow")
    assert one_pass(socket_path)["left"] == {GONE: 1}
    api.asked.clear()
    found = one_pass(socket_path)
    assert (found["left"], found["blocked"]) == ({GONE: 1}, [])
    assert api.asked == []


@pytest.mark.parametrize(
    ("finalizers", "why"),
    [
        (["shop/backup", "shop/ledger"], "its finalizers hold it: shop/backup, shop/ledger"),
        (None, "its kubelet has not ended it"),
    ],
)
@pytest.mark.parametrize("delete", [False, True])
def test_a_pod_that_does_not_end_in_its_time_is_named_with_the_reason(
    api: ApiServer, socket_path: Path, finalizers: list[str] | None, why: str, delete: bool
) -> None:
    api.add_pod("stuck")
    api.pods["stuck"]["metadata"]["finalizers"] = finalizers
    api.sticky.add("stuck")
    api.grace = -60.0
    assert one_pass(socket_path)["blocked"] == []
    found = one_pass(socket_path, delete=delete)
    (blocked,) = found["blocked"]
    assert (found["left"], blocked["pod"], blocked["budget"]) == ({GONE: 1}, "shop/stuck", "")
    assert blocked["message"].startswith("it was to end by 20")
    assert blocked["message"].endswith(why)


def test_an_ending_pod_does_not_hold_a_node_whose_kubelet_is_silent(
    api: ApiServer, socket_path: Path
) -> None:
    api.add_node(GONE, ready=False)
    api.add_pod("slow")
    api.sticky.add("slow")
    assert one_pass(socket_path)["left"] == {GONE: 1}
    assert one_pass(socket_path)["drained"] == [GONE]


def test_a_budget_that_refuses_is_named_with_its_own_words(
    api: ApiServer, socket_path: Path
) -> None:
    api.add_pod("web-1", app="web")
    api.budgets["web"] = "web-budget"
    (blocked,) = one_pass(socket_path)["blocked"]
    assert blocked == {
        "pod": "shop/web-1",
        "node": GONE,
        "budget": "web-budget",
        "message": "The disruption budget web-budget needs 2 healthy pods and has 2 currently",
    }
    assert "web-1" in api.pods


@pytest.mark.parametrize(
    ("status", "document", "told"),
    [
        (500, {"message": "This pod has more than one PodDisruptionBudget"}, "more than one Pod"),
        (403, {"message": 'admission webhook "guard" denied the request'}, '"guard" denied'),
        (429, {"message": "too many requests"}, "too many requests"),
        (503, {}, "answered 503"),
    ],
)
def test_other_refusals_are_told_without_a_budget(
    api: ApiServer, socket_path: Path, status: int, document: dict[str, Any], told: str
) -> None:
    api.add_pod("web-1")
    api.answers["POST /api/v1/namespaces/shop/pods/web-1/eviction"] = (status, document)
    (blocked,) = one_pass(socket_path)["blocked"]
    assert (blocked["budget"], told in blocked["message"]) == ("", True)


def test_a_pod_that_was_replaced_meanwhile_is_not_evicted_in_its_place(
    api: ApiServer, socket_path: Path
) -> None:
    api.add_pod("db-0", kind="StatefulSet")
    seen = json.loads(json.dumps(api.pods["db-0"]))
    seen["metadata"]["uid"] = "uid-of-the-old-one"
    api.answers["GET /api/v1/pods"] = (200, {"items": [seen]})
    assert one_pass(socket_path)["blocked"] == []
    assert "db-0" in api.pods


def test_a_pod_without_a_controller_holds_its_node_unless_forced(
    api: ApiServer, socket_path: Path
) -> None:
    api.add_pod("alone", kind="")
    (blocked,) = one_pass(socket_path)["blocked"]
    assert "no controller" in blocked["message"]
    assert "alone" in api.pods
    one_pass(socket_path, force=True)
    assert "alone" not in api.pods


def test_after_the_deadline_force_deletes_against_the_budget(
    api: ApiServer, socket_path: Path
) -> None:
    api.add_pod("web-1", app="web")
    api.budgets["web"] = "web-budget"
    one_pass(socket_path, force=True)
    assert "web-1" in api.pods
    one_pass(socket_path, force=True, delete=True)
    assert "web-1" not in api.pods


def test_a_node_that_is_taken_back_is_schedulable_again(api: ApiServer, socket_path: Path) -> None:
    one_pass(socket_path)
    answer = one_pass(socket_path, leaving=[], returning=[GONE, "demo-worker-9"])
    assert answer["returned"] == [GONE, "demo-worker-9"]
    assert api.nodes[GONE]["spec"]["unschedulable"] is None
    assert api.nodes[GONE]["metadata"]["annotations"] == {}


def test_a_node_that_somebody_else_cordoned_stays_cordoned(
    api: ApiServer, socket_path: Path
) -> None:
    api.add_node(GONE, cordoned=True)
    one_pass(socket_path)
    one_pass(socket_path, leaving=[], returning=[GONE])
    assert api.asked == []
    assert api.nodes[GONE]["spec"]["unschedulable"] is True


def test_a_node_that_changed_meanwhile_is_not_emptied_before_it_is_cordoned(
    api: ApiServer, socket_path: Path
) -> None:
    api.add_pod("web-1")
    api.answers[f"PATCH /api/v1/nodes/{GONE}"] = (409, {"message": "the object was modified"})
    assert one_pass(socket_path)["left"] == {GONE: -1}
    assert "web-1" in api.pods


def test_a_node_that_is_not_as_it_was_seen_is_left_alone(api: ApiServer, socket_path: Path) -> None:
    api.add_pod("web-1")
    api.nodes[GONE]["status"]["nodeInfo"] = {"kubeletVersion": "v1.36.3", "bootID": "b"}
    for other in ({"kubeletVersion": "v1.36.2"}, {"bootID": "a"}):
        found = one_pass(socket_path, seen={GONE: other})
        assert (found["drained"], found["left"], api.asked) == ([], {GONE: -1}, [])
        assert found["changed"] == [GONE]
    found = one_pass(socket_path, seen={GONE: {"bootID": "b"}})
    assert (found["left"], found["changed"]) == ({GONE: 1}, [])


def test_a_node_that_never_joined_is_empty(api: ApiServer, socket_path: Path) -> None:
    assert one_pass(socket_path, leaving=["demo-worker-9"])["drained"] == ["demo-worker-9"]


def test_node_objects_are_deleted_and_a_repeat_finds_none(
    api: ApiServer, socket_path: Path
) -> None:
    for _ in range(2):
        assert one_pass(socket_path, leaving=[], gone=[GONE])["gone"] == [GONE]
    assert set(api.nodes) == {LEFT}


def test_what_a_pass_has_no_time_for_is_left_to_the_next(api: ApiServer, socket_path: Path) -> None:
    answer = one_pass(socket_path, seconds=-1, returning=[LEFT], gone=[LEFT])
    assert answer["left"] == {GONE: -1}
    assert (answer["returned"], answer["gone"], api.asked) == ([], [], [])


def test_a_refused_cordon_ends_the_pass_with_the_reason(api: ApiServer, socket_path: Path) -> None:
    api.answers[f"PATCH /api/v1/nodes/{GONE}"] = (403, {"message": "forbidden: by a policy"})
    with pytest.raises(OSError, match="forbidden: by a policy"):
        one_pass(socket_path)


KUBECTL = """\
import sys, time
sys.path[:0] = {path!r}
from pathlib import Path
from tests.cluster.on_node.test_drain import ApiServer, serve
assert sys.argv[1:3] == ["--kubeconfig=/the/config", "proxy"], sys.argv
{body}
"""


def run(tmp_path: Path, body: str) -> subprocess.CompletedProcess[str]:
    """Runs the program as the activity does, with a kubectl of the test's own."""
    path = tmp_path / "kubectl"
    path.write_text(f"#!{sys.executable}\n" + KUBECTL.format(path=sys.path, body=body))
    path.chmod(0o755)
    request = {"leaving": [GONE], "force": False, "delete": False, "seconds": 20}
    return subprocess.run(
        [sys.executable, "-c", Path(drain.__file__).read_text(encoding="utf-8")],
        input=json.dumps(request | {"config": "/the/config"}),
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )


SERVING = "serve(ApiServer(), Path(sys.argv[3].removeprefix('--unix-socket='))); time.sleep(60)"


def test_it_reaches_the_api_through_a_proxy_that_ends_with_it(tmp_path: Path) -> None:
    done = run(tmp_path, SERVING)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["drained"] == [GONE]
    assert [path.name for path in tmp_path.iterdir()] == ["kubectl"]


def test_a_proxy_that_does_not_start_is_the_reason_of_the_failure(tmp_path: Path) -> None:
    done = run(tmp_path, "sys.exit('error: no such config')")
    assert done.returncode == 1
    assert "kubectl proxy did not start: error: no such config" in done.stderr

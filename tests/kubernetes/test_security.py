"""docs/security.md, held to the real nodes."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
import requests

from cluster.roles import CONTROL_PLANE, WORKER
from lab.testing.machines import PLATFORM, WIRE_SERVER, call_in, run
from tests.kubernetes.benchmark import ITEMS, KUBELETS, NODES, Item
from tests.kubernetes.machines import KUBECTL, members
from tests.lab.conftest import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long, pytest.mark.timeout(1200)]

# Shell functions for the checks. Each fails where the file or the running program is missing.
PRELUDE = r"""
set -u -o pipefail
arguments() {
  for each in /proc/[0-9]*/cmdline; do
    name=$(tr '\0' '\n' <"$each" 2>/dev/null | head -n 1)
    [ "${name##*/}" = "$1" ] && tr '\0' '\n' <"$each" && return
  done
  return 1
}
has() { arguments "$1" | grep -xq -- "$2"; }
lacks() { found=$(arguments "$1") && ! grep -q -- "$2" <<<"$found"; }
owner() {
  wanted=$1; shift
  for file; do [ "$(stat -Lc %U:%G "$file")" = "$wanted" ] || return 1; done
}
mode() {
  most=$1; shift
  for file; do
    found=$(stat -Lc %a "$file") && (( (8#$found & ~8#$most) == 0 )) || return 1
  done
}
"""
METADATA = "169.254.169.254"
# From the namespace of a pod that has a network of its own: that of a name server.
IN_POD = "nsenter --net --target $(pgrep -xo coredns)"
ASK = "curl -s -m 3 -o /dev/null http://{}/"


@pytest.fixture(autouse=True)
def built(cluster: requests.Response) -> None:
    assert cluster.status_code == 200, cluster.text


def machines(lab: Lab, item: Item) -> list[str]:
    if item.where == KUBELETS:
        return members(lab, CONTROL_PLANE)[:1]
    if item.where == NODES:
        return members(lab, CONTROL_PLANE) + members(lab, WORKER)
    return members(lab, item.where)


def script(item: Item) -> str:
    if item.where != KUBELETS:
        return f"{PRELUDE}\n{item.check}"
    judge = f'import json, sys; c = json.load(sys.stdin)["kubeletconfig"]; assert {item.check}, c'
    return (
        f"set -e; for node in $({KUBECTL} get nodes -o name); do "
        f'{KUBECTL} get --raw "/api/v1/nodes/${{node#node/}}/proxy/configz" | '
        f"python3 -c '{judge.replace("'", "'\"'\"'")}'; done"
    )


@pytest.mark.parametrize("item", [i for i in ITEMS if i.check], ids=lambda item: item.number)
def test_what_the_document_calls_passed_is_so_on_every_machine(lab: Lab, item: Item) -> None:
    found = machines(lab, item)
    assert found
    for name in found:
        assert lab.in_machine(name, script(item)) == 0, f"{name}: {item.number} {item.what}"


class Answering(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nobody reads it."""


@contextmanager
def platform(router: str) -> Iterator[None]:
    """Something that answers at the platform's two addresses in a network, as in Azure."""
    ip = ("ip", "-n", router, "addr")
    run(*ip, "add", f"{METADATA}/32", "dev", PLATFORM)
    servers: list[http.server.ThreadingHTTPServer] = []
    try:
        for address in (METADATA, WIRE_SERVER):
            make = partial(http.server.ThreadingHTTPServer, (address, 80), Answering)
            server = call_in(router, make)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            servers.append(server)
        yield
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
        run(*ip, "del", f"{METADATA}/32", "dev", PLATFORM)


def test_pods_reach_neither_metadata_nor_wire_server_while_their_node_does(lab: Lab) -> None:
    nodes = members(lab, CONTROL_PLANE) + members(lab, WORKER)
    asked = [name for name in nodes if lab.in_machine(name, "pgrep -xo coredns >/dev/null") == 0]
    assert asked, "no node runs a pod with a network of its own"
    with platform(lab.machine(asked[0]).router):
        for name in asked:
            for address in (METADATA, WIRE_SERVER):
                assert lab.in_machine(name, ASK.format(address)) == 0, f"{name}: {address}"
                pod = f"{IN_POD} {ASK.format(address)}"
                assert lab.in_machine(name, pod) == 28, f"a pod on {name}: {address}"
            # The same question is answered where only the bounds are gone: it is they that refuse.
            timer = "slipway-kernel-state.timer"
            stop = f"systemctl stop {timer}; nft flush chain inet slipway_pods forward"
            again = f"systemctl restart slipway-pod-bounds {timer}"
            assert lab.in_machine(name, stop) == 0
            try:
                pod = f"{IN_POD} {ASK.format(METADATA)}"
                assert lab.in_machine(name, pod) == 0, f"a pod without bounds on {name}"
            finally:
                assert lab.in_machine(name, again) == 0

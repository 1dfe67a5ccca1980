"""The command dashboard: opens a cluster's dashboard through the controller.

The page asks for a token, which this command prints. The token is bound to a secret that is deleted
when the command ends, and with it the token ends. If the command is killed, it ends by itself.
"""

import secrets
import signal
import socket
import time
import webbrowser
from argparse import Namespace
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from cli.access import need_access
from cli.api import Api
from cli.cluster_api import ClusterApi, MissingObjectError
from cli.controller import running_controller, say
from cli.exits import CommandError, Exit
from cli.port_forward import PodPort
from cli.targets import target_to_change
from cli.tunnel import listen, opened_tunnel, serve
from cli.vault import read_secret
from clients.errors import Refused, Transient
from clients.ssh.tunnel import Tunnel
from cluster.api import ClusterDetail
from cluster.kubeconfig import credentials_of

# The account whose tokens the page gets, the pods and their port: the objects are in
# playbooks/roles/add_ons/templates/dashboard.yml.j2.
ACCOUNT, PODS, PORT = "slipway-dashboard", "app.kubernetes.io/name=headlamp", 4466
PATH = "/api/v1/namespaces/kube-system"
SESSION, ENDS = "slipway.dev/dashboard-session", "slipway.dev/ends"


def dashboard(args: Namespace) -> int:
    """Keeps the dashboard open until Ctrl-C or until the token ends. If the command started the
    controller, it deallocates it again in any case."""
    listener = listen(args.port, PORT)
    with listener:
        target = target_to_change(args)
        api = Api(target)
        cluster = api.cluster(args.name)
        access = need_access(cluster)
        _require_dashboard(cluster)
        with running_controller(api, args.name) as (running, started):
            vault = args.vault or running.ssh.vault
            key = read_secret(target, vault, running.ssh.key_secret)
            text = read_secret(target, args.vault or access.vault, access.kubeconfig_secret)
            try:
                found = credentials_of(text)
            except ValueError as error:
                text = f"secret '{access.kubeconfig_secret}' is {error}: apply the spec again"
                raise CommandError(Exit.FAILED, text) from None
            with opened_tunnel(running, key) as through:
                kubernetes = ClusterApi(through, found)
                _end_old_sessions(kubernetes)
                way = Way(through, PodPort(kubernetes, _pod(kubernetes, args.name), PORT))
                with suppress(KeyboardInterrupt), _session(kubernetes, args) as token:
                    _report(args, listener, token, running.controller if started else "")
                    serve(listener, way, args.hours * 3600.0)
                    say(f"the token ended after {args.hours} h; the same command opens a new one")
    return Exit.OK


class Way:
    """Connections to the dashboard. They end with the tunnel."""

    def __init__(self, tunnel: Tunnel, port: PodPort) -> None:
        self._tunnel, self._port = tunnel, port

    @property
    def alive(self) -> bool:
        return self._tunnel.alive

    def carry(self, client: socket.socket) -> None:
        self._port.carry(client)


def _require_dashboard(cluster: ClusterDetail) -> None:
    """Raises CommandError if the spec that was applied last does not ask for the dashboard."""
    if not cluster.spec.add_ons.dashboard:
        text = (
            f"{cluster.name} has no dashboard: its spec does not ask for it\n"
            "  next: apply the spec with addOns.dashboard: true"
        )
        raise CommandError(Exit.FAILED, text)


def _pod(api: ClusterApi, name: str) -> str:
    """Returns the name of a pod of the dashboard that is ready.

    Raises:
        CommandError: there is none.
    """
    answer = api.ask("GET", f"{PATH}/pods", query={"labelSelector": PODS})
    for pod in answer["items"]:
        states = pod.get("status", {}).get("conditions", [])
        if any(state["type"] == "Ready" and state["status"] == "True" for state in states):
            return str(pod["metadata"]["name"])
    text = (
        f"no pod of the dashboard is ready ({len(answer['items'])} in all)\n"
        f"  next: slipway get {name}; apply the spec again if its last operation failed"
    )
    raise CommandError(Exit.FAILED, text)


@contextmanager
def _session(api: ClusterApi, args: Namespace) -> Generator[str]:
    """Yields a token that ends with the block."""
    name = f"{ACCOUNT}-{secrets.token_hex(4)}"
    try:
        account = api.ask("GET", f"{PATH}/serviceaccounts/{ACCOUNT}")
    except MissingObjectError:
        text = f"{args.name} has no account for the dashboard: apply its spec again"
        raise CommandError(Exit.FAILED, text) from None
    try:
        bound = api.ask("POST", f"{PATH}/secrets", _bond(name, account, args.hours))
        yield _token(api, bound, args.hours)
    finally:
        _end(api, name)


def _bond(name: str, account: dict[str, Any], hours: int) -> dict[str, Any]:
    """Returns the secret that a token is bound to. It has no content, and goes with the account."""
    owner = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "name": ACCOUNT,
        "uid": account["metadata"]["uid"],
    }
    ends = datetime.now(UTC) + timedelta(hours=hours)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "labels": {SESSION: "yes"},
            "annotations": {ENDS: ends.isoformat(timespec="seconds")},
            "ownerReferences": [owner],
        },
    }


def _token(api: ClusterApi, bound: dict[str, Any], hours: int) -> str:
    reference = {
        "apiVersion": "v1",
        "kind": "Secret",
        "name": bound["metadata"]["name"],
        "uid": bound["metadata"]["uid"],
    }
    spec = {"expirationSeconds": hours * 3600, "boundObjectRef": reference}
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    answer = api.ask("POST", f"{PATH}/serviceaccounts/{ACCOUNT}/token", request)
    return str(answer["status"]["token"])


def _end(api: ClusterApi, name: str) -> None:
    """Deletes the secret that a token is bound to. It ignores signals, because a second Ctrl-C
    would leave a token that is valid."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        api.ask("DELETE", f"{PATH}/secrets/{name}")
        say("the token was withdrawn")
    except MissingObjectError:
        pass
    except (CommandError, Transient, Refused) as error:
        say(f"the token was not withdrawn, and ends by itself: {error}")


def _end_old_sessions(api: ClusterApi) -> None:
    """Deletes what commands left that were killed."""
    listed = api.ask("GET", f"{PATH}/secrets", query={"labelSelector": SESSION})
    for secret in listed["items"]:
        metadata = secret["metadata"]
        try:
            ends = datetime.fromisoformat(metadata["annotations"][ENDS])
        except (KeyError, ValueError):
            continue
        if ends.timestamp() < time.time():
            with suppress(MissingObjectError):
                api.ask("DELETE", f"{PATH}/secrets/{metadata['name']}")


def _report(args: Namespace, listener: socket.socket, token: str, controller: str) -> None:
    """Prints the token, alone on standard output, and opens the page."""
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    say(f"{args.name}'s dashboard is at {url} while this runs")
    say(f"it asks for this token, which ends with this command, after {args.hours} h at most:")
    print(token, flush=True)
    say("Ctrl-C ends it" + (f" and deallocates {controller}" if controller else ""))
    if not args.no_browser and not webbrowser.open(url):
        say(f"no browser could be opened; the page is {url}")

"""The command tunnel: forwards a local port to the Kubernetes API's internal address through the
controller."""

import math
import socket
import threading
import time
from argparse import Namespace
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Protocol

from cli.api import Api
from cli.controller import LOOK_SECONDS, connected, running_controller, say
from cli.exits import CommandError, Exit
from cli.targets import target_to_change
from cli.vault import read_secret
from clients.errors import Refused, Transient
from clients.ssh.tunnel import Tunnel
from cluster.api_requests import ControllerRunning
from cluster.kubernetes_api import API_PORT

PORTS = 20


def tunnel(args: Namespace) -> int:
    """Keeps the tunnel open until Ctrl-C. If the command started the controller, it deallocates it
    again in any case."""
    listener = listen(args.port, API_PORT)
    target = target_to_change(args)
    api = Api(target)
    with listener, running_controller(api, args.name) as (running, started):
        key = read_secret(target, args.vault or running.ssh.vault, running.ssh.key_secret)
        with opened_tunnel(running, key) as through:
            port = listener.getsockname()[1]
            say(f"{args.name}'s API is at https://127.0.0.1:{port} while this runs")
            option = "" if port == API_PORT else f" --port {port}"
            say(f"in another terminal: slipway kubeconfig {args.name}{option}")
            say("Ctrl-C ends it" + (f" and deallocates {running.controller}" if started else ""))
            with suppress(KeyboardInterrupt):
                serve(listener, through)
    return Exit.OK


@contextmanager
def opened_tunnel(running: ControllerRunning, key: str) -> Generator[Tunnel]:
    """Yields the SSH tunnel to the API."""
    ssh, api = running.ssh, running.api
    address, target = (ssh.host, ssh.port), (api.host, api.port)
    opened = connected(running, lambda: Tunnel(address, ssh.user, key, ssh.host_key, target))
    with opened:
        try:
            opened.check()
        except (Transient, Refused) as error:
            text = f"the API does not answer: {error}\n  next: slipway get {running.name}"
            raise CommandError(Exit.FAILED, text) from None
        yield opened


class Way(Protocol):
    """Where connections go. It is alive as long as the SSH connection that it needs."""

    @property
    def alive(self) -> bool: ...

    def carry(self, client: socket.socket) -> None: ...


def serve(listener: socket.socket, through: Way, seconds: float = math.inf) -> None:
    """Serves each connection in a thread. The threads end with the tunnel.

    Raises:
        CommandError: the SSH connection is lost.
    """
    listener.settimeout(LOOK_SECONDS)
    until = time.monotonic() + seconds
    while through.alive:
        if time.monotonic() > until:
            return
        try:
            client, _ = listener.accept()
        except TimeoutError:
            continue
        client.settimeout(None)
        threading.Thread(target=_carry, args=(through, client), daemon=True).start()
    text = (
        "the connection to the controller ended: it was deallocated (the end of an operation does "
        "that), or the network failed; the same command opens it again"
    )
    raise CommandError(Exit.FAILED, text)


def _carry(through: Way, client: socket.socket) -> None:
    try:
        through.carry(client)
    except (Transient, Refused) as error:
        say(f"a connection was not carried: {error}")


def listen(wanted: int | None, usual: int) -> socket.socket:
    """Returns a socket that listens on loopback, on the requested port; without one, on the usual
    or the next free port. Raises CommandError."""
    ports = [wanted] if wanted is not None else list(range(usual, usual + PORTS))
    reason = ""
    for port in ports:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen()
        except OSError as error:
            listener.close()
            reason = error.strerror or str(error)
            continue
        return listener
    text = f"port {ports[0]}" if len(ports) == 1 else f"ports {ports[0]} to {ports[-1]}"
    raise CommandError(Exit.REFUSED, f"127.0.0.1, {text}: {reason}; choose another with --port")

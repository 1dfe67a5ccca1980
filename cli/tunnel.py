"""The command tunnel: forwards a local port to the Kubernetes API's internal address through the
controller."""

import signal
import socket
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Generator
from contextlib import contextmanager, suppress

from cli.api import Api
from cli.exits import CommandError, Exit
from cli.targets import target_to_change
from cli.text import clean, duration
from cli.vault import read_secret
from clients.errors import Refused, Transient
from clients.ssh.tunnel import Tunnel
from cluster.api_requests import ControllerRunning
from cluster.kubernetes_api import API_PORT

# Limits in seconds. Azure takes one to three minutes to start a VM; sshd responds some seconds
# later.
START_SECONDS, SSH_SECONDS = 600.0, 120.0
PORTS = 20
LOOK_SECONDS = 1.0


def tunnel(args: Namespace) -> int:
    """Keeps the tunnel open until Ctrl-C. If the command started the controller, it deallocates it
    again in any case."""
    listener = _listen(args.port)
    target = target_to_change(args)
    api = Api(target)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    with listener, _controller(api, args.name) as (running, started):
        key = read_secret(target, args.vault or running.ssh.vault, running.ssh.key_secret)
        with _connected(running, key) as through:
            port = listener.getsockname()[1]
            _say(f"{args.name}'s API is at https://127.0.0.1:{port} while this runs")
            option = "" if port == API_PORT else f" --port {port}"
            _say(f"in another terminal: slipway kubeconfig {args.name}{option}")
            _say("Ctrl-C ends it" + (f" and deallocates {running.controller}" if started else ""))
            with suppress(KeyboardInterrupt):
                _serve(listener, through)
    return Exit.OK


@contextmanager
def _controller(api: Api, name: str) -> Generator[tuple[ControllerRunning, bool]]:
    """Keeps the controller running while the block runs. Yields it, and whether it had to be
    started."""
    since, started, reported = time.monotonic(), False, ""
    try:
        while True:
            answer = api.start_controller(name)
            started = started or answer.started
            if isinstance(answer, ControllerRunning):
                break
            waited = time.monotonic() - since
            if waited > START_SECONDS:
                text = f"{answer.controller} is {answer.state} after {duration(waited)}"
                raise CommandError(Exit.FAILED, f"{text}; look at it in the portal, then again")
            if reported != answer.state or int(waited) % 15 == 0:
                _say(f"{answer.controller} is {answer.state} ({duration(waited)})")
            reported = answer.state
            time.sleep(api.poll_seconds)
        yield answer, started
    finally:
        if started:
            _release(api, name)


def _release(api: Api, name: str) -> None:
    """Deallocates the controller. It ignores signals, because a second Ctrl-C would leave a running
    VM that costs money."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        answer = api.stop_controller(name)
        _say(f"{answer.controller} was started for this tunnel; it is {answer.state}")
    except CommandError as error:
        _say(f"the controller was not deallocated: {error}")


@contextmanager
def _connected(running: ControllerRunning, key: str) -> Generator[Tunnel]:
    """Yields the SSH tunnel. It retries, because sshd starts later than the VM reports that it
    runs."""
    ssh, api = running.ssh, running.api
    until = time.monotonic() + SSH_SECONDS
    place = f"{running.controller} ({ssh.host})"
    while True:
        try:
            opened = Tunnel(
                (ssh.host, ssh.port),
                ssh.user,
                key,
                ssh.host_key,
                (api.host, api.port),
            )
            break
        except Refused as error:
            text = f"{place}: {error.message}; apply the cluster's spec again"
            raise CommandError(Exit.FAILED, text) from None
        except Transient as error:
            if time.monotonic() > until:
                text = (
                    f"{place} does not answer on SSH: {error}\n"
                    "  next: this machine's public address must be in network.allowedSources of "
                    "the spec; apply it with that"
                )
                raise CommandError(Exit.UNREACHABLE, text) from None
            time.sleep(LOOK_SECONDS)
    with opened:
        try:
            opened.check()
        except (Transient, Refused) as error:
            text = f"the API does not answer: {error}\n  next: slipway get {running.name}"
            raise CommandError(Exit.FAILED, text) from None
        yield opened


def _serve(listener: socket.socket, through: Tunnel) -> None:
    """Serves each connection in a thread. The threads end with the tunnel.

    Raises:
        CommandError: the SSH connection is lost.
    """
    listener.settimeout(LOOK_SECONDS)
    while through.alive:
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


def _carry(through: Tunnel, client: socket.socket) -> None:
    try:
        through.carry(client)
    except (Transient, Refused) as error:
        _say(f"a connection was not carried: {error}")


def _listen(wanted: int | None) -> socket.socket:
    """Returns a socket that listens on loopback, on the requested port; without one, on 6443 or the
    next free port. Raises CommandError."""
    ports = [wanted] if wanted is not None else list(range(API_PORT, API_PORT + PORTS))
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


def _say(text: str) -> None:
    with suppress(OSError):  # a closed terminal must not keep a controller running
        print(f"slipway: {clean(text)}", file=sys.stderr, flush=True)


def _interrupt(number: int, frame: object) -> None:
    del number, frame
    raise KeyboardInterrupt

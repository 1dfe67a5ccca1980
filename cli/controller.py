"""Keeps a cluster's controller running for a command, and connects to it."""

import signal
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

from cli.api import Api
from cli.exits import CommandError, Exit
from cli.text import clean, duration
from clients.errors import Refused, Transient
from cluster.api_requests import ControllerRunning

# Limits in seconds. Azure takes one to three minutes to start a VM; sshd responds some seconds
# later.
START_SECONDS, SSH_SECONDS = 600.0, 120.0
LOOK_SECONDS = 1.0


@contextmanager
def running_controller(
    api: Api, name: str, node: str = ""
) -> Generator[tuple[ControllerRunning, bool]]:
    """Keeps the controller running while the block runs. Yields it, and whether it had to be
    started; then it is deallocated again in any case. `node`: the answer has the way to it too."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    since, started, reported = time.monotonic(), False, ""
    try:
        while True:
            answer = api.start_controller(name, node)
            started = started or answer.started
            if isinstance(answer, ControllerRunning):
                break
            waited = time.monotonic() - since
            if waited > START_SECONDS:
                text = f"{answer.controller} is {answer.state} after {duration(waited)}"
                raise CommandError(Exit.FAILED, f"{text}; look at it in the portal, then again")
            if reported != answer.state or int(waited) % 15 == 0:
                say(f"{answer.controller} is {answer.state} ({duration(waited)})")
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
        say(f"{answer.controller} was started for this command; it is {answer.state}")
    except CommandError as error:
        say(f"the controller was not deallocated: {error}")


def connected[T](running: ControllerRunning, connect: Callable[[], T]) -> T:
    """Returns the connection. It retries, because sshd starts later than the VM reports that it
    runs.

    Raises:
        CommandError: the controller does not answer, or is not the one that is pinned.
    """
    until = time.monotonic() + SSH_SECONDS
    place = f"{running.controller} ({running.ssh.host})"
    while True:
        try:
            return connect()
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


def say(text: str) -> None:
    with suppress(OSError):  # a closed terminal must not keep a controller running
        print(f"slipway: {clean(text)}", file=sys.stderr, flush=True)


def _interrupt(number: int, frame: object) -> None:
    del number, frame
    raise KeyboardInterrupt

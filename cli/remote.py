"""The commands ssh and exec: a shell or one command on a machine of a cluster, through its
controller."""

import os
import shutil
import signal
import sys
import termios
import tty
from argparse import Namespace
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any

from cli.api import Api
from cli.controller import connected, running_controller
from cli.exits import CommandError, Exit
from cli.targets import target_to_change
from cli.vault import read_secret
from clients.errors import Refused, Transient
from clients.ssh.session import Login, Terminal, join_shell, open_shell, run_command, signed_in
from cluster.api_requests import ControllerRunning

SSH_PORT = 22
STREAMS = (0, 1, 2)


def execute(args: Namespace) -> int:
    """Runs a command and returns its exit code. Its streams are those of this process."""
    if not args.argv or args.argv[0].startswith("-"):
        args.used.error("NODE is followed by -- and the command; options stand before NAME")
    with _session(args) as transport:
        sys.stdout.flush()
        return run_command(transport, args.argv, STREAMS)


def shell(args: Namespace) -> int:
    """Opens a shell in this terminal, and returns its exit code.

    Raises:
        CommandError: there is no terminal.
    """
    if not (os.isatty(STREAMS[0]) and os.isatty(STREAMS[1])):
        text = f"a shell needs a terminal; for one command: slipway exec {args.name} {args.node} --"
        raise CommandError(Exit.REFUSED, text)
    with _session(args) as transport:
        channel = open_shell(transport, _terminal())

        def resize(number: int, frame: object) -> None:
            del number, frame
            size = _terminal()
            channel.resize_pty(size.columns, size.lines)

        with _raw_terminal():
            before = signal.signal(signal.SIGWINCH, resize)
            try:
                return join_shell(transport, channel, STREAMS[:2])
            finally:
                signal.signal(signal.SIGWINCH, before)


@contextmanager
def _session(args: Namespace) -> Generator[Any]:
    """Yields the connection to the machine. A controller that was started is deallocated again.

    Raises:
        CommandError: there is no such machine, or it cannot be reached, or the vault refuses.
    """
    target = target_to_change(args)
    controller = f"{args.name}-controller"
    prefixed = args.node.startswith(f"{args.name}-")
    node = args.node if prefixed else f"{args.name}-{args.node}"
    with running_controller(Api(target), args.name, node) as (running, _), ExitStack() as stack:
        key = read_secret(target, args.vault or running.ssh.vault, running.ssh.key_secret)
        way = (key, *_logins(running, "" if node == controller else node))
        transport = connected(running, lambda: stack.enter_context(signed_in(*way)))
        try:
            yield transport
        except (Refused, Transient) as error:
            raise CommandError(Exit.FAILED, f"{node}: {error}") from None


def _logins(running: ControllerRunning, node: str) -> tuple[Login, Login | None]:
    ssh, found = running.ssh, running.node
    controller = Login((ssh.host, ssh.port), ssh.user, ssh.host_key)
    if not node:
        return controller, None
    if found is None:
        text = "the app does not say how to reach a node: publish this version of Slipway"
        raise CommandError(Exit.REFUSED, text)
    return controller, Login((found.host, SSH_PORT), ssh.user, found.host_key)


def _terminal() -> Terminal:
    size = shutil.get_terminal_size()
    return Terminal(os.environ.get("TERM", "xterm"), size.columns, size.lines)


@contextmanager
def _raw_terminal() -> Generator[None]:
    """The far end handles every key while the block runs, Ctrl-C too."""
    before = termios.tcgetattr(STREAMS[0])
    try:
        tty.setraw(STREAMS[0], termios.TCSADRAIN)  # what was typed ahead is kept
        yield
    finally:
        termios.tcsetattr(STREAMS[0], termios.TCSADRAIN, before)

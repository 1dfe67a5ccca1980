"""A person's session on a machine: one command with its streams, or a shell in a terminal.

Nothing here has a time limit: a session lasts as long as its user wants.
"""

import os
import shlex
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from clients.errors import Transient
from clients.ssh.connection import connect, faults, private_key_of

if TYPE_CHECKING:
    import paramiko

OPEN_SECONDS = 30.0
PART = 32_768
# Shorter than every idle timeout on the way (Azure's shortest is 4 minutes).
KEEPALIVE_SECONDS = 30


class Login(NamedTuple):
    """A machine, the user there, and the host key that it must show."""

    address: tuple[str, int]
    user: str
    host_key: str


class Terminal(NamedTuple):
    """What the far end is told of a terminal."""

    kind: str
    columns: int
    lines: int


@contextmanager
def signed_in(
    private_key: str, controller: Login, node: Login | None
) -> Generator["paramiko.Transport"]:
    """Yields a connection to the controller, or through it to a node. Both host keys are pinned.

    Raises:
        Transient: nothing answers on SSH (yet).
        Refused: another host key, or the private key is not accepted.
    """
    key = private_key_of(private_key)
    first = connect(controller.address, controller.user, key, controller.host_key)
    try:
        first.set_keepalive(KEEPALIVE_SECONDS)
        if node is None:
            yield first
            return
        second = connect(node.address, node.user, key, node.host_key, through=first)
        try:
            yield second
        finally:
            second.close()
    finally:
        first.close()


def run_command(
    transport: "paramiko.Transport", argv: list[str], streams: tuple[int, int, int]
) -> int:
    """Runs a command with this process' streams, which are file descriptors. Returns its exit code;
    255 if a signal ended it.

    Raises:
        Transient: the connection broke.
        BrokenPipeError: the reader of the output has gone.
    """
    stdin, stdout, stderr = streams
    what = f"'{argv[0]}'"
    with faults(what):
        channel = transport.open_session(timeout=OPEN_SECONDS)
    try:
        with faults(what):
            channel.exec_command(shlex.join(argv))  # nosec B601 -- every argument is quoted
        _in_background(_send, channel, stdin)
        errors = _in_background(_copy_errors, channel, stderr)
        _copy(channel.recv, stdout)
        errors.join()
        return _exit_of(transport, channel, what)
    finally:
        with suppress(OSError, EOFError):
            channel.close()


def open_shell(transport: "paramiko.Transport", terminal: Terminal) -> "paramiko.Channel":
    """Returns the channel of a login shell in a terminal. Raises Transient."""
    with faults("a shell"):
        channel = transport.open_session(timeout=OPEN_SECONDS)
        channel.get_pty(terminal.kind, terminal.columns, terminal.lines)
        channel.invoke_shell()
    return channel


def join_shell(
    transport: "paramiko.Transport", channel: "paramiko.Channel", streams: tuple[int, int]
) -> int:
    """Copies the terminal's input and output until the shell ends. Returns its exit code.

    Raises:
        Transient: the connection broke.
    """
    stdin, stdout = streams
    try:
        _in_background(_send, channel, stdin)
        _copy(channel.recv, stdout)
        return _exit_of(transport, channel, "the shell")
    finally:
        with suppress(OSError, EOFError):
            channel.close()


def _exit_of(transport: "paramiko.Transport", channel: "paramiko.Channel", what: str) -> int:
    code = channel.recv_exit_status()
    if code < 0 and not transport.is_active():
        raise Transient(f"{what}: the connection broke")
    return code if code >= 0 else 255


def _in_background[*A](work: Callable[[*A], None], *arguments: *A) -> threading.Thread:
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    return thread


def _send(channel: "paramiko.Channel", descriptor: int) -> None:
    """Sends what is read. A command may end before it has read all of it."""
    with suppress(OSError, EOFError):
        while part := os.read(descriptor, PART):
            channel.sendall(part)
        channel.shutdown_write()


def _copy_errors(channel: "paramiko.Channel", descriptor: int) -> None:
    with suppress(OSError):  # nobody reads them any more
        _copy(channel.recv_stderr, descriptor)


def _copy(receive: Callable[[int], bytes], descriptor: int) -> None:
    while part := receive(PART):
        while part:
            part = part[os.write(descriptor, part) :]

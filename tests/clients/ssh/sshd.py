"""Debian's own sshd on a loopback port, as an unprivileged service of the test.

Where this machine has none, the one of the lab's machine image is used (root only). A root's sshd
runs in a mount namespace of its own, since it wants /run/sshd.
"""

import getpass
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("SLIPWAY_CACHE", "/var/cache/slipway"))
CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
Subsystem sftp internal-sftp
LogLevel VERBOSE
"""
# A test's refused connections are not an attack (OpenSSH 9.8 and later).
NO_PENALTIES = "PerSourcePenalties no\n"
# The image belongs to the lab, whose machines may run on it now: it is mounted read-only.
IN_IMAGE = (
    'cd "$2"; mkdir -p root; mount --bind "$1" root; mount -o remount,bind,ro root; '
    "mount --bind . root/mnt; mount --rbind /dev root/dev; mount -t proc proc root/proc; "
    "mount -t tmpfs tmpfs root/run; mkdir root/run/sshd; "
    "exec chroot root /usr/sbin/sshd -D -e -f /mnt/config"
)
HERE = 'mount -t tmpfs tmpfs /run; mkdir /run/sshd; exec "$1" -D -e -f "$2/config"'


@dataclass
class Sshd:
    """A running sshd. `folder` is the test's, `inside` the same as sshd's commands see it."""

    port: int
    host_key: str
    folder: Path
    inside: str
    process: "subprocess.Popen[bytes]"

    @property
    def user(self) -> str:
        return getpass.getuser()

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


def start(folder: Path, authorized: str, extra: str = "", kind: str = "ed25519") -> Sshd:
    """Fails the test where there is no sshd to be had."""
    folder.mkdir()
    key = folder / "host"
    make = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", str(key)]
    subprocess.run(make, check=True)
    (folder / "authorized").write_text(authorized + "\n")
    port = _free_port()
    argv, inside = _command(folder)
    config = CONFIG.format(port=port, folder=inside) + extra
    process = _listening(argv, folder, port, NO_PENALTIES + config)
    process = process or _listening(argv, folder, port, config)
    assert process, (folder / "log").read_text()
    return Sshd(port, key.with_suffix(".pub").read_text(), folder, inside, process)


def _command(folder: Path) -> tuple[list[str], str]:
    own = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    images = sorted(CACHE.glob("image-*/usr/sbin/sshd"))
    space = ["unshare", "--mount", "sh", "-euc"]
    if own and os.geteuid():
        return [own, "-D", "-e", "-f", str(folder / "config")], str(folder)
    if own:
        return [*space, HERE, "sh", own, str(folder)], str(folder)
    if images and not os.geteuid():
        return [*space, IN_IMAGE, "sh", str(images[0].parents[2]), str(folder)], "/mnt"
    pytest.fail("no sshd: install openssh-server, or run ./slipway test as root, which makes one")


def _listening(
    argv: list[str], folder: Path, port: int, config: str
) -> "subprocess.Popen[bytes] | None":
    (folder / "config").write_text(config)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process
        time.sleep(0.05)
    return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

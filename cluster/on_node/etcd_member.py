"""What the programs for etcd members share: questions to the member, errors as texts, and a folder
of root's own in which one execution works at a time.

A program that imports this travels together with it (`cluster/on_node/__init__.py`).
"""

import fcntl
import hashlib
import json
import os
import pwd
import shutil
import stat
import subprocess  # nosec B404
import sys
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]

TOO_LARGE, MISSING, BUSY = 65, 66, 75
TEXT_CHARACTERS = 300
BLOCK = 1 << 20
# Without any answer for so long, a transfer has failed.
SILENCE_SECONDS = 60
# The longest time for a question to the member.
ASK_SECONDS = 10
# What must remain free of the disk, which etcd's log needs: one part of so many.
RESERVE = 20


class FailedError(Exception):
    """What could not be done, and the exit code that says so."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


def output(argv: list[str], seconds: int) -> bytes:
    """Returns what a program prints.

    Raises:
        FailedError: it failed, or was not done in time.
    """
    try:
        done = subprocess.run(argv, capture_output=True, timeout=seconds, check=False)  # nosec B603
    except OSError as error:
        raise FailedError(f"{argv[0]}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise FailedError(f"{argv[0]} was not done within {seconds} s") from None
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise FailedError(f"{Path(argv[0]).name}: {lines[-1][-TEXT_CHARACTERS:]}")
    return done.stdout


class Member:
    """The etcd member of this machine. `etcdctl`: the program itself, not a link to it."""

    def __init__(self, request: Json) -> None:
        pki = request["pki"]
        self.etcdctl = Path(request["etcdctl"]).resolve()
        self._way = [
            f"--endpoints={request.get('endpoint', '')}",
            f"--cacert={pki}/ca.crt",
            f"--cert={pki}/client.crt",
            f"--key={pki}/client.key",
        ]

    def require_health(self) -> None:
        """Raises FailedError if the member cannot read at its cluster's newest revision: it has no
        quorum, or is behind it."""
        self.ask(["endpoint", "health"])

    def status(self) -> Json:
        found: Any = json.loads(self.ask(["endpoint", "status", "--write-out=json"]))
        status: Json = found[0]["Status"]
        return status

    def ask(self, words: list[str], seconds: int = ASK_SECONDS) -> bytes:
        return output([str(self.etcdctl), *self._way, *words], seconds)


def require_room(directory: Path, size: int, what: str) -> None:
    """Raises FailedError if so many bytes do not fit on the disk and leave it its reserve."""
    disk = shutil.disk_usage(directory)
    if disk.free - size < disk.total // RESERVE:
        text = f"{what} of {size} bytes does not fit on the disk, of which {disk.free} are free"
        raise FailedError(text)


def digests(path: Path, last: int) -> tuple[dict[str, str], str, bytes]:
    """Returns the file's SHA-256 and MD5, the SHA-256 of all but its last bytes, and those."""
    whole, content = hashlib.sha256(), hashlib.sha256()
    md5 = hashlib.md5(usedforsecurity=False)
    left = path.stat().st_size - last
    with path.open("rb") as file:
        while left > 0 and (block := file.read(min(BLOCK, left))):
            for digest in (whole, content, md5):
                digest.update(block)
            left -= len(block)
        end = file.read()
    whole.update(end)
    md5.update(end)
    return {"sha256": whole.hexdigest(), "md5": md5.hexdigest()}, content.hexdigest(), end


def opener(request: Json) -> urllib.request.OpenerDirector:
    """Returns what opens the request's `url`, through its `proxy` unless `noProxy` names the
    host. The environment's proxies are not used."""
    proxy, host = str(request.get("proxy") or ""), urlsplit(str(request["url"])).hostname or ""
    direct = (name.strip().lstrip(".") for name in str(request.get("noProxy", "")).split(","))
    if any(name and f".{host}".endswith(f".{name}") for name in direct):
        proxy = ""
    proxies = {"http": proxy, "https": proxy} if proxy else {}
    return urllib.request.build_opener(urllib.request.ProxyHandler(proxies))


@contextmanager
def alone(directory: Path) -> Generator[None]:
    """Keeps a second execution out.

    Raises:
        FailedError: another execution is at work, or etcd's user, who may write beside the
            directory, put something else in its place.
    """
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise FailedError(f"{directory} is not a directory of {pwd.getpwuid(os.geteuid()).pw_name}")
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FailedError("another execution is at work here", BUSY) from None
        yield


def answer(do: Callable[[Json, Path], Json]) -> int:
    """Does what the standard input asks for, alone in its `directory`; returns the exit code."""
    os.umask(0o077)
    try:
        request = json.load(sys.stdin)
        directory = Path(request["directory"])
        with alone(directory):
            found = do(request, directory)
    except FailedError as error:
        with suppress(OSError):
            sys.stderr.write(f"{error}\n")
        return error.code
    except OSError as error:
        sys.stderr.write(f"{error.strerror}\n")
        return 1
    sys.stdout.write(json.dumps(found))
    return 0

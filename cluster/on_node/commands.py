"""What programs for machines share: commands, files that are written as a whole, and the answer to
a request on standard input.

A program that imports this travels together with it (`cluster/on_node/__init__.py`).
"""

import json
import os
import subprocess  # nosec B404
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

Json = dict[str, Any]

TEXT_CHARACTERS = 300
KUBECTL_SECONDS = 20


class FailedError(Exception):
    """What could not be done."""


def output(argv: list[str], seconds: int, sent: bytes = b"") -> str:
    """Returns what a program prints.

    Raises:
        FailedError: it failed, or was not done in time.
    """
    try:
        done = subprocess.run(  # nosec B603
            argv, input=sent, capture_output=True, timeout=seconds, check=False
        )
    except OSError as error:
        raise FailedError(f"{argv[0]}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise FailedError(f"{argv[0]} was not done within {seconds} s") from None
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise FailedError(f"{Path(argv[0]).name}: {lines[-1][-TEXT_CHARACTERS:]}")
    return done.stdout.decode(errors="replace")


def kubectl(
    request: Json, words: list[str], sent: Json | None = None, seconds: int = KUBECTL_SECONDS
) -> str:
    """Returns what kubectl prints with this control plane's `admin.conf`. The request says where
    both are (`kubectl`, `etc`).

    Args:
        sent: what kubectl reads.
    """
    config = f"--kubeconfig={request['etc']}/admin.conf"
    argv = [request["kubectl"], config, "--request-timeout=15s", *words]
    return output(argv, seconds, json.dumps(sent).encode() if sent else b"")


def write_whole(path: Path, content: str, like: os.stat_result | None = None) -> None:
    """Writes the file so that nobody sees a part of it, also after a loss of power.

    Args:
        like: whose owner and mode it gets. None: this process's owner, and 0600.
    """
    handle, part = tempfile.mkstemp(prefix=".slipway-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
            if like is not None:
                os.fchown(file.fileno(), like.st_uid, like.st_gid)
                os.fchmod(file.fileno(), like.st_mode & 0o777)
            file.flush()
            os.fsync(file.fileno())
        Path(part).replace(path)
    except OSError:
        with suppress(OSError):
            Path(part).unlink()
        raise


def answer(actions: dict[str, Callable[[Json], Json]]) -> int:
    """Does the action that the request on standard input names, and prints what it returns."""
    request = json.load(sys.stdin)
    try:
        found = actions[request["action"]](request)
    except (FailedError, OSError, ValueError, LookupError) as error:
        with suppress(OSError):
            sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(found))
    return 0

"""What a node answers on TCP 3333: its own report, one JSON line a connection.

This file runs on the node itself, alone, under systemd: standard library only, and no secret in
reach. Every caller gets an answer of its own:

    {"name", "role", "address", "bootId", "status": "ok" | "error" | "running", "detail"}

`status` is cloud-init's result for this boot; `detail` says which stage runs, what failed, or
what cloud-init warned of, in at most 1,000 characters.
"""

import contextlib
import json
import os
import socketserver
import subprocess  # nosec B404
import sys
import threading
import time
from pathlib import Path
from typing import Any, cast

PORT = 3333
DETAIL_LIMIT = 1000
ASK_SECONDS = 30
SEND_SECONDS = 10
# cloud-init writes the first from its beginning, the second at its end.
BEGUN = Path("/run/cloud-init/status.json")
ENDED = Path("/run/cloud-init/result.json")
RUNNING_SECONDS = 60.0
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def ask_cloud_init() -> dict[str, Any]:
    """cloud-init's own account of this boot; its exit code repeats what the answer says.

    Raises:
        OSError, subprocess.TimeoutExpired, ValueError: there is no answer to be had.
    """
    # One fixed command: a list, no shell, nothing from outside.
    done = subprocess.run(  # nosec B603
        ["/usr/bin/cloud-init", "status", "--format", "json"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=ASK_SECONDS,
        check=False,
    )
    answer = json.loads(done.stdout)
    if not isinstance(answer, dict):
        raise ValueError("cloud-init status is not an object")  # noqa: TRY004 one kind for callers
    return cast("dict[str, Any]", answer)


class CloudInit:
    """Its program takes half a second of CPU to start, so an answer holds for all callers while
    its files stay as they are: that it runs for a minute, since it may die, and that it is done."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, Any] = {}
        self._of: tuple[int, ...] = ()
        self._asked = 0.0

    def account(self) -> dict[str, Any]:
        """As `ask_cloud_init`; callers that come meanwhile wait for the one answer."""
        with self._lock:
            marks = tuple(path.stat().st_mtime_ns for path in (BEGUN, ENDED) if path.exists())
            age = time.monotonic() - self._asked
            holds = {"done": True, "running": age < RUNNING_SECONDS}
            same = bool(marks) and marks == self._of
            if not (same and holds.get(str(self._last.get("status")))):
                self._last = ask_cloud_init()
                self._of, self._asked = marks, time.monotonic()
            return self._last


CLOUD_INIT = CloudInit()


def judge(answer: dict[str, Any], wanted_name: str, host_name: str) -> tuple[str, str]:
    """(status, detail) of a node that should be called `wanted_name`."""
    state = str(answer.get("status", ""))
    errors: list[object] = answer.get("errors") or []
    if state in ("running", "not started", "not run"):
        return "running", f"cloud-init stage: {answer.get('stage') or 'not begun'}"
    if state != "done" or errors:
        account = "\n".join(str(error) for error in errors) or str(answer.get("detail", ""))
        return "error", f"cloud-init ended as '{state}': {account}"
    if host_name != wanted_name:
        return "error", f"the host is named '{host_name}', the plan says '{wanted_name}'"
    warnings: dict[str, list[object]] = answer.get("recoverable_errors") or {}
    lines = dict.fromkeys(str(line) for lines in warnings.values() for line in lines)
    return "ok", "\n".join(lines)


def report(node: dict[str, str]) -> dict[str, str]:
    """The report of this moment.

    Args:
        node: name, role and address that the node was made with.
    """
    try:
        status, detail = judge(CLOUD_INIT.account(), node["name"], os.uname().nodename)
    except (OSError, ValueError) as fault:
        status, detail = "error", f"cloud-init does not answer: {fault}"
    except subprocess.TimeoutExpired:
        status, detail = "running", f"cloud-init did not answer within {ASK_SECONDS} s"
    return {
        "name": node["name"],
        "role": node["role"],
        "address": node["address"],
        "bootId": BOOT_ID.read_text().strip(),
        "status": status,
        "detail": detail[:DETAIL_LIMIT],
    }


class Caller(socketserver.BaseRequestHandler):
    """One connection: an answer, and the end of it."""

    def handle(self) -> None:
        answer = json.dumps(report(cast("Readiness", self.server).node)).encode() + b"\n"
        self.request.settimeout(SEND_SECONDS)
        # A caller that left before its answer asks again.
        with contextlib.suppress(OSError):
            self.request.sendall(answer)


class Readiness(socketserver.ThreadingTCPServer):
    """Listens on the node's own address only."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, node: dict[str, str], port: int = PORT) -> None:
        self.node = node
        super().__init__((node["address"], port), Caller)


if __name__ == "__main__":
    with Readiness(json.loads(Path(sys.argv[1]).read_text())) as server:
        server.serve_forever()

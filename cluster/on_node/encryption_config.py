"""Gives the API server of this control plane its encryption keys.

This file runs on machines of a cluster, alone: standard library only. Each action may be repeated.

Standard input: JSON with `content`, the EncryptionConfiguration, and `action`:
- `look`: changes nothing.
- `apply`: writes the file, and restarts the API server unless it has started since.
- `write`: writes the file only. The API server reads it when it starts.
- `path`, `etc`, `kubectl`, `crictl`, `proc`: where they are.

The output has `state`: `none` (the machine has no Kubernetes), `starting` or `ready`; `active`,
whether the API server has started with that file; `detail`.

Exit codes: 0; 1: anything else. The standard error then says what.
"""

import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from cluster.on_node.commands import FailedError, Json, answer, kubectl, output, write_whole

NAME = "kube-apiserver"
READY_SECONDS, STOP_SECONDS = 15, 45
# The kernel's time of its start is rounded to seconds, and varies by one.
ROUNDED_SECONDS = 2.0


def look(request: Json) -> Json:
    if not (Path(request["etc"]) / "slipway-member").exists():
        return {"state": "none", "active": False, "detail": ""}
    active = _is_active(request)
    try:
        kubectl(request, ["get", "--raw=/readyz"])
    except FailedError as error:
        return {"state": "starting", "active": active, "detail": str(error)}
    return {"state": "ready", "active": active, "detail": ""}


def apply(request: Json) -> Json:
    found = write(request)
    if found["state"] == "none" or found["active"]:
        return found
    for container in _containers(request):
        # As long as the kubelet gives a static pod. A runtime that is slow may say no, and stop it.
        with suppress(FailedError):
            output([request["crictl"], "stop", "--timeout=30", container], STOP_SECONDS)
        # The kubelet waits longer before each start of a container that has ended before, up to
        # five minutes. After a container that is gone it starts the next one at once.
        output([request["crictl"], "rm", "--force", container], READY_SECONDS)
    return {"state": "starting", "active": False, "detail": f"{NAME} was restarted"}


def write(request: Json) -> Json:
    member = (Path(request["etc"]) / "slipway-member").exists()
    if member and _content(request) != request["content"]:
        write_whole(Path(request["path"]), request["content"])
    return look(request)


def _content(request: Json) -> str:
    try:
        return Path(request["path"]).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _is_active(request: Json) -> bool:
    """Returns whether a process of the API server runs and each has started since the file was
    written."""
    if _content(request) != request["content"]:
        return False
    written = Path(request["path"]).stat().st_mtime
    started = _starts(Path(request["proc"]))
    return bool(started) and min(started) > written + ROUNDED_SECONDS


def _starts(proc: Path) -> list[float]:
    """Returns when each process of the API server has started, in Unix seconds."""
    booted = next(
        (
            float(line.split()[1])
            for line in (proc / "stat").read_text(encoding="utf-8").splitlines()
            if line.startswith("btime ")
        ),
        0.0,
    )
    found: list[float] = []
    for folder in proc.glob("[0-9]*"):
        with suppress(OSError):  # the process has ended
            if (folder / "comm").read_text(encoding="utf-8", errors="replace").strip() != NAME:
                continue
            stat = (folder / "stat").read_text(encoding="utf-8", errors="replace")
            # The name, in parentheses, may have spaces. The start is the 20th field after it.
            ticks = int(stat.rpartition(")")[2].split()[19])
            found.append(booted + ticks / os.sysconf("SC_CLK_TCK"))
    return found


def _containers(request: Json) -> list[str]:
    words = ["ps", f"--name=^{NAME}$", "--label=io.kubernetes.pod.namespace=kube-system"]
    printed = output([request["crictl"], *words, "--output=json"], READY_SECONDS)
    found: Json = json.loads(printed)
    containers: list[Json] = found.get("containers") or []
    return [str(one["id"]) for one in containers]


if __name__ == "__main__":
    sys.exit(answer({"look": look, "apply": apply, "write": write}))

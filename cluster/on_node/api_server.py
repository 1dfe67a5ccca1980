"""Stops and starts the API server of a control plane, and looks after the nodes' kubelets.

This file runs on machines of a cluster, alone: standard library only. Each action may be repeated.

Standard input: JSON with `action`, and
- `look`: changes nothing, and fails if a `stop` of the same `restore` could do nothing. The output
  has `state`: `none` (the machine has no Kubernetes), `there`.
- `stop`: moves the manifest of the API server out of the kubelet's sight, unless a `start` of the
  same `restore` (a number) or of a later one was here. The output has `state`: `none`, `stopping`,
  `stopped`, or `started` if nothing was done.
- `start`: moves it back. The output has `state`: `none`, `starting` or `ready`, and `detail`.
- `nodes`: `names` of the nodes that the cluster has. The output has `ready`, how many of them are
  ready and have renewed their lease; `absent`, those that Kubernetes does not know; `late`, those
  that are not ready; `others`, nodes that it knows and the cluster does not have.
- `kubelet`: restarts this machine's kubelet, unless it started a moment ago. A kubelet registers
  its node only when it starts.
- `etc`, `kubectl`, `systemctl`, `proc`: where they are.

Exit codes: 0; 1: anything else. The standard error then says what.
"""

import fcntl
import json
import os
import subprocess  # nosec B404
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Json = dict[str, Any]

NAME = "kube-apiserver"
# Has the number of the restore that started the API server: a stop of it that comes later is void.
STARTED = "started"
SECONDS = 20
TEXT_CHARACTERS = 300
# A kubelet renews its lease every 10 s. One that is older was in the snapshot.
LEASE_SECONDS = 25
# What a kubelet has to register its node in, before it is restarted again.
REGISTER_SECONDS = 60
# Kubernetes' names in one answer.
SHOWN = 50
NODES = (
    '{range .items[*]}{.metadata.name}{"\\t"}'
    '{.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}'
)
LEASES = '{range .items[*]}{.metadata.name}{"\\t"}{.spec.renewTime}{"\\n"}{end}'


class FailedError(Exception):
    """What could not be done."""


def look(request: Json) -> Json:
    """Raises FailedError if the API server could not be stopped: the machine is a control plane and
    has no manifest, or a restore of the same or a higher number has started it."""
    found = _found(request)
    last = _started(_places(request)[1].parent)
    if last >= request["restore"]:
        raise FailedError(
            f"operation {last} started {NAME}, so operation {request['restore']} may not stop it "
            "(an adopted record numbers operations anew): remove "
            "/etc/kubernetes/slipway-restore/started on every control plane"
        )
    return found


def _found(request: Json) -> Json:
    if any(place.exists() for place in _places(request)):
        return {"state": "there"}
    if (Path(request["etc"]) / "slipway-member").exists():
        raise FailedError(f"the machine is a control plane and has no manifest of {NAME}")
    return {"state": "none", "detail": ""}


def stop(request: Json) -> Json:
    if (found := _found(request))["state"] == "none":
        return found
    manifest, kept = _places(request)
    with _alone(request):
        if _started(kept.parent) >= request["restore"]:
            return {"state": "started"}
        if manifest.exists():
            kept.parent.mkdir(mode=0o700, exist_ok=True)
            manifest.replace(kept)
    running = any(_comm(path) == NAME for path in Path(request["proc"]).glob("[0-9]*/comm"))
    return {"state": "stopping" if running else "stopped"}


def start(request: Json) -> Json:
    if (found := _found(request))["state"] == "none":
        return found
    manifest, kept = _places(request)
    with _alone(request):
        kept.parent.mkdir(mode=0o700, exist_ok=True)
        number = max(request["restore"], _started(kept.parent))
        (kept.parent / STARTED).write_text(str(number), "utf-8")
        if manifest.exists():
            # Whoever wrote it since knows better.
            kept.unlink(missing_ok=True)
        elif kept.exists():
            kept.replace(manifest)
    try:
        _output([*_kubectl(request), "get", "--raw=/readyz"])
    except FailedError as error:
        return {"state": "starting", "detail": str(error)}
    return {"state": "ready", "detail": ""}


def _places(request: Json) -> tuple[Path, Path]:
    """Returns where the kubelet finds the manifest, and where it is meanwhile. Both are on one file
    system."""
    etc = Path(request["etc"])
    return etc / f"manifests/{NAME}.yaml", etc / f"slipway-restore/{NAME}.yaml"


@contextmanager
def _alone(request: Json) -> Generator[None]:
    """Lets a stop that comes late and a start act one after the other."""
    folder = os.open(request["etc"], os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _started(folder: Path) -> int:
    """Returns the restore that last started the API server; 0: none."""
    with suppress(OSError, ValueError):
        return int((folder / STARTED).read_text("utf-8"))
    return 0


def _comm(path: Path) -> str:
    with suppress(OSError):  # the process has ended
        return path.read_text(encoding="utf-8", errors="replace").strip()
    return ""


def nodes(request: Json) -> Json:
    wanted, now = set(request["names"]), datetime.now(UTC)
    states = _table(request, NODES, "nodes")
    leases = _table(request, LEASES, "leases", "--namespace=kube-node-lease")
    alive = {name for name, at in leases.items() if _age(at, now) <= LEASE_SECONDS}
    ready = {name for name in wanted & alive if states.get(name) == "True"}
    absent = wanted - states.keys()
    late, others = wanted - ready - absent, states.keys() - wanted
    found = {"absent": absent, "late": late, "others": others}
    return {"ready": len(ready)} | {key: sorted(names)[:SHOWN] for key, names in found.items()}


def _table(request: Json, form: str, *words: str) -> dict[str, str]:
    printed = _output([*_kubectl(request), "get", *words, f"--output=jsonpath={form}"])
    rows = (line.partition("\t") for line in printed.splitlines())
    return {name: value for name, _, value in rows}


def _age(at: str, now: datetime) -> float:
    """Returns the age in seconds; a time that cannot be read is infinitely old."""
    try:
        return (now - datetime.fromisoformat(at)).total_seconds()
    except (ValueError, TypeError):
        return float("inf")


def kubelet(request: Json) -> Json:
    systemctl = request["systemctl"]
    words = ["show", "kubelet", "--property=ActiveEnterTimestampMonotonic", "--value"]
    since = _output([systemctl, *words]).strip()
    if since.isdecimal() and time.monotonic() - int(since) / 1e6 < REGISTER_SECONDS:
        return {"restarted": False}
    _output([systemctl, "restart", "--no-block", "kubelet"])
    return {"restarted": True}


def _kubectl(request: Json) -> list[str]:
    return [
        request["kubectl"],
        f"--kubeconfig={request['etc']}/admin.conf",
        "--request-timeout=10s",
    ]


def _output(argv: list[str]) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, timeout=SECONDS, check=False)  # nosec B603
    except OSError as error:
        raise FailedError(f"{argv[0]}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise FailedError(f"{argv[0]} was not done within {SECONDS} s") from None
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise FailedError(f"{Path(argv[0]).name}: {lines[-1][-TEXT_CHARACTERS:]}")
    return done.stdout.decode(errors="replace")


ACTIONS = {f.__name__: f for f in (look, stop, start, nodes, kubelet)}


def main() -> int:
    request = json.load(sys.stdin)
    try:
        found = ACTIONS[request["action"]](request)
    except (FailedError, OSError) as error:
        with suppress(OSError):
            sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())

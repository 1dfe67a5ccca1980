"""The play as a transient systemd unit: detached, named by its run, with a deadline."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from paths import DISK, MEMORY, Run

ENTRY = Path(__file__).with_name("play.py")
BUNDLE = ENTRY.parent.parent
# A run's streams and result are a few MB.
FREE_BYTES = 64 * 1024**2


def is_active(run: Run) -> bool:
    done = subprocess.run(
        ["systemctl", "show", "--property=ActiveState", "--value", run.unit],
        check=False,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip() in ("active", "activating", "deactivating")


def start(run: Run, text: str) -> dict[str, Any]:
    """Finds the first start of this run, running or finished, and starts nothing then."""
    with _lock():
        if run.result() is not None:
            return {"state": "finished"}
        if is_active(run):
            return {"state": "running"}
        request = json.loads(text)
        _end_others(run)
        _need_space()
        _stage(run, request)
        _launch(run, int(request["deadlineSeconds"]))
    return {"state": "started"}


def stop(run: Run) -> dict[str, Any]:
    """Ends it; a run that was never started, or ended by itself, is a success."""
    with _lock():
        subprocess.run(["systemctl", "stop", run.unit], check=False, capture_output=True)
        if run.disk.exists() and run.result() is None:
            run.save_result(-1)
    return {"state": "finished"}


def conclude(run: Run) -> None:
    """After the unit ended: a run that could not write its own result gets one, unless the whole
    machine is going down: then it is lost, and is started again elsewhere in time."""
    if run.result() is not None or _machine_stops():
        return
    timed_out = os.environ.get("SERVICE_RESULT") == "timeout"
    run.save_result(-1, timed_out=timed_out)


def _machine_stops() -> bool:
    done = subprocess.run(
        ["systemctl", "is-system-running"], check=False, capture_output=True, text=True
    )
    return done.stdout.strip() == "stopping"


@contextmanager
def _lock() -> Iterator[None]:
    """Two starts at once start one play."""
    MEMORY.mkdir(mode=0o700, exist_ok=True)
    with (MEMORY / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _stage(run: Run, request: dict[str, Any]) -> None:
    os.umask(0o077)
    (MEMORY / "ssh").mkdir(exist_ok=True)
    run.memory.mkdir(exist_ok=True)
    run.disk.mkdir(parents=True, exist_ok=True)
    for name, text in {
        "id": request["privateKey"],
        "known_hosts": request["knownHosts"],
        "inventory.yml": json.dumps(request["inventory"]),
        **request["files"],
    }.items():
        path = run.memory / name
        if not path.resolve().is_relative_to(run.memory.resolve()):
            raise SystemExit(f"{name}: outside of the run's directory")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (run.disk.parent.parent / "packages").mkdir(exist_ok=True)


def _end_others(run: Run) -> None:
    """Two plays must not touch the nodes at once. Another one's orchestration is gone: the record
    lets only the newest operation come here."""
    listed = subprocess.run(
        ["systemctl", "list-units", "--plain", "--no-legend", "slipway-play-*.service"],
        check=False,
        capture_output=True,
        text=True,
    )
    units = [line.split()[0] for line in listed.stdout.splitlines() if line.strip()]
    others = [unit for unit in units if unit != run.unit]
    if others:
        subprocess.run(["systemctl", "stop", *others], check=False, capture_output=True)


def _need_space() -> None:
    """A play on a full disk could tell neither its events nor its result: it is not started."""
    DISK.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(DISK).free
    if free < FREE_BYTES:
        raise SystemExit(
            f"the controller's disk is full: {free >> 20} MB free in {DISK}, "
            f"{FREE_BYTES >> 20} MB are needed"
        )


def _launch(run: Run, deadline: int) -> None:
    """RuntimeDirectory: systemd removes the secrets when the unit ends, however it ends."""
    me = [sys.executable, str(ENTRY)]
    conclude_command = " ".join([*me, "conclude", "--run", run.name])
    done = subprocess.run(
        [
            "systemd-run",
            f"--unit={run.unit}",
            "--collect",
            "--quiet",
            f"--property=RuntimeDirectory=slipway/{run.name}",
            "--property=RuntimeDirectoryMode=0700",
            f"--property=RuntimeMaxSec={deadline}",
            "--property=TimeoutStopSec=20",
            "--property=KillMode=control-group",
            f"--property=ExecStopPost={conclude_command}",
            f"--property=WorkingDirectory={BUNDLE}",
            "--setenv=LC_ALL=C.UTF-8",
            "--setenv=PYTHONDONTWRITEBYTECODE=1",
            "--setenv=HOME=/root",
            *me,
            "run",
            "--run",
            run.name,
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode and not is_active(run):
        raise SystemExit(f"the play's unit could not be started: {done.stderr.strip()}")

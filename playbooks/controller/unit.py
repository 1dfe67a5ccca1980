"""Starts and stops the play as a transient systemd unit, which is named after the run."""

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
# Events, log and result of a run take a few MB.
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
    """Starts the run's unit, unless the run was started before.

    Args:
        text: the request, as JSON.

    Returns:
        `state`: started, or running or finished if it was started before.

    Raises:
        SystemExit: the disk is full, the request names a file outside of the run's directory, or
            systemd did not start the unit.
    """
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
    """Stops the run's unit. Also succeeds if the run was never started or has ended by itself."""
    with _lock():
        subprocess.run(["systemctl", "stop", run.unit], check=False, capture_output=True)
        if run.disk.exists() and run.result() is None:
            run.save_result(-1)
    return {"state": "finished"}


def conclude(run: Run) -> None:
    """Writes the result of a run whose unit ended before the play wrote one.

    If the machine is shutting down, no result is written: the run is lost, and the orchestrator
    starts it again.
    """
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
    """Makes starts and stops wait for each other: two starts at once start one play."""
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
        "inventory.json": json.dumps(request["inventory"]),
        **request["files"],
    }.items():
        path = run.memory / name
        if not path.resolve().is_relative_to(run.memory.resolve()):
            raise SystemExit(f"the request's file {name} is outside of the run's directory")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (run.disk.parent.parent / "packages").mkdir(exist_ok=True)


def _end_others(run: Run) -> None:
    """Stops the units of other runs: two plays must not change the nodes at the same time.

    The orchestrations of the other runs are over: the cluster's record lets only the newest
    operation reach this point.
    """
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
    """Refuses to start a play that could write neither its events nor its result.

    Raises:
        SystemExit: the disk has less than FREE_BYTES.
    """
    DISK.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(DISK).free
    if free < FREE_BYTES:
        raise SystemExit(
            f"the controller's disk is full: {free >> 20} MB free in {DISK}, "
            f"{FREE_BYTES >> 20} MB are needed"
        )


def _launch(run: Run, deadline: int) -> None:
    """Starts the unit.

    The secrets are in its RuntimeDirectory, which systemd removes when the unit ends, for whatever
    reason.

    Args:
        deadline: seconds after which systemd stops the unit.
    """
    program = [sys.executable, str(ENTRY)]
    conclude_command = " ".join([*program, "conclude", "--run", run.name])
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
            *program,
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

"""Starts and stops the lab, and reports its status."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cli.local_lab import STATE, LabInfo, is_supervisor, read_info
from lab.host.program import ensure_program
from lab.machines.image import ensure_image
from lab.machines.removal import destroy_all
from lab.machines.router import prepare_host
from lab.machines.site import claim, entries, find, release
from lab.paths import ROOT
from lab.storage import ensure_azurite

CACHE = Path(os.environ.get("SLIPWAY_CACHE", "/var/cache/slipway"))
READY_SECONDS = 180.0
# The lab's services stop one after another; the host may drain for 25 s.
END_SECONDS = 60.0

type Report = Callable[[str], None]


class LabError(Exception):
    """The lab could not be started or stopped. The message says why and ends with the relevant
    log."""


@dataclass(frozen=True)
class LabOptions:
    """Options of a lab.

    `engine`: memory or azure-storage. `mode`: once, twice or lose-first. `mirror`: directory and
    manifestSha256 of the artifacts that machines use by default, and `through`, the last stage that
    they suffice for, if they do not suffice for all. `settings` override the app's. `site`: the
    number of the lab's site, if not the first free one. `owner`: the process that the lab must not
    outlive (`lab.machines.site.this_process`); without one, it stays until it is taken down.
    """

    state: Path = STATE
    cache: Path = CACHE
    engine: str = "memory"
    mode: str = "once"
    mirror: dict[str, str] | None = None
    settings: dict[str, str] = field(default_factory=dict[str, str])
    site: int | None = None
    owner: dict[str, str] | None = None


def up(options: LabOptions, report: Report) -> LabInfo:
    """Starts the lab and returns when it is ready. The data of an earlier lab (clusters, secrets,
    events) is kept.

    Raises:
        LabError: the lab is already up, the user is not root, or a service did not start.
    """
    if os.geteuid() != 0:
        raise LabError("the lab needs root for its machines: run this with sudo")
    if read_info(options.state):
        raise LabError("the lab is up; './slipway lab down' takes it down")
    options.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    ensure_azurite(options.cache, report)
    if options.engine != "memory":
        ensure_program(options.cache, report)
    ensure_image(options.cache, report)
    site = claim(options.state, options.site, options.owner)
    # Machines reach the lab's blobs and its mirror at the host's address in the lab.
    prepare_host(site)
    (options.state / "lab.json").unlink(missing_ok=True)
    wanted = asdict(options) | {"state": str(options.state), "cache": str(options.cache)}
    wanted["site"] = site.number
    (options.state / "options.json").write_text(json.dumps(wanted), encoding="utf-8")
    log = options.state / "supervisor.log"
    with log.open("wb") as file:
        # The supervisor has its own session, so it outlives this process and its terminal.
        subprocess.run(
            ["setsid", "--fork", sys.executable, "-m", "lab.supervisor", str(options.state)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            check=True,
        )
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        found = read_info(options.state)
        if found:
            return found
        time.sleep(0.2)
        if _supervisor_pid(options.state) is None and not read_info(options.state):
            break
    _end_supervisor(options.state)
    raise LabError(f"the lab did not start:\n{log.read_text(errors='replace')[-3000:]}")


def down(report: Report, state: Path = STATE) -> list[str]:
    """Stops the lab and removes all of it, also after a crash. Returns what was removed: nothing on
    a second call."""
    removed = _end_supervisor(state)
    site = find(state)
    for name in destroy_all(state, site):
        report(f"removed {name}")
        removed.append(name)
    if state.exists():
        shutil.rmtree(state)
        removed.append("state")
    if site:
        release(site)
    return removed


def sweep(report: Report, state: Path = STATE) -> list[str]:
    """Removes the labs of other states that nobody uses any more: that of a killed test run, for
    example. Returns the places of their states."""
    found = [entry.state for entry in entries() if entry.abandoned and entry.state != state]
    for other in found:
        report(f"removing the abandoned lab in {other}")
        down(report, other)
    return [str(other) for other in found]


def stop(state: Path = STATE) -> list[str]:
    """Stops the services only. Machines and state are kept for the next `up`."""
    return _end_supervisor(state)


def status(state: Path = STATE) -> dict[str, Any]:
    """Returns what exists: services, machines, the location of the state, and other labs on this
    machine."""
    info = read_info(state)
    machines = sorted(path.parent.name for path in state.glob("machines/*/machine.json"))
    return {
        "up": info is not None,
        "url": info.url if info else None,
        "pid": info.info["pid"] if info else None,
        "mode": info.info["mode"] if info else None,
        "engine": info.info["engine"] if info else None,
        "machines": [name.partition("--")[2] for name in machines],
        "state": str(state) if state.exists() else None,
        "others": [
            {"state": str(entry.state), "abandoned": entry.abandoned}
            for entry in entries()
            if entry.state != state
        ],
    }


def _end_supervisor(state: Path) -> list[str]:
    pid = _supervisor_pid(state)
    if pid is None:
        return []
    os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + END_SECONDS
    while time.monotonic() < until and is_supervisor(pid, state):
        time.sleep(0.1)
    if is_supervisor(pid, state):
        os.kill(pid, signal.SIGKILL)
    return ["services"]


def _supervisor_pid(state: Path) -> int | None:
    """Returns the supervisor's process id, or None. It searches command lines, so it also finds a
    supervisor that never became ready."""
    for path in Path("/proc").glob("[0-9]*"):
        if is_supervisor(int(path.name), state):
            return int(path.name)
    return None

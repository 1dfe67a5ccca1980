"""Removes everything that machines and network left on the host, by name. It also works after a
crash."""

import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab.machines.machine import Machine
from lab.machines.shell import run, succeeds

FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
TRIES = 50


def destroy_all(state: Path, prefix: str = "slw") -> list[str]:
    """Removes all remains. Returns their names; the list is empty if there was nothing to
    remove."""
    removed: list[str] = []
    directories = sorted((state / "machines").glob("*"))
    with ThreadPoolExecutor(4) as pool:
        removed += pool.map(lambda directory: _machine(directory, prefix), directories)
    for name in _namespaces(prefix):
        _end_processes(name)
        run("ip", "netns", "del", name, check=False)
        removed.append(f"namespace {name}")
    for mount in _mounts(state):
        run("umount", "-l", mount, check=False)
        removed.append(f"mount {mount}")
    for link in _links(prefix):
        run("ip", "link", "del", link, check=False)
        removed.append(f"link {link}")
    if succeeds("nft", "list", "table", "ip", f"{prefix}lab"):
        run("nft", "delete", "table", "ip", f"{prefix}lab", check=False)
        removed.append("firewall table")
    for flag in ("-i", "-o"):
        while succeeds("iptables", "-D", "FORWARD", flag, f"{prefix}+", "-j", "ACCEPT"):
            continue
    removed += _loops(state)
    removed += _groups(prefix)
    old = state / "ip_forward"
    if old.exists():
        FORWARDING.write_text(old.read_text(encoding="utf-8"), encoding="utf-8")
        old.unlink()
    shutil.rmtree(state / "machines", ignore_errors=True)
    return removed


def _machine(directory: Path, prefix: str) -> str:
    try:
        machine = Machine.load(directory, Path("/"), prefix)
    except (OSError, ValueError, KeyError):
        shutil.rmtree(directory, ignore_errors=True)
        return f"remains of {directory.name}"
    machine.delete()
    return f"machine {machine.spec.hostname}"


def _namespaces(prefix: str) -> list[str]:
    names = [
        line.split()[0] for line in run("ip", "netns", "list", check=False).splitlines() if line
    ]
    return [name for name in names if name.startswith(prefix) and name[len(prefix) :].isdigit()]


def _end_processes(namespace: str) -> None:
    for _ in range(TRIES):
        pids = run("ip", "netns", "pids", namespace, check=False).split()
        if not pids:
            return
        for pid in pids:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.05)


def _mounts(state: Path) -> list[str]:
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    found = [line.split()[1] for line in lines]
    return [mount for mount in reversed(found) if mount.startswith(f"{state}/")]


def _links(prefix: str) -> list[str]:
    names = [path.name for path in Path("/sys/class/net").iterdir()]
    return [
        name
        for name in names
        if name == f"{prefix}pub" or (name.startswith(prefix) and name[len(prefix) :].isdigit())
    ]


def _loops(state: Path) -> list[str]:
    removed: list[str] = []
    for line in run("losetup", "-l", "-n", "-O", "NAME,BACK-FILE", check=False).splitlines():
        name, _, file = line.strip().partition(" ")
        if file.strip().startswith(f"{state}/"):
            run("losetup", "-d", name, check=False)
            removed.append(f"loop device {name}")
    return removed


def _groups(prefix: str) -> list[str]:
    """Removes the machines' control groups, children first, because `rmdir` removes only empty
    ones. Returns the names of those that were removed."""
    removed: list[str] = []
    for root, directories, _ in os.walk("/sys/fs/cgroup", topdown=False):
        for name in directories:
            path = Path(root) / name
            if any(_is_ours(part, prefix) for part in path.parts):
                try:
                    path.rmdir()
                except OSError:
                    continue
                if _is_ours(name, prefix):
                    removed.append(f"control group {path.name}")
    return sorted(set(removed))


def _is_ours(name: str, prefix: str) -> bool:
    return name.startswith(prefix) and name[len(prefix) :].isdigit()

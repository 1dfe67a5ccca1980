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
from lab.machines.site import Site

TRIES = 50


def destroy_all(state: Path, site: Site | None) -> list[str]:
    """Removes all remains of the lab. Returns their names; the list is empty if there was nothing
    to remove. Without a site, the lab has used no names of the host."""
    removed: list[str] = []
    directories = sorted((state / "machines").glob("*"))
    with ThreadPoolExecutor(4) as pool:
        removed += pool.map(_machine, directories)
    if site:
        removed += _networks(site)
    for mount in _mounts(state):
        run("umount", "-l", mount, check=False)
        removed.append(f"mount {mount}")
    removed += _loops(state)
    if site:
        removed += _groups(site)
    shutil.rmtree(state / "machines", ignore_errors=True)
    return removed


def _networks(site: Site) -> list[str]:
    """Removes the namespaces, links and rules. Returns their names."""
    removed: list[str] = []
    for name in _namespaces(site):
        _end_processes(name)
        run("ip", "netns", "del", name, check=False)
        removed.append(f"namespace {name}")
    for link in _links(site):
        run("ip", "link", "del", link, check=False)
        removed.append(f"link {link}")
    if succeeds("nft", "list", "table", "ip", site.name):
        run("nft", "delete", "table", "ip", site.name, check=False)
        removed.append("firewall table")
    for flag in ("-i", "-o"):
        while succeeds("iptables", "-D", "FORWARD", flag, f"{site.uplinks}+", "-j", "ACCEPT"):
            continue
    return removed


def _machine(directory: Path) -> str:
    try:
        machine = Machine.load(directory, Path("/"))
    except (OSError, ValueError, KeyError, TypeError):  # incomplete, or of another version
        shutil.rmtree(directory, ignore_errors=True)
        return f"remains of {directory.name}"
    machine.delete()
    return f"machine {machine.spec.hostname}"


def _namespaces(site: Site) -> list[str]:
    lines = run("ip", "netns", "list", check=False).splitlines()
    return [name for name in (line.split()[0] for line in lines if line) if site.owns(name)]


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


def _links(site: Site) -> list[str]:
    return [path.name for path in Path("/sys/class/net").iterdir() if site.owns(path.name)]


def _loops(state: Path) -> list[str]:
    removed: list[str] = []
    for line in run("losetup", "-l", "-n", "-O", "NAME,BACK-FILE", check=False).splitlines():
        name, _, file = line.strip().partition(" ")
        if file.strip().startswith(f"{state}/"):
            run("losetup", "-d", name, check=False)
            removed.append(f"loop device {name}")
    return removed


def _groups(site: Site) -> list[str]:
    """Removes the machines' control groups, children first, because `rmdir` removes only empty
    ones. Returns the names of those that were removed."""
    removed: list[str] = []
    for root, directories, _ in os.walk("/sys/fs/cgroup", topdown=False):
        for name in directories:
            path = Path(root) / name
            if any(site.owns(part) for part in path.parts):
                try:
                    path.rmdir()
                except OSError:
                    continue
                if site.owns(name):
                    removed.append(f"control group {path.name}")
    return sorted(set(removed))

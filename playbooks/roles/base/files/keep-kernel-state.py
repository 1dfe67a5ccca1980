"""Compares what the play set in the kernel with the kernel itself, and corrects what differs.

Usage: keep-kernel-state.py DIRECTORY

Each JSON file of DIRECTORY has some of these keys:

  modules   names of kernel modules
  sysctl    lines of sysctl.d(5); '*' stands for any name, and a leading '-' ignores a key that the
            kernel lacks or does not let this machine change
  table     {"name": "inet x", "file": path}: a table of nftables, and the file that makes it
  address   {"address": IPv4 address, "device": name}
  swap      "off"
  unit      the file holds only while this systemd unit is active or failed, not while it is stopped

Every run of the play calls it, and so does a timer on the machine: a unit that has set something
once says nothing about the kernel of now. Prints a line for each correction. The exit code is 1 if
something could not be corrected; standard error says what.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

SYSCTL, MODULES, SWAPS = Path("/proc/sys"), Path("/sys/module"), Path("/proc/swaps")
# A container has its host's modules and its host's swap, and can change neither.
CONTAINER = Path("/run/systemd/container")


class StateError(Exception):
    """Something could not be read or corrected; the message says what."""


def run(*command: str) -> str:
    """Standard output of the command.

    Raises:
        StateError: it failed.
    """
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise StateError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def succeeds(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def correct_modules(names: list[str]) -> Iterator[str]:
    for name in [] if CONTAINER.exists() else names:
        loaded = MODULES / name.replace("-", "_")
        if not loaded.exists():
            run("modprobe", name)
            # One that is built into the kernel may have no directory there.
            if loaded.exists():
                yield f"module {name} loaded"


def correct_sysctl(lines: list[str]) -> Iterator[str]:
    for line in lines:
        key, wanted = (part.strip() for part in line.split("=", 1))
        optional, key = key.startswith("-"), key.removeprefix("-")
        paths = sorted(SYSCTL.glob(key.replace(".", "/")))
        if not paths and not optional:
            raise StateError(f"the kernel has no setting {key}")
        for path in paths:
            yield from correct_setting(path, wanted.split(), optional)


def correct_setting(path: Path, wanted: list[str], optional: bool) -> Iterator[str]:
    name = ".".join(path.relative_to(SYSCTL).parts)
    try:
        found = path.read_text(encoding="utf-8").split()
        if found != wanted:
            path.write_text(" ".join(wanted), encoding="utf-8")
            yield f"{name}: {' '.join(wanted)} in place of {' '.join(found)}"
    except OSError as error:
        if not optional:
            raise StateError(f"{name}: {error.strerror}") from None


def correct_table(wanted: dict[str, str]) -> Iterator[str]:
    listing = ["nft", "--stateless", "list", "table", *wanted["name"].split()]
    found = subprocess.run(listing, check=False, capture_output=True, text=True)
    if found.returncode or found.stdout != made_by(wanted["file"], listing):
        run("nft", "--file", wanted["file"])
        state = "differed" if found.returncode == 0 else "was missing"
        yield f"table {wanted['name']} {state}"


def made_by(file: str, listing: list[str]) -> str:
    """The listing of what the file makes, in an empty network namespace.

    Only there nftables shows the rules as it would show them here.
    """
    here = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        os.unshare(os.CLONE_NEWNET)
        try:
            run("nft", "--file", file)
            return run(*listing)
        finally:
            os.setns(here, os.CLONE_NEWNET)
    finally:
        os.close(here)


def correct_address(wanted: dict[str, str]) -> Iterator[str]:
    address, device = wanted["address"], wanted["device"]
    found = json.loads(run("ip", "-json", "address", "show", "dev", device))
    if not any(
        info.get("local") == address and info.get("prefixlen") == 32
        for link in found
        for info in link.get("addr_info", [])
    ):
        run("ip", "address", "replace", f"{address}/32", "dev", device)
        yield f"address {address} was missing on {device}"


def correct_swap(wanted: str) -> Iterator[str]:
    used = [] if CONTAINER.exists() else SWAPS.read_text(encoding="utf-8").splitlines()[1:]
    if wanted == "off" and used:
        run("swapoff", "--all")
        yield f"swap turned off: {', '.join(line.split()[0] for line in used)}"


CORRECTIONS: dict[str, Callable[..., Iterator[str]]] = {
    "modules": correct_modules,
    "sysctl": correct_sysctl,
    "table": correct_table,
    "address": correct_address,
    "swap": correct_swap,
}


def holds(unit: str) -> bool:
    return succeeds("systemctl", "--quiet", "is-active", unit) or succeeds(
        "systemctl", "--quiet", "is-failed", unit
    )


def main() -> None:
    failed = False
    for file in sorted(Path(sys.argv[1]).glob("*.json")):
        state = json.loads(file.read_text(encoding="utf-8"))
        if "unit" in state and not holds(state["unit"]):
            continue
        for kind, correct in CORRECTIONS.items():
            try:
                for line in correct(state[kind]) if kind in state else ():
                    sys.stdout.write(f"{line}\n")
                    sys.stdout.flush()
            except (StateError, OSError) as error:
                failed = True
                sys.stderr.write(f"{file.name}: {error}\n")
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()

"""Installs the distribution's security updates on this machine, and restarts it.

This file runs on machines of a cluster, alone: standard library only. Each action may be repeated.

Standard input: JSON with `action`, `root` (the directory of the machine's files; "" but in tests),
and
- `look`: changes nothing.
- `boot`: changes nothing. The output has only `boot`, and `stopping`: whether the machine is
  shutting down.
- `install`: starts the installation as a unit of its own, once in the operation `operation` (a
  number). The output has `state`: `running`, `done` or `failed`, and `detail`.
- `restart`: restarts the machine if it still runs since the boot `boot`. The output has `state`:
  `restarting` or `restarted`.

The output of the others has `boot`, which differs after a restart; `packages`, the packages that
have a security update; `restart`: why the machine has to be restarted, or "".

Exit codes: 0; 1: anything else. The standard error then says what.
"""

import json
import os
import re
import subprocess  # nosec B404
import sys
from pathlib import Path
from typing import Any

Json = dict[str, Any]

SECONDS, LOG_LINES, TEXT_CHARACTERS = 40, 5, 300
# A line of apt's simulation: the package, its version if it is installed, the new version, and
# where that comes from, such as Debian-Security:13/stable-security.
CHANGE = re.compile(r"^Inst (?P<name>\S+) \[[^\]]*\] \(\S+ (?P<origins>[^\[)]*)")
SECURITY = re.compile(r"security", re.IGNORECASE)
# The end of a kernel's name, such as -cloud-amd64.
FLAVOUR = re.compile(r"(-[a-z]\w*)+$")
INSTALL = [
    "apt-get",
    "--yes",
    "--only-upgrade",
    "--option=DPkg::Lock::Timeout=300",
    "--option=Dpkg::Options::=--force-confdef",
    "--option=Dpkg::Options::=--force-confold",
    "install",
]


class FailedError(Exception):
    """What could not be done."""


def look(request: Json) -> Json:
    root = Path(request["root"] or "/")
    return {"boot": _boot(root), "packages": _packages(), "restart": _restart(root)}


def boot(request: Json) -> Json:
    # It exits with another code than 0 in every state but one.
    asked = subprocess.run(  # nosec B603 B607
        ["systemctl", "is-system-running"],
        check=False,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    stopping = asked.stdout.strip() == "stopping"
    return {"boot": _boot(Path(request["root"] or "/")), "stopping": stopping}


def install(request: Json) -> Json:
    unit = f"slipway-updates-{request['operation']}.service"
    shown = _output(["systemctl", "show", "--property=LoadState,ActiveState,Result", unit])
    state = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    found = look(request)
    if state.get("LoadState") == "not-found":
        if not found["packages"]:
            return found | {"state": "done", "detail": ""}
        # The unit stays known after its end, so that a repeat finds how it ended.
        kept = ["--property=Type=oneshot", "--property=RemainAfterExit=yes"]
        start = ["systemd-run", f"--unit={unit}", "--no-block", *kept]
        start += ["--setenv=DEBIAN_FRONTEND=noninteractive", "--setenv=LC_ALL=C"]
        _output([*start, *INSTALL, *found["packages"]])
        return found | {"state": "running", "detail": ""}
    if state.get("ActiveState") in ("activating", "inactive"):
        return found | {"state": "running", "detail": ""}
    if state.get("ActiveState") == "active":
        return found | {"state": "done", "detail": ""}
    log = ["journalctl", f"--unit={unit}", f"--lines={LOG_LINES}", "--output=cat", "--no-pager"]
    return found | {"state": "failed", "detail": _output(log).strip()[-TEXT_CHARACTERS:]}


def restart(request: Json) -> Json:
    found = look(request)
    if found["boot"] != request["boot"]:
        return found | {"state": "restarted"}
    _output(["systemctl", "--no-block", "--no-wall", "reboot"])
    return found | {"state": "restarting"}


def _boot(root: Path) -> str:
    return (root / "proc/sys/kernel/random/boot_id").read_text("utf-8").strip()


def _packages() -> list[str]:
    text = _output(["apt-get", "--simulate", "--quiet", "--with-new-pkgs", "upgrade"])
    changes = filter(None, map(CHANGE.match, text.splitlines()))
    return [found["name"] for found in changes if SECURITY.search(found["origins"])]


def _restart(root: Path) -> str:
    """Returns which request there is, or which newer kernel is installed."""
    if (root / "run/reboot-required").exists():
        return "an installed package asks for it"
    running = _output(["uname", "--kernel-release"]).strip()
    newest = running
    for kernel in (root / "boot").glob("vmlinuz-*"):
        other = kernel.name.removeprefix("vmlinuz-")
        if _flavour(other) != _flavour(running):
            continue
        newer = ["dpkg", "--compare-versions", other, "gt", newest]
        if subprocess.run(newer, check=False).returncode == 0:  # nosec B603
            newest = other
    # Without its own kernel in /boot, a machine is started from elsewhere.
    if newest == running or not (root / f"boot/vmlinuz-{running}").exists():
        return ""
    return f"it runs the kernel {running}, and {newest} is installed"


def _flavour(kernel: str) -> str:
    found = FLAVOUR.search(kernel)
    return found[0] if found else ""


def _output(argv: list[str]) -> str:
    environment = os.environ | {"LC_ALL": "C"}
    try:
        done = subprocess.run(  # nosec B603
            argv, check=False, capture_output=True, text=True, timeout=SECONDS, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FailedError(f"{argv[0]}: {error}") from None
    if done.returncode != 0:
        text = done.stderr.strip()[-TEXT_CHARACTERS:]
        raise FailedError(f"{argv[0]}: exit code {done.returncode}: {text}")
    return done.stdout


ACTIONS = {f.__name__: f for f in (look, boot, install, restart)}


def main() -> int:
    request: Json = json.load(sys.stdin)
    try:
        answer = ACTIONS[request["action"]](request)
    except (FailedError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    json.dump(answer, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())

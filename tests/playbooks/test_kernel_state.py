"""What the play set in the kernel is looked at there, and corrected where it differs.

The program runs in a new namespace for each test, where it changes nothing of this machine.
"""

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

ROLES = Path(__file__).parents[2] / "playbooks/roles"
PROGRAM = ROLES / "base/files/keep-kernel-state.py"
LISTING = "nft --stateless list table inet slipway_pods"
SETTINGS = yaml.safe_load((ROLES / "base/defaults/main.yml").read_text())["base_sysctl"]

# Namespaces of the network need root.
network = pytest.mark.lab


class Machine:
    """A network namespace in which one script runs, with the program as `keep`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "kernel.d"
        self.state.mkdir()
        self.bounds = folder / "pod-bounds.nft"
        template = jinja2.Template(
            (ROLES / "node/templates/pod-bounds.nft.j2").read_text(), autoescape=False
        )
        self.bounds.write_text(template.render(slipway_pod_cidr="10.244.0.0/16"))
        (folder / "systemctl").write_text('#!/bin/sh\ntest -e "${0%/*}/unit-$3"\n')
        (folder / "systemctl").chmod(0o755)

    def put(self, name: str, **state: Any) -> None:
        (self.state / f"{name}.json").write_text(json.dumps(state))

    def run(self, script: str) -> list[str]:
        """The lines that the script prints."""
        keep = f"keep() {{ {sys.executable} {PROGRAM} {self.state} 2>&1; }}"
        done = subprocess.run(
            ["unshare", "--net", "sh", "-euc", f"{keep}\nip link set lo up\n{script}"],
            check=False, capture_output=True, text=True, timeout=60, cwd=self.folder,
            env={"PATH": f"{self.folder}:/usr/sbin:/usr/bin:/sbin:/bin"},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def bounded(machine: Machine) -> Machine:
    machine.put("node", table={"name": "inet slipway_pods", "file": str(machine.bounds)})
    return machine


@network
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("nft flush ruleset", "was missing"),
        ("nft delete table inet slipway_pods", "was missing"),
        ("nft flush chain inet slipway_pods forward", "differed"),
        ("nft insert rule inet slipway_pods forward accept", "differed"),
        ("nft add rule inet slipway_pods forward ip saddr 10.9.0.0/16 drop", "differed"),
        (
            "nft delete rule inet slipway_pods forward handle "
            "$(nft -a list table inet slipway_pods | sed -n 's/.*169.254.*handle //p')",
            "differed",
        ),
        (
            "nft 'delete table inet slipway_pods; add table inet slipway_pods; add chain inet "
            "slipway_pods forward { type filter hook forward priority filter; policy accept; }'",
            "differed",
        ),
        ("nft 'add table inet slipway_pods { flags dormant; }'", "differed"),
    ],
)
def test_the_bounds_of_pods_are_made_again_whatever_was_done_to_them(
    bounded: Machine, change: str, told: str
) -> None:
    lines = bounded.run(
        f"keep >/dev/null; {LISTING} >a; {change}; keep; {LISTING} | diff a -; keep"
    )
    assert lines == [f"table inet slipway_pods {told}"]


@network
def test_what_is_as_it_should_be_is_left_alone(bounded: Machine) -> None:
    """A table that is made again has other handles."""
    read = "nft -a list table inet slipway_pods"
    assert bounded.run(f"keep >/dev/null; {read} >a; keep; {read} | diff a -") == []


@network
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("sysctl -qw net.ipv4.ip_forward=0", "net.ipv4.ip_forward: 1 in place of 0"),
        (
            "sysctl -qw net.ipv4.conf.lo.forwarding=0",
            "net.ipv4.conf.lo.forwarding: 1 in place of 0",
        ),
        (
            "sysctl -qw net.ipv4.conf.default.forwarding=0",
            "net.ipv4.conf.default.forwarding: 1 in place of 0",
        ),
    ],
)
def test_forwarding_is_turned_on_again(machine: Machine, change: str, told: str) -> None:
    machine.put("base", sysctl=[line for line in SETTINGS if "net.ipv4" in line])
    assert told in machine.run(f"keep >/dev/null; {change}; keep")
    assert machine.run(f"keep >/dev/null; {change}; keep >/dev/null; keep") == []


@network
def test_the_apis_address_is_there_while_its_unit_is_wanted(machine: Machine) -> None:
    state = {
        "unit": "slipway-api-address.service",
        "address": {"address": "10.0.1.254", "device": "lo"},
    }
    machine.put("api", **state, sysctl=["net.ipv4.conf.all.arp_ignore = 1"])
    shown = "ip -brief -4 address show dev lo"
    assert "10.0.1.254" not in machine.run(f"keep; {shown}")[-1]
    (machine.folder / "unit-slipway-api-address.service").touch()
    lines = machine.run(
        f"keep; {shown}; keep; ip address delete 10.0.1.254/32 dev lo; keep; {shown}; "
        "ip address flush dev lo; keep; ip address add 10.0.1.254/24 dev lo 2>/dev/null || true"
    )
    missing = "address 10.0.1.254 was missing on lo"
    assert lines[:2] == ["net.ipv4.conf.all.arp_ignore: 1 in place of 0", missing]
    assert [line for line in lines if line == missing] == [missing] * 3
    assert sum("10.0.1.254/32" in line for line in lines) == 2


@network
def test_what_cannot_be_corrected_is_named_and_stops_nothing_else(bounded: Machine) -> None:
    bounded.put(
        "a", sysctl=["net.ipv4.nothing = 1"], address={"address": "10.0.1.254", "device": "no0"}
    )
    lines = bounded.run("keep && exit 1; true")
    assert "a.json: the kernel has no setting net.ipv4.nothing" in lines
    assert any(line.startswith("a.json: ip -json address show dev no0: ") for line in lines)
    assert "table inet slipway_pods was missing" in lines
    bounded.bounds.write_text("table inet slipway_pods {")
    lines = bounded.run("keep && exit 1; true")
    assert any("nft --file" in line and "syntax error" in line for line in lines)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The program's functions with a kernel of files, where every command succeeds."""
    found = runpy.run_path(str(PROGRAM))
    scope = found["correct_swap"].__globals__
    commands: list[tuple[str, ...]] = []
    for name in ("SYSCTL", "MODULES", "SWAPS", "CONTAINER"):
        monkeypatch.setitem(scope, name, tmp_path / name)
    (tmp_path / "SYSCTL/vm").mkdir(parents=True)
    (tmp_path / "MODULES/br_netfilter").mkdir(parents=True)
    monkeypatch.setitem(scope, "run", lambda *command: commands.append(command) or "")
    return found | {"commands": commands, "root": tmp_path}


SWAPS = "Filename\tType\tSize\tUsed\tPriority\n"


@pytest.mark.parametrize("name", ["/dev/zram0", "/swap.img", "/dev/sdb1", "/mnt/resource/swapfile"])
def test_swap_is_turned_off_wherever_it_comes_from(program: dict[str, Any], name: str) -> None:
    swaps = program["root"] / "SWAPS"
    swaps.write_text(SWAPS)
    assert list(program["correct_swap"]("off")) == []
    swaps.write_text(f"{SWAPS}{name}\tfile\t1\t0\t-2\n")
    assert list(program["correct_swap"]("off")) == [f"swap turned off: {name}"]
    assert program["commands"] == [("swapoff", "--all")]


def test_a_container_leaves_its_hosts_swap_and_modules_alone(program: dict[str, Any]) -> None:
    (program["root"] / "CONTAINER").touch()
    (program["root"] / "SWAPS").write_text(f"{SWAPS}/dev/sda2\tpartition\t1\t0\t-2\n")
    assert list(program["correct_swap"]("off")) == []
    assert list(program["correct_modules"](["overlay"])) == []
    assert program["commands"] == []


def test_a_missing_module_is_loaded(program: dict[str, Any]) -> None:
    assert list(program["correct_modules"](["br-netfilter", "overlay"])) == []
    assert program["commands"] == [("modprobe", "overlay")]


def test_a_setting_that_the_kernel_lacks_is_a_fault_unless_it_is_optional(
    program: dict[str, Any],
) -> None:
    (program["root"] / "SYSCTL/vm/overcommit_memory").write_text("0\n")
    lines = ["-fs.inotify.max_user_watches = 1", "vm.overcommit_memory = 1"]
    assert list(program["correct_sysctl"](lines)) == ["vm.overcommit_memory: 1 in place of 0"]
    assert list(program["correct_sysctl"](lines)) == []
    with pytest.raises(program["StateError"], match=r"no setting vm\.nothing"):
        list(program["correct_sysctl"](["vm.nothing = 1"]))

"""Where packages come from at the first boot, and the script that gets them."""

import os
import subprocess
from pathlib import Path

import pytest

from cluster.cloud_init_apt import (
    apt_config,
    apt_options,
    bypasses_proxy,
    packages_script,
    security_mirror,
)

MIRROR = "http://mirror.internal:8080/debian"
PROXY = "http://proxy.internal:3128"


def test_without_a_mirror_the_images_own_sources_stay() -> None:
    assert apt_config(None) == {"preserve_sources_list": True}


@pytest.mark.parametrize("url", [MIRROR, f"{MIRROR}/"])
def test_a_mirror_replaces_the_archive_and_the_security_archive_beside_it(url: str) -> None:
    config = apt_config(url)
    assert config["preserve_sources_list"] is False
    assert config["generate_mirrorlists"] is False, "the image's own setting would win"
    stanzas = [
        dict(line.split(": ", 1) for line in stanza.splitlines())
        for stanza in config["sources_list"].split("\n\n")
    ]
    assert [(stanza["URIs"], stanza["Suites"]) for stanza in stanzas] == [
        (MIRROR, "trixie trixie-updates"),
        (security_mirror(MIRROR), "trixie-security"),
    ]
    assert security_mirror(url) == "http://mirror.internal:8080/debian-security"
    assert all("Signed-By" in stanza for stanza in stanzas)


def test_each_scheme_has_its_own_proxy() -> None:
    options = apt_options(None, PROXY, f"{PROXY}9", "10.0.0.0/16")
    assert f'Acquire::http::Proxy "{PROXY}";' in options
    assert f'Acquire::https::Proxy "{PROXY}9";' in options


def test_a_scheme_without_a_proxy_does_not_take_the_others() -> None:
    assert 'Acquire::https::Proxy "DIRECT";' in apt_options(None, PROXY, None, "")
    assert 'Acquire::http::Proxy "DIRECT";' in apt_options(None, None, PROXY, "")


def test_a_mirror_that_no_proxy_names_is_reached_directly() -> None:
    assert "Proxy" not in apt_options(MIRROR, PROXY, PROXY, "10.0.0.0/16,.internal")
    assert "Proxy" in apt_options(MIRROR, PROXY, PROXY, "10.0.0.0/16")
    assert "Proxy" not in apt_options(MIRROR, None, None, "")


def test_recommended_packages_are_never_wanted() -> None:
    assert 'APT::Install-Recommends "false";' in apt_options(None, None, None, "")


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("*", "http://anywhere.example", True),
        ("mirror.internal", "http://mirror.internal:8080/debian", True),
        ("internal", "http://mirror.internal/debian", True),
        (".internal", "http://MIRROR.internal/debian", True),
        ("*.internal", "http://mirror.internal/debian", True),
        ("a, mirror.internal ,b", "http://mirror.internal/", True),
        ("10.0.0.0/16", "http://10.0.4.9/debian", True),
        ("10.0.4.9", "http://10.0.4.9/debian", True),
        ("10.0.0.0/16", "http://10.1.4.9/debian", False),
        ("10.0.0.0/16", "http://mirror.internal/debian", False),
        ("ternal", "http://mirror.internal/debian", False),
        ("mirror.internal", "http://internal/debian", False),
        ("", "http://mirror.internal/debian", False),
        (",", "http://mirror.internal/debian", False),
        (None, "http://mirror.internal/debian", False),
    ],
)
def test_no_proxy_names_hosts_domains_and_ranges(
    no_proxy: str | None, url: str, direct: bool
) -> None:
    assert bypasses_proxy(url, no_proxy) is direct


class Machine:
    """A PATH on which dpkg and apt-get write down how they were called."""

    def __init__(self, root: Path, states: list[str], apt_fails: bool = False) -> None:
        self.root, self.calls = root, root / "calls"
        self.calls.touch()
        answer = "\n".join(f"echo {state}" for state in states)
        unknown = "echo dpkg-query: no packages found matching x >&2; exit 1"
        self._program("dpkg-query", f"{answer}\n{unknown if len(states) < 2 else ''}")
        self._program("dpkg", f'echo "dpkg $*" >>{self.calls}')
        ending = "exit 100" if apt_fails else "exit 0"
        self._program("apt-get", f'echo "apt-get $*" >>{self.calls}\n{ending}')

    def _program(self, name: str, body: str) -> None:
        path = self.root / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def boot(self, *, trusting: bool = False) -> int:
        self._program("update-ca-certificates", f"echo update-ca-certificates >>{self.calls}")
        packages = ["python3-ansible-runner", "ansible-core"]
        script = packages_script(packages, trusting=trusting)
        done = subprocess.run(
            ["/bin/sh"],
            input=script.encode(),
            env={"PATH": f"{self.root}:{os.environ['PATH']}"},
            check=False,
        )
        return done.returncode

    def locked(self, program: str, times: int, said: str) -> None:
        """That program finds a lock held as often as said, before it does as it did."""
        kept = (self.root / program).rename(self.root / f"{program}.real")
        held = self.root / f"{program}.held"
        self._program(
            program,
            f"""echo . >>{held}
if [ $(wc -l <{held}) -le {times} ]; then echo "{said}" >&2; exit 100; fi
exec {kept} "$@\"""",
        )
        self._program("sleep", f'echo "sleep $*" >>{self.calls}')

    def called(self) -> list[str]:
        return self.calls.read_text().splitlines()


INSTALL = [
    "dpkg --configure --pending",
    "apt-get --quiet --quiet update",
    "apt-get --quiet --yes install ansible-core python3-ansible-runner",
]


def test_a_boot_with_everything_installed_asks_nothing_of_the_archive(tmp_path: Path) -> None:
    machine = Machine(tmp_path, ["installed", "installed"])
    assert machine.boot() == 0
    assert machine.called() == []


@pytest.mark.parametrize(
    "states",
    [[], ["installed"], ["installed", "half-configured"], ["config-files", "installed"]],
    ids=["nothing", "one", "interrupted", "removed"],
)
def test_whatever_is_missing_is_installed_at_this_boot(tmp_path: Path, states: list[str]) -> None:
    machine = Machine(tmp_path, states)
    assert machine.boot() == 0
    assert machine.called() == INSTALL


def test_an_archive_out_of_reach_fails_the_boot(tmp_path: Path) -> None:
    machine = Machine(tmp_path, [], apt_fails=True)
    assert machine.boot() == 100
    assert machine.called() == INSTALL[:2]


@pytest.mark.parametrize(
    ("program", "said", "before"),
    [
        ("dpkg", "dpkg: error: dpkg frontend lock was locked by another process with pid 7", 0),
        ("apt-get", "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7", 1),
    ],
)
def test_a_lock_that_the_images_own_timers_hold_is_waited_for(
    tmp_path: Path, program: str, said: str, before: int
) -> None:
    machine = Machine(tmp_path, [])
    machine.locked(program, 2, said)
    assert machine.boot() == 0
    assert machine.called() == [*INSTALL[:before], *["sleep 5"] * 2, *INSTALL[before:]]


def test_a_lock_that_is_never_given_back_fails_the_boot(tmp_path: Path) -> None:
    machine = Machine(tmp_path, [])
    machine.locked("dpkg", 1000, "dpkg: error: dpkg frontend lock was locked")
    assert machine.boot() == 100
    assert machine.called() == ["sleep 5"] * 60


def test_an_archive_of_a_private_authority_is_trusted_before_it_is_asked(tmp_path: Path) -> None:
    machine = Machine(tmp_path, [])
    assert machine.boot(trusting=True) == 0
    assert machine.called() == ["update-ca-certificates", *INSTALL]

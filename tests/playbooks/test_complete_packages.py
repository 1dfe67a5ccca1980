"""An interrupted installation is completed: waiting ends, and only a lock is waited for."""

import os
import subprocess
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "playbooks/roles/packages/files/complete-packages.sh"
LOCKED = "dpkg: error: dpkg {} lock was locked by another process with pid 12"


def run(folder: Path, said: str) -> list[str]:
    """The calls of a run in which dpkg always refuses with these words."""
    (folder / "said").write_text(said)
    for name, does in (
        ("dpkg", f'[ "$1" != --audit ] || exit 0; cat {folder}/said; exit 2'),
        ("apt-get", ""),
        ("sleep", ""),
    ):
        (folder / name).write_text(f'#!/bin/sh\necho "{name} $*" >>{folder}/calls\n{does}\n')
        (folder / name).chmod(0o755)
    subprocess.run(
        ["/bin/sh", PROGRAM],
        check=True,
        capture_output=True,
        env={"PATH": f"{folder}:{os.environ['PATH']}"},
        timeout=120,
    )
    return (folder / "calls").read_text().splitlines()


@pytest.mark.parametrize("lock", ["frontend", "database"])
def test_a_lock_is_waited_for_and_apt_waits_no_longer_than_it_should(
    tmp_path: Path, lock: str
) -> None:
    calls = run(tmp_path, LOCKED.format(lock))
    assert calls.count("sleep 5") == 60
    (apt,) = (call for call in calls if call.startswith("apt-get"))
    assert "DPkg::Lock::Timeout=300 " in apt


@pytest.mark.parametrize("package", ["util-linux-locales", "clock", "flock"])
def test_a_failure_that_only_has_lock_in_a_name_is_not_waited_for(
    tmp_path: Path, package: str
) -> None:
    calls = run(tmp_path, f"dpkg: error processing package {package} (--configure): blocked")
    assert not [call for call in calls if call.startswith("sleep")]

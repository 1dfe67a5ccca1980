"""The playbook on the controller: staged whole, whoever else stages it at the same time. The shell
program that runs there runs here, without sudo and in a folder of the test's."""

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from activities.bundle import playbook_bundle
from activities.start_play import play
from clients.errors import Refused
from clients.ssh.controller import Completed

DIGEST = playbook_bundle().digest
OLD = time.time() - 3600


@dataclass
class Here:
    """In place of a connection: files and commands of this machine. `then` runs after a copy."""

    folder: Path
    then: Callable[[], object] = lambda: None
    archives: list[Path] = field(default_factory=list[Path])

    def put(self, path: str, data: bytes, mode: int) -> None:
        here = self._here(path)
        here.write_bytes(data)
        here.chmod(mode)
        self.archives.append(here)
        self.then()

    def run(self, argv: list[str], stdin: bytes = b"", timeout: float = 30.0) -> Completed:
        command = [str(self._here(part)) for part in argv if part != "sudo"]
        if command[0] == "python3":
            return Completed(0, b"{}", b"") if Path(command[1]).exists() else Completed(2, b"", b"")
        done = subprocess.run(
            command, check=False, input=stdin, capture_output=True, timeout=timeout
        )
        return Completed(done.returncode, done.stdout, done.stderr)

    def _here(self, text: str) -> Path | str:
        return self.folder / text[1:] if text.startswith(("/tmp/", "/opt/")) else text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tmp").mkdir()
    return tmp_path


def start(controller: Here) -> None:
    play(cast(Any, controller), playbook_bundle(), ["start"])


def staged(folder: Path) -> Path:
    return folder / playbook_bundle().directory[1:]


def test_two_that_stage_at_once_both_find_the_bundle(folder: Path) -> None:
    second = Here(folder)
    first = Here(folder, then=lambda: start(second))
    start(first)
    assert (staged(folder) / "controller/play.py").is_file()
    assert first.archives
    assert second.archives
    assert list((folder / "tmp").iterdir()) == []


def test_an_archive_with_other_bytes_is_refused_and_removed(folder: Path) -> None:
    controller = Here(folder)
    controller.then = lambda: controller.archives[-1].write_bytes(b"other")
    with pytest.raises(Refused, match="StagingFailed"):
        start(controller)
    assert not staged(folder).exists()
    assert list((folder / "tmp").iterdir()) == []


def test_what_a_killed_execution_left_is_removed_and_what_runs_is_not(folder: Path) -> None:
    bundles_here = staged(folder).parent
    (bundles_here / ".part.old").mkdir(parents=True)
    (bundles_here / ".part.new").mkdir()
    archive = folder / "tmp" / f"slipway-{DIGEST}"
    names = [f"{archive}.{name}" for name in ("a.tar.gz", "b.tar.gz.part", "c.tar.gz")]
    for name in names:
        Path(name).write_bytes(b"half")
    for name in (*names[:2], str(bundles_here / ".part.old")):
        os.utime(name, (OLD, OLD))
    start(Here(folder))
    assert [path.name for path in (folder / "tmp").iterdir()] == [Path(names[2]).name]
    assert sorted(path.name for path in bundles_here.iterdir()) == sorted([".part.new", DIGEST])

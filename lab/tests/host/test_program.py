"""Where functions-host comes from, and that an incomplete copy is never used."""

import hashlib
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab.host import program
from lab.host.program import NAMED, PROGRAM, ProgramError, ensure_program, find_origin
from lab.testing import engines

DOTNET = """#!/bin/sh
[ "$1" = --list-sdks ] && { echo '10.0.100 [/usr/share/dotnet/sdk]'; exit; }
while [ "$1" != -o ]; do shift; done
echo built > "$2/functions-host"
"""


NO_FEED = """#!/bin/sh
[ "$1" = --list-sdks ] && { echo '10.0.100 [/usr/share/dotnet/sdk]'; exit; }
echo 'error NU1301: no feed'; exit 1
"""


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No program is available until a test creates it."""
    monkeypatch.delenv(NAMED, raising=False)
    monkeypatch.setattr(program, "ARCHIVE", tmp_path / "shared.tar.xz")
    monkeypatch.setattr(program.platform, "machine", lambda: "x86_64")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def pack(path: Path, content: str = "the program", name: str = PROGRAM) -> Path:
    folder = path.parent / f"packed-{content}"
    folder.mkdir()
    (folder / name).write_text(content)
    with tarfile.open(path, "w:xz") as archive:
        archive.add(folder, ".")
    return path


def dotnet(folder: Path, script: str) -> Path:
    """A program of that name on the PATH."""
    (folder / "bin").mkdir()
    path = folder / "bin/dotnet"
    path.write_text(script)
    path.chmod(0o755)
    return path


def report(_: str) -> None:
    """Ignores the progress messages."""


def test_where_no_program_is_found_the_message_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ProgramError) as error:
        ensure_program(tmp_path / "cache", report)
    for word in (NAMED, "shared.tar.xz", ".NET SDK", "lab/functions_host", "--engine memory"):
        assert word in str(error.value)


def test_what_is_named_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack(program.ARCHIVE, "shared")
    named = tmp_path / "named"
    named.mkdir()
    monkeypatch.setenv(NAMED, str(named))
    with pytest.raises(ProgramError, match="neither an archive nor a directory"):
        find_origin()
    (named / PROGRAM).write_text("named")
    assert ensure_program(tmp_path / "cache", report).read_text() == "named"
    assert not (tmp_path / "cache").exists()


def test_an_archive_is_unpacked_once_under_its_hash(tmp_path: Path) -> None:
    archive = pack(program.ARCHIVE)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    reports: list[str] = []
    found = [ensure_program(tmp_path / "cache", reports.append) for _ in range(2)]
    assert found[0] == found[1] == tmp_path / "cache" / f"{PROGRAM}-{digest[:16]}" / PROGRAM
    assert found[0].read_text() == "the program"
    assert reports == ["unpacking shared.tar.xz (once)"]


def test_two_at_once_make_one(tmp_path: Path) -> None:
    pack(program.ARCHIVE)
    reports: list[str] = []
    with ThreadPoolExecutor(4) as threads:
        work = [
            threads.submit(ensure_program, tmp_path / "cache", reports.append) for _ in range(4)
        ]
        found = {each.result() for each in work}
    assert len(found) == len(reports) == 1


def test_what_a_kill_left_is_not_used_and_goes(tmp_path: Path) -> None:
    pack(program.ARCHIVE)
    left = tmp_path / "cache" / f".{PROGRAM}-killed"
    left.mkdir(parents=True)
    (left / PROGRAM).write_text("half")
    assert ensure_program(tmp_path / "cache", report).read_text() == "the program"
    assert not left.exists()


@pytest.mark.parametrize("damage", ["cut", "other"])
def test_an_archive_that_is_damaged_or_of_something_else_leaves_nothing(
    tmp_path: Path, damage: str
) -> None:
    if damage == "cut":
        archive = pack(program.ARCHIVE)
        archive.write_bytes(archive.read_bytes()[:-40])
    else:
        pack(program.ARCHIVE, name="something-else")
    for _ in range(2):
        with pytest.raises(ProgramError, match=r"cannot be unpacked|has no file functions-host"):
            ensure_program(tmp_path / "cache", report)
        assert [path.name for path in (tmp_path / "cache").iterdir()] == [f".{PROGRAM}.lock"]


def test_without_an_archive_the_sdk_builds_the_source_once_for_each_state_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    (source / "obj").mkdir(parents=True)
    (source / "Program.cs").write_text("// one")
    sdk = dotnet(tmp_path, DOTNET)
    monkeypatch.setattr(program, "SOURCE", source)
    first = ensure_program(tmp_path / "cache", report)
    assert first.read_text() == "built\n"
    (source / "obj/left.json").write_text("what a build leaves")
    assert ensure_program(tmp_path / "cache", report) == first
    (source / "Program.cs").write_text("// two")
    assert ensure_program(tmp_path / "cache", report) != first
    sdk.write_text(NO_FEED)
    (source / "Program.cs").write_text("// three")
    with pytest.raises(ProgramError, match="NU1301: no feed"):
        ensure_program(tmp_path / "cache", report)


@pytest.mark.parametrize(
    ("listed", "message"),
    [("", "SDK 10, which"), ("8.0.404 [/sdk]\n9.0.101 [/sdk]", r"SDK 10 \(dotnet has 8, 9\)")],
    ids=["a runtime alone", "older"],
)
def test_a_dotnet_without_an_sdk_that_can_build_it_is_none(
    tmp_path: Path, listed: str, message: str
) -> None:
    dotnet(tmp_path, f"#!/bin/sh\necho '{listed}'\n")
    with pytest.raises(ProgramError, match=message):
        find_origin()


@pytest.mark.parametrize("listed", ["10.0.100 [/sdk]", "8.0.404 [/sdk]\n11.0.100 [/sdk]"])
def test_an_sdk_of_the_projects_framework_or_newer_builds_it(tmp_path: Path, listed: str) -> None:
    project = (program.SOURCE / "functions-host.csproj").read_text(encoding="utf-8")
    assert f"<TargetFramework>net{program.SDK}.0</TargetFramework>" in project
    dotnet(tmp_path, f"#!/bin/sh\necho '{listed}'\n")
    assert find_origin().kind == "source"


def test_tests_of_the_engine_are_skipped_with_the_cause_where_the_sdk_cannot_build_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "CACHE", tmp_path / "cache")
    sdk = dotnet(tmp_path, NO_FEED)
    why = engines.why_missing.__wrapped__()
    assert "NU1301: no feed" in why
    assert "\n" not in why
    sdk.write_text(DOTNET)
    assert engines.why_missing.__wrapped__() == ""

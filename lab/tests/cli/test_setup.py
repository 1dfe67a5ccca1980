"""What a lab needs before it is up, and who may start one."""

import hashlib
import json
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cli.exits import CommandError
from dev.__main__ import main
from lab import control
from lab.cli import privileges
from lab.cli import setup as lab_setup
from lab.cli import supply as lab_supply
from lab.cli.setup import ensure_packages, sole_switch
from lab.cli.supply import find_supply, official_answers
from lab.mirror import Mirror
from lab.server_thread import in_thread
from tests.cli.mirrors import make_mirror

type Output = pytest.CaptureFixture[str]
MANIFEST = b"artifacts: []\n"
DIGEST = hashlib.sha256(MANIFEST).hexdigest()


def silent(text: str) -> None:
    del text


@pytest.mark.parametrize("argv", [["demo"], ["lab", "up"], ["lab", "exec", "a-etcd-0", "--", "id"]])
def test_a_user_who_is_not_root_and_has_no_sudo_gets_an_error(
    argv: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr(privileges, "is_root", lambda: False)
    monkeypatch.setenv("PATH", "/nowhere")
    assert main(argv) == 2
    assert "run it as root" in capsys.readouterr().err


def test_sudo_takes_the_command_as_it_was_typed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "sudo"
    program.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(privileges, "is_root", lambda: False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SLIPWAY_KEY", "the-key")
    for name in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE"):
        monkeypatch.setenv(name, "")
    monkeypatch.setattr("sys.argv", ["cli", "demo", "--keep"])
    started: list[list[str]] = []

    def replace(argv: list[str]) -> None:
        started.append(argv)
        raise SystemExit

    monkeypatch.setattr(privileges, "_replace", replace)
    with pytest.raises(SystemExit):
        main(["demo", "--keep"])
    assert started[0][0] == "sudo"
    assert started[0][-4:] == ["-m", "dev", "demo", "--keep"]
    assert "PYTHONPATH" in started[0][1]
    assert "SLIPWAY_KEY" not in started[0][1]


def test_a_directory_is_served_by_the_lab(tmp_path: Path) -> None:
    make_mirror(tmp_path)
    options = find_supply(str(tmp_path), {}, silent).options()
    assert options.mirror == {
        "directory": str(tmp_path),
        "manifestSha256": hashlib.sha256((tmp_path / "manifest.yml").read_bytes()).hexdigest(),
    }
    assert not options.settings


def test_a_directory_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"manifest\.yml is not a mirror's manifest"):
        find_supply(str(tmp_path), {}, silent)


def test_a_mirror_that_lacks_a_file_is_refused_before_there_is_a_machine(tmp_path: Path) -> None:
    make_mirror(tmp_path)
    (tmp_path / "runc/1.4.3/runc.amd64").unlink()
    with pytest.raises(CommandError, match=r"runc/1\.4\.3/runc\.amd64: not there"):
        find_supply(str(tmp_path), {}, silent)


def test_a_mirror_without_the_specs_minor_is_refused_before_there_is_a_machine(
    tmp_path: Path,
) -> None:
    make_mirror(tmp_path)
    wanted = {"name": "demo", "kubernetes": {"version": "1.35"}}
    with pytest.raises(CommandError, match=r"no Kubernetes 1\.35: the mirror has 1\.36\.2"):
        find_supply(str(tmp_path), wanted, silent)


@pytest.mark.parametrize(
    "spec",
    [
        {"name": "demo"},
        {"name": "demo", "kubernetes": {"serviceCidr": "10.97.0.0/16"}},
        {"name": "demo", "kubernetes": None},
        {"name": "demo", "kubernetes": ["1.35"]},
        {"name": "demo", "kubernetes": {"version": "1.35"}, "playbook": {"through": "etcd"}},
    ],
)
def test_a_mirror_of_one_minor_serves_the_specs_that_need_no_other(
    tmp_path: Path, spec: dict[str, Any]
) -> None:
    make_mirror(tmp_path)
    assert find_supply(str(tmp_path), spec, silent).mirror


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The URL of a directory, `served/`."""
    (tmp_path / "served").mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    handler = partial(Quiet, directory=str(tmp_path / "served"))
    with in_thread(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as url:
        yield url


def test_a_url_is_named_with_the_digest_of_its_manifest(tmp_path: Path, served: str) -> None:
    (tmp_path / "served/manifest.yml").write_bytes(MANIFEST)
    supply = find_supply(f"{served}/", {}, silent)
    assert supply.named == {"url": served, "manifestSha256": DIGEST}
    assert json.loads(supply.options().settings["SLIPWAY_DEFAULT_ARTIFACTS"]) == supply.named
    with pytest.raises(CommandError, match="cannot fetch"):
        find_supply(f"{served}/other", {}, silent)


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a mirror that was made from Debian's packages holds."""
    directory = tmp_path / "mirror"
    directory.mkdir()
    text = "artifacts: [{name: etcd, version: 3.5.16+debian, url: etcd.tar.gz, sha256: ''}]"
    (directory / "manifest.yml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(lab_supply, "fill", lambda *_: Mirror(directory, DIGEST))
    return directory


def test_the_official_files_are_taken_where_all_of_them_answer_else_debians_packages(
    tmp_path: Path, served: str, filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = tmp_path / "official.yml"
    names = ("containerd.tar.gz", "etcd.tar.gz")
    entries = [{"name": name, "version": "1", "url": f"{served}/{name}"} for name in names]
    manifest.write_text(json.dumps({"artifacts": entries}), encoding="utf-8")
    monkeypatch.setattr(lab_supply, "MANIFEST", manifest)

    (tmp_path / "served" / names[0]).touch()
    made = find_supply(None, {}, silent)
    assert made.filled == {"etcd": "3.5.16"}
    assert made.mirror
    assert made.mirror["directory"] == str(filled)

    (tmp_path / "served" / names[1]).touch()
    official = find_supply(None, {}, silent)
    assert not official.filled
    assert official.options().mirror is None
    assert not official.options().settings


def test_a_host_that_does_not_answer_has_no_official_files(tmp_path: Path) -> None:
    manifest = tmp_path / "official.yml"
    manifest.write_text("artifacts: [{url: 'http://127.0.0.1:9/etcd'}]", encoding="utf-8")
    assert not official_answers(manifest)


def test_a_spec_that_names_its_artifacts_gets_no_mirror(filled: Path) -> None:
    named = {"url": "http://mirror.example", "manifestSha256": DIGEST}
    assert not find_supply(None, {"artifacts": named}, silent).filled


def test_one_command_at_a_time_starts_a_lab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "CACHE", tmp_path / "cache")
    with sole_switch(), pytest.raises(CommandError, match="under way"), sole_switch():
        pass
    with sole_switch():
        pass


@pytest.fixture
def apt(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """A package manager whose installations end with the given codes; returns what it was asked."""

    def play(*codes: int) -> list[str]:
        asked: list[str] = []
        left = list(codes)

        def run(arguments: list[str]) -> "subprocess.CompletedProcess[str]":
            asked.append(arguments[0])
            code = left.pop(0) if arguments[0] == "install" else 0
            return subprocess.CompletedProcess(arguments, code, "E: no such package")

        monkeypatch.setattr(lab_setup, "_apt", run)
        monkeypatch.setattr(lab_setup, "_installed", lambda name: name != "zstd")
        monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
        return asked

    return play


def test_package_lists_are_fetched_only_where_an_installation_needs_them(
    apt: Callable[..., list[str]],
) -> None:
    told: list[str] = []
    asked = apt(0)
    ensure_packages(told.append)
    assert (asked, told) == (["install"], ["installing zstd (once)"])
    asked = apt(100, 0)
    ensure_packages(silent)
    assert asked == ["install", "update", "install"]


def test_a_package_that_cannot_be_had_ends_it_with_apts_words(
    apt: Callable[..., list[str]],
) -> None:
    apt(100, 100)
    with pytest.raises(CommandError, match="no such package"):
        ensure_packages(silent)


def test_without_a_lab_there_are_no_messages_and_the_command_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lab.cli.commands.become_root", lambda _: None)
    monkeypatch.setattr(control, "STATE", tmp_path / "none")
    assert main(["lab", "slack"]) == 4
    assert "there is no lab" in capsys.readouterr().err
    (tmp_path / "none").mkdir()
    assert main(["lab", "slack"]) == 0

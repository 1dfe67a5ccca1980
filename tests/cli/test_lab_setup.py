"""What a lab needs before it is up, and who may start one."""

import hashlib
import json
import subprocess
import threading
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cli import lab_setup, root
from cli.__main__ import main
from cli.exits import CommandError
from cli.lab_setup import ensure_packages, find_supply

type Output = pytest.CaptureFixture[str]
MANIFEST = b"artifacts: []\n"
DIGEST = hashlib.sha256(MANIFEST).hexdigest()


def silent(text: str) -> None:
    del text


@pytest.mark.parametrize("argv", [["demo"], ["lab", "up"], ["lab", "exec", "a-etcd-0", "--", "id"]])
def test_who_is_not_root_and_has_no_sudo_is_told(
    argv: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setattr(root, "is_root", lambda: False)
    monkeypatch.setenv("PATH", "/nowhere")
    assert main(argv) == 2
    assert "run it as root" in capsys.readouterr().err


def test_sudo_takes_the_command_as_it_was_typed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "sudo"
    program.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(root, "is_root", lambda: False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SLIPWAY_KEY", "the-key")
    for name in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE"):
        monkeypatch.setenv(name, "")
    monkeypatch.setattr("sys.argv", ["cli", "demo", "--keep"])
    started: list[list[str]] = []

    def replace(argv: list[str]) -> None:
        started.append(argv)
        raise SystemExit

    monkeypatch.setattr(root, "_replace", replace)
    with pytest.raises(SystemExit):
        main(["demo", "--keep"])
    assert started[0][0] == "sudo"
    assert started[0][-4:] == ["-m", "cli", "demo", "--keep"]
    assert "PYTHONPATH" in started[0][1]
    assert "SLIPWAY_KEY" not in started[0][1]


def test_a_directory_is_served_by_the_lab(tmp_path: Path) -> None:
    (tmp_path / "manifest.yml").write_bytes(MANIFEST)
    options = find_supply(str(tmp_path), silent).options()
    assert options.mirror == {
        "directory": str(tmp_path),
        "address": "198.18.0.1",
        "manifestSha256": DIGEST,
    }
    assert not options.settings


def test_a_directory_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"no manifest\.yml"):
        find_supply(str(tmp_path), silent)


def test_a_url_is_named_with_the_digest_of_its_manifest(tmp_path: Path) -> None:
    (tmp_path / "manifest.yml").write_bytes(MANIFEST)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        supply = find_supply(f"{url}/", silent)
        with pytest.raises(CommandError, match="cannot fetch"):
            find_supply(f"{url}/other", silent)
        server.shutdown()
        thread.join()
    assert supply.named == {"url": url, "manifestSha256": DIGEST}
    assert json.loads(supply.options().settings["SLIPWAY_DEFAULT_ARTIFACTS"]) == supply.named


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

"""The package: the same bytes anywhere, and nothing but what runs in Azure."""

import json
import os
import re
import stat
import subprocess
import sys
import zipfile
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from dev.packaging.dependencies import INSIDE
from dev.paths import ROOT
from tests.dev.packages import clone, package


def test_two_clones_make_the_same_bytes_whatever_their_umask_and_times(
    origin: Path, tmp_path: Path
) -> None:
    open_tree = clone(origin, tmp_path / "open", umask=0o000)
    closed = clone(origin, tmp_path / "closed", umask=0o077)
    for path in closed.rglob("*.py"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    modes = {stat.S_IMODE((tree / "host.json").stat().st_mode) for tree in (open_tree, closed)}
    assert modes == {0o666, 0o600}
    for tree in (open_tree, closed):
        done = package(tree, "-o", f"{tree}.zip")
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "open.zip").read_bytes() == (tmp_path / "closed.zip").read_bytes()


def test_it_holds_what_runs_in_azure_and_says_what_it_made(origin: Path, tmp_path: Path) -> None:
    done = package(clone(origin, tmp_path / "tree"), "--json", "-o", str(tmp_path / "app.zip"))
    told = json.loads(done.stdout)
    with zipfile.ZipFile(tmp_path / "app.zip") as archive:
        names = archive.namelist()
        host = archive.read("host.json")
    # Core Tools publish what .funcignore leaves: both ways bring the same files.
    left_out = {"--cached", "--ignored", "--exclude-from=.funcignore"}
    argv = ["git", "-C", str(origin), "ls-files"]
    tracked = set(subprocess.check_output(argv, text=True).splitlines())
    ignored = set(subprocess.check_output([*argv, *left_out], text=True).splitlines())
    compiled = {name for name in names if name.endswith(".pyc")}
    assert [name for name in names if name not in compiled] == sorted(
        tracked - ignored - {".funcignore"}
    )
    assert compiled == {
        cache_from_source(name)
        for name in names
        if name.endswith(".py") and not name.startswith("playbooks/")
    }
    tops = {name.split("/")[0] for name in names}
    assert not tops & {"lab", "cli", "dev", "tests", "benchmarks", "examples", "requirements"}
    assert sum(told["files"].values()) == len(names)
    assert told["bytes"] == (tmp_path / "app.zip").stat().st_size
    assert {"put_cluster", "reconcile_cluster", "on_group_event", "probe_nodes"} <= {
        *told["functions"]
    }
    assert host == (origin / "host.json").read_bytes()


def test_the_schedulers_package_differs_in_its_host_json_alone(
    origin: Path, tmp_path: Path
) -> None:
    tree = clone(origin, tmp_path / "tree")
    files: list[dict[str, bytes]] = []
    for backend in ("azureStorage", "durableTaskScheduler"):
        done = package(tree, "--backend", backend, "-o", str(tmp_path / "app.zip"))
        assert done.returncode == 0, done.stderr
        with zipfile.ZipFile(tmp_path / "app.zip") as archive:
            files.append({name: archive.read(name) for name in archive.namelist()})
    storage, scheduler = files
    assert {name for name in storage if storage[name] != scheduler[name]} == {"host.json"}
    host = json.loads(scheduler["host.json"])
    provider = host["extensions"]["durableTask"].pop("storageProvider")
    other = json.loads(storage["host.json"])
    assert other["extensions"]["durableTask"].pop("storageProvider")["type"] == "azureStorage"
    assert host == other
    # The guide shows it, and tests/arm holds the guide's lines against the templates.
    (shown,) = re.findall(
        r'^"storageProvider": (.*)$', (ROOT / "docs/install.md").read_text("utf-8"), re.MULTILINE
    )
    assert provider == json.loads(shown)


def test_compiled_files_are_used_whatever_time_their_sources_have(
    origin: Path, tmp_path: Path
) -> None:
    done = package(clone(origin, tmp_path / "tree"), "-o", str(tmp_path / "app.zip"))
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(tmp_path / "app.zip") as archive:
        archive.extractall(tmp_path / "app")
    for source in (tmp_path / "app/cluster").glob("*.py"):
        source.write_text("raise AssertionError('compiled anew')\n", encoding="utf-8")
    code = "import cluster.names, sys; print(cluster.names.__file__, cluster.names.__cached__)"
    argv = [sys.executable, "-P", "-B", "-c", code]
    done = subprocess.run(
        argv, cwd=tmp_path, env={"PYTHONPATH": "app"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_with_packages_it_holds_what_the_lock_names_for_azures_linux(
    origin: Path, tmp_path: Path
) -> None:
    tree = clone(origin, tmp_path / "tree")
    done = package(tree, "--with-packages", "--json", "-o", str(tmp_path / "app.zip"))
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["withPackages"] is True
    with zipfile.ZipFile(tmp_path / "app.zip") as archive:
        names = set(archive.namelist())
    inside = {name.removeprefix(f"{INSIDE}/") for name in names if name.startswith(INSIDE)}
    lock = (origin / "requirements.txt").read_text(encoding="utf-8")
    pinned = re.findall(r"^([\w.-]+)==([\w.!+-]+)", lock, re.MULTILINE)
    wanted = {f"{name.replace('-', '_')}-{version}.dist-info" for name, version in pinned}
    assert {name.split("/")[0] for name in inside if ".dist-info/" in name} == wanted
    assert {name for name in inside if name.endswith(".so") and "x86_64" not in name} == {
        name for name in inside if name.endswith(".abi3.so")
    }
    sources = {name for name in names if name.endswith(".py") and not name.startswith("playbooks/")}
    assert {cache_from_source(name) for name in sources} <= names
    # What names this machine: scripts' first lines, and pip's own lists of files.
    assert not [name for name in inside if name.startswith("bin/") or name.endswith("/RECORD")]


@pytest.mark.long
def test_with_packages_two_clones_make_the_same_bytes(origin: Path, tmp_path: Path) -> None:
    for name in ("one", "other"):
        tree = clone(origin, tmp_path / name)
        done = package(tree, "--with-packages", "-o", f"{tree}.zip")
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "other.zip").read_bytes()


@pytest.mark.parametrize("output", ["directory", "file/app.zip", "missing/app.zip"])
def test_where_nothing_can_be_written_is_named(origin: Path, tmp_path: Path, output: str) -> None:
    (tmp_path / "directory").mkdir()
    (tmp_path / "file").touch()
    done = package(clone(origin, tmp_path / "tree"), "-o", str(tmp_path / output))
    assert done.returncode == 1
    assert f"cannot write {tmp_path / output}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("form", ["json", "table"])
def test_a_form_of_output_is_not_taken_for_a_file(origin: Path, tmp_path: Path, form: str) -> None:
    tree = clone(origin, tmp_path / "tree")
    done = package(tree, "-o", form)
    assert done.returncode == 2
    assert "names a file here" in done.stderr
    assert not (tree / form).exists()

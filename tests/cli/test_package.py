"""The package: the same bytes anywhere, nothing but what runs in Azure, and proved to start.

The proof installs the locked dependencies: once for each lock, into the cache directory, from
PyPI or the index that pip is configured for. Without either these tests fail.
"""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import zipfile
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from cli.exits import CommandError, Exit
from cli.packaging.dependencies import INSIDE
from cli.parser import build_parser

ROOT = Path(__file__).parents[2]
NOT_COPIED = (".git", ".venv*", "__pycache__", ".*_cache", ".hypothesis", "docs", "*.zip")
# The author's settings do not count, and a commit's identity is not asked for.
GIT = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    **{
        f"GIT_{who}_{what}": "a@b.c"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    },
}


def git(directory: Path, *argv: str, umask: int = 0o022) -> None:
    subprocess.run(
        ["git", *argv],
        cwd=directory,
        env=os.environ | GIT,
        umask=umask,
        check=True,
        capture_output=True,
    )


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This tree as it is, committed."""
    directory = tmp_path_factory.mktemp("package") / "origin"
    shutil.copytree(ROOT, directory, ignore=shutil.ignore_patterns(*NOT_COPIED))
    git(directory, "init", "--quiet")
    git(directory, "add", "--all")
    git(directory, "commit", "--quiet", "-m", "as it is")
    return directory


def clone(origin: Path, directory: Path, umask: int = 0o022) -> Path:
    git(directory.parent, "clone", "--quiet", str(origin), str(directory), umask=umask)
    return directory


def package(tree: Path, *argv: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-P", "-m", "cli", "package", *argv],
        cwd=tree.parent,
        env=os.environ | GIT | {"PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
    )


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
    assert not tops & {"lab", "cli", "tests", "benchmarks", "examples", "requirements"}
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


@pytest.mark.parametrize(
    ("path", "old", "new", "cause"),
    [
        ("activities/ensure_keys.py", None, None, "activities.ensure_keys"),
        # Only imported inside a function.
        ("clients/loopback.py", None, None, "clients.loopback"),
        ("function_app.py", "import activities\n", "import activities\nimport lab\n", "'lab'"),
        # The checks' environment has it; the app's dependencies have not.
        ("function_app.py", "import activities\n", "import activities\nimport rich\n", "'rich'"),
    ],
)
def test_what_cannot_be_imported_fails_the_proof_and_leaves_no_zip(
    origin: Path, tmp_path: Path, path: str, old: str | None, new: str | None, cause: str
) -> None:
    tree, output = clone(origin, tmp_path / "tree"), tmp_path / "app.zip"
    if old is None or new is None:
        (tree / path).unlink()
    else:
        text = (tree / path).read_text(encoding="utf-8")
        assert old in text
        (tree / path).write_text(text.replace(old, new), encoding="utf-8")
    git(tree, "commit", "--quiet", "--all", "-m", "less")
    output.write_bytes(b"an earlier one")
    done = package(tree, "-o", str(output))
    assert done.returncode == 1
    assert cause in done.stderr
    assert not output.exists()


def test_a_dirty_tree_is_refused_by_the_names_of_its_files(origin: Path, tmp_path: Path) -> None:
    tree, output = clone(origin, tmp_path / "tree"), tmp_path / "app.zip"
    (tree / "README.md").write_text("does not run in Azure", encoding="utf-8")
    assert package(tree, "--list").returncode == 0
    (tree / "host.json").write_text('{"version": "2.0"}', encoding="utf-8")
    (tree / "cluster/novel.py").touch()
    done = package(tree, "-o", str(output))
    assert done.returncode == 2
    assert "M host.json" in done.stderr
    assert "?? cluster/novel.py" in done.stderr
    assert "README.md" not in done.stderr
    assert not output.exists()


def test_allow_dirty_takes_tracked_files_as_they_are(origin: Path, tmp_path: Path) -> None:
    tree, output = clone(origin, tmp_path / "tree"), tmp_path / "app.zip"
    text = (tree / "host.json").read_text(encoding="utf-8") + "\n"
    (tree / "host.json").write_text(text, encoding="utf-8")
    (tree / "cluster/novel.py").touch()
    done = package(tree, "--allow-dirty", "--json", "-o", str(output))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["changed"] == ["M host.json", "?? cluster/novel.py"]
    with zipfile.ZipFile(output) as archive:
        assert archive.read("host.json").decode() == text
        assert "cluster/novel.py" not in archive.namelist()
    # Git's own index is as it was: nothing is staged.
    git(tree, "diff", "--cached", "--quiet")


def test_a_hooks_variables_do_not_lead_to_another_repository(
    origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, other = clone(origin, tmp_path / "tree"), clone(origin, tmp_path / "other")
    git(other, "rm", "-r", "--quiet", "playbooks")
    git(other, "commit", "--quiet", "-m", "another")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    done = package(tree, "--list")
    assert done.returncode == 0, done.stderr
    assert "playbooks/site.yml" in done.stdout.splitlines()


def test_a_copy_inside_of_another_repository_is_refused(origin: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    shutil.copytree(origin, outer / "inner", ignore=shutil.ignore_patterns(".git"))
    git(outer, "init", "--quiet")
    git(outer, "add", "--all")
    git(outer, "commit", "--quiet", "-m", "both")
    done = package(outer / "inner", "--list")
    assert done.returncode == 2
    assert f"a part of {outer}" in done.stderr


def test_each_function_that_the_worker_library_refuses_is_named_with_the_cause(
    origin: Path, tmp_path: Path
) -> None:
    tree = clone(origin, tmp_path / "tree")
    refused = """

@app.activity_trigger(input_name="payload")
def {}(payload: dict[str, int]) -> int:
    return len(payload)
"""
    with (tree / "function_app.py").open("a", encoding="utf-8") as file:
        file.write(refused.format("first") + refused.format("second"))
    git(tree, "commit", "--quiet", "--all", "-m", "refused")
    done = package(tree, "-o", str(tmp_path / "app.zip"))
    assert done.returncode == 1
    for name in ("first", "second"):
        assert f"{name}: FunctionLoadError: cannot load the {name} function" in done.stderr
    assert "invalid non-type annotation" in done.stderr
    assert not (tmp_path / "app.zip").exists()


def test_a_locked_file_with_another_hash_fails_the_proof(origin: Path, tmp_path: Path) -> None:
    """Needs an index of packages, also where the cache has them."""
    tree = clone(origin, tmp_path / "tree")
    text = (tree / "requirements.txt").read_text(encoding="utf-8")
    first = re.search(r"--hash=sha256:[0-9a-f]{64}", text)
    assert first
    lock = text[: first.start()] + re.sub(
        r"sha256:[0-9a-f]{64}", "sha256:" + "0" * 64, text[first.start() :]
    )
    (tree / "requirements.txt").write_text(lock, encoding="utf-8")
    git(tree, "commit", "--quiet", "--all", "-m", "other hashes")
    done = package(tree, "-o", str(tmp_path / "app.zip"))
    assert done.returncode == 1
    assert "pip could not install the locked app-packages" in done.stderr
    assert "HASHES" in done.stderr
    assert "with the hash that the lock has for it" in done.stderr


def test_an_index_that_is_not_reached_is_named_with_what_to_do(
    origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path / "cache"))
    done = package(clone(origin, tmp_path / "tree"), "-o", str(tmp_path / "app.zip"))
    assert done.returncode == 1
    assert "The package index was not reached" in done.stderr
    assert "PIP_INDEX_URL" in done.stderr
    assert not list((tmp_path / "cache").iterdir())


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


def test_another_python_than_azures_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.package.AZURE_PYTHON", (3, 99))
    args = build_parser().parse_args(["package", "--list"])
    with pytest.raises(CommandError, match=r"package needs Python 3\.99") as raised:
        args.run(args)
    assert raised.value.code == Exit.REFUSED


@pytest.mark.long
def test_with_packages_it_holds_what_the_lock_names_for_azures_linux(
    origin: Path, tmp_path: Path
) -> None:
    tree = clone(origin, tmp_path / "tree")
    done = package(tree, "--with-packages", "--json", "-o", str(tmp_path / "app.zip"))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["withPackages"] is True
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


def test_a_part_that_is_gone_is_named(origin: Path, tmp_path: Path) -> None:
    tree = clone(origin, tmp_path / "tree")
    git(tree, "rm", "-r", "--quiet", "playbooks")
    git(tree, "commit", "--quiet", "-m", "less")
    done = package(tree, "--list")
    assert done.returncode == 2
    assert "playbooks: git tracks nothing there" in done.stderr

"""The package: the same bytes anywhere, nothing but what runs in Azure, and proved to start."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

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
    assert names == sorted(tracked - ignored - {".funcignore"})
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
    assert host == json.loads(storage["host.json"])
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
        # The checks' environment has it; the app's has not.
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


def test_a_proof_with_another_version_than_the_pinned_one_fails(
    origin: Path, tmp_path: Path
) -> None:
    tree = clone(origin, tmp_path / "tree")
    text = (tree / "requirements.txt").read_text(encoding="utf-8")
    pinned = re.search(r"^paramiko==(\S+)", text, re.MULTILINE)
    assert pinned
    changed = text.replace(pinned[0], "paramiko==0.0.1")
    (tree / "requirements.txt").write_text(changed, encoding="utf-8")
    git(tree, "commit", "--quiet", "--all", "-m", "another pin")
    done = package(tree, "-o", str(tmp_path / "app.zip"))
    assert done.returncode == 1
    assert f"paramiko {pinned[1]} is installed, requirements.txt pins 0.0.1" in done.stderr


def test_a_part_that_is_gone_is_named(origin: Path, tmp_path: Path) -> None:
    tree = clone(origin, tmp_path / "tree")
    git(tree, "rm", "-r", "--quiet", "playbooks")
    git(tree, "commit", "--quiet", "-m", "less")
    done = package(tree, "--list")
    assert done.returncode == 2
    assert "playbooks: git tracks nothing there" in done.stderr

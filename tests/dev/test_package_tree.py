"""Which state of which repository is packaged."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.dev.packages import clone, git, package


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
    assert f"is not a repository but a folder of {outer}" in done.stderr


def test_a_part_that_is_gone_is_named(origin: Path, tmp_path: Path) -> None:
    tree = clone(origin, tmp_path / "tree")
    git(tree, "rm", "-r", "--quiet", "playbooks")
    git(tree, "commit", "--quiet", "-m", "less")
    done = package(tree, "--list")
    assert done.returncode == 2
    assert "playbooks: git tracks nothing there" in done.stderr

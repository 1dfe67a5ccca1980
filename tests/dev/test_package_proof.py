"""A package is proved to start before it is written.

The proof installs the locked dependencies: once for each lock, into the cache directory, from
PyPI or the index that pip is configured for. Without either these tests fail.
"""

import os
import re
from pathlib import Path

import pytest

from cli.exits import CommandError, Exit
from dev.parser import build_parser
from tests.dev.packages import clone, git, package


@pytest.mark.parametrize(
    ("path", "old", "new", "cause"),
    [
        ("activities/ensure_keys.py", None, None, "activities.ensure_keys"),
        # Only imported inside a function.
        ("clients/azure/loopback.py", None, None, "clients.azure.loopback"),
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


def test_another_python_than_azures_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dev.package.AZURE_PYTHON", (3, 99))
    args = build_parser().parse_args(["package", "--list"])
    with pytest.raises(CommandError, match=r"package needs Python 3\.99") as raised:
        args.run(args)
    assert raised.value.code == Exit.REFUSED

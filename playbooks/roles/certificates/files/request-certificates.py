"""Creates a key and a signing request for each certificate that is missing or ends soon.

Usage: request-certificates.py DIRECTORY NODE RENEWAL_DAYS NAME...

Runs on the node: its private keys never leave it. Prints a JSON object: name of the certificate to
its request (PEM).
"""

import json
import os
import pathlib
import subprocess
import sys

DAY = 86_400


def openssl(*arguments: str) -> str:
    done = subprocess.run(["openssl", *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def is_valid(certificate: pathlib.Path, seconds: int) -> bool:
    """Whether the certificate exists and is valid for at least that many seconds."""
    return certificate.exists() and (
        subprocess.run(
            ["openssl", "x509", "-in", str(certificate), "-noout", "-checkend", str(seconds)],
            check=False,
            capture_output=True,
        ).returncode
        == 0
    )


def main() -> None:
    directory, node, days = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    # Keys and their directory are private, the directories above it are not.
    os.umask(0o022)
    directory.parent.mkdir(parents=True, exist_ok=True)
    os.umask(0o077)
    directory.mkdir(exist_ok=True)
    requests: dict[str, str] = {}
    for name in sys.argv[4:]:
        if is_valid(directory / f"{name}.crt", days * DAY):
            continue
        key = directory / f"{name}.key"
        if not key.exists():
            openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-out", str(key))  # fmt: skip
        subject = f"/O=slipway/CN={node}-{name}"
        requests[name] = openssl("req", "-new", "-key", str(key), "-subj", subject)
    json.dump(requests, sys.stdout)


if __name__ == "__main__":
    main()

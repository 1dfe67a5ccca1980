"""Says why the kubelet of this machine cannot sign in to the API server. Prints nothing if it can.

Usage: kubelet-credential.py NODE < certificate of the cluster's authority

A kubelet renews its client certificate while it runs. One that was off until the certificate ended,
lost its files, or has those of another cluster cannot sign in, and does not start at all. While it
replaces its files they may not belong together: only what is found twice is a fault.
"""

import base64
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CONFIG = Path("/etc/kubernetes/kubelet.conf")
PAUSE = 2


def openssl(*arguments: str, content: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *arguments], input=content, check=False, capture_output=True)


def field(text: str, name: str) -> bytes:
    """Content that a kubeconfig names by a path or holds in base64; empty if there is none."""
    held = re.search(rf"^\s*{name}-data:\s*(\S+)", text, re.MULTILINE)
    if held:
        return base64.b64decode(held[1])
    named = re.search(rf"^\s*{name}:\s*(\S+)", text, re.MULTILINE)
    path = Path(named[1]) if named else None
    return path.read_bytes() if path and path.is_file() else b""


def public(content: bytes, *arguments: str) -> bytes:
    return openssl(*arguments, content=content).stdout


def fault(config: Path, node: str, authority: bytes) -> str:
    if not config.is_file():
        return f"{config} is missing"
    text = config.read_text(encoding="utf-8")
    certificate, key = field(text, "client-certificate"), field(text, "client-key")
    if not certificate or not key:
        return f"{config} names a client certificate or key that is missing"
    held, wanted = field(text, "certificate-authority"), authority
    if b"".join(held.split()) != b"".join(wanted.split()):
        return f"{config} has another authority than the cluster"
    return certificate_fault(certificate, key, node, authority)


def certificate_fault(certificate: bytes, key: bytes, node: str, authority: bytes) -> str:
    with tempfile.NamedTemporaryFile(suffix=".crt") as file:
        file.write(authority)
        file.flush()
        # The time is checked below: a clock that is behind is no reason to make the node anew.
        checked = openssl("verify", "-no_check_time", "-CAfile", file.name, "-purpose",
                          "sslclient", content=certificate)  # fmt: skip
    if checked.returncode:
        said = (checked.stderr + checked.stdout).decode(errors="replace")
        reasons = re.findall(r"depth lookup: *(.*)", said) or said.splitlines() or ["unreadable"]
        return f"the client certificate is not valid: {reasons[0].strip()}"
    if openssl("x509", "-noout", "-checkend", "0", content=certificate).returncode:
        return "the client certificate has ended"
    subject = public(certificate, "x509", "-noout", "-subject", "-nameopt", "RFC2253").decode()
    parts = subject.partition("=")[2].strip()
    if set(parts.split(",")) != {f"CN=system:node:{node}", "O=system:nodes"}:
        return f"the client certificate is that of {parts}"
    if public(certificate, "x509", "-noout", "-pubkey") != public(key, "pkey", "-pubout"):
        return "the client key does not belong to the client certificate"
    return ""


def main() -> None:
    node, authority = sys.argv[1], sys.stdin.buffer.read()
    found = fault(CONFIG, node, authority)
    if found:
        time.sleep(PAUSE)
        found = fault(CONFIG, node, authority)
    if found:
        sys.stdout.write(f"{found}\n")


if __name__ == "__main__":
    main()

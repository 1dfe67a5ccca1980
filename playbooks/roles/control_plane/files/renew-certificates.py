"""Renews the certificates that kubeadm made on this control plane, before they end.

Usage: renew-certificates.py DAYS OTHER... Renews where the first of them ends within DAYS days, and
only while every OTHER control plane (addresses) answers; the next call tries again. What reads its
certificates only at its start is restarted, one after the other, each waited for. A call that was
ended midway is taken up by the next one. Prints a line for each thing that it did.
"""

import base64
import json
import re
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ETC = Path("/etc/kubernetes")
CERTIFICATES = ("apiserver", "apiserver-kubelet-client", "front-proxy-client")
KUBECONFIGS = ("admin", "controller-manager", "scheduler")
# Name of the container, and where it says that it is well.
RESTARTED = (
    ("kube-apiserver", "https://127.0.0.1:6443/readyz"),
    ("kube-controller-manager", "https://127.0.0.1:10257/healthz"),
    ("kube-scheduler", "https://127.0.0.1:10259/healthz"),
)
UNDER_WAY = "slipway/renewing"
DAY, PATIENCE_SECONDS, PAUSE_SECONDS, ANSWER_SECONDS = 86_400, 180.0, 1.0, 5.0


def certificates(etc: Path) -> dict[str, bytes]:
    """Name to PEM, of files and of kubeconfigs."""
    found = {name: (etc / "pki" / f"{name}.crt").read_bytes() for name in CERTIFICATES}
    for name in KUBECONFIGS:
        text = (etc / f"{name}.conf").read_text(encoding="utf-8")
        data = re.search(r"client-certificate-data:\s*(\S+)", text)
        if data:
            found[f"{name}.conf"] = base64.b64decode(data[1])
    return found


def due(found: dict[str, bytes], days: int) -> list[str]:
    """Names of those that end within that many days."""
    command = ["openssl", "x509", "-noout", "-checkend", str(days * DAY)]
    return [
        name
        for name, pem in found.items()
        if subprocess.run(command, input=pem, check=False, capture_output=True).returncode
    ]


def answers(url: str, authority: Path | None) -> bool:
    """Whether it says 200. Without an authority, as on 127.0.0.1, any certificate will do."""
    context = ssl.create_default_context(cafile=str(authority) if authority else None)
    if authority is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(  # noqa: S310 -- https, from the unit and from above
            url, timeout=ANSWER_SECONDS, context=context
        ) as said:
            return said.status == 200
    except OSError:
        return False


def container(name: str) -> str:
    """The id of the one that runs; empty where none does."""
    command = ["crictl", "ps", f"--name=^{name}$", "--output=json",
               "--label=io.kubernetes.pod.namespace=kube-system"]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout).get("containers") or []
    return found[0]["id"] if found else ""


def restart(name: str, url: str) -> None:
    """kubelet starts it again, with what it now finds."""
    old = container(name)
    if old:
        subprocess.run(["crictl", "stop", "--timeout=60", old], check=True, capture_output=True)
    until = time.monotonic() + PATIENCE_SECONDS
    while container(name) in ("", old) or not answers(url, None):
        if time.monotonic() > until:
            raise SystemExit(f"{name} is not back after {PATIENCE_SECONDS:.0f} s")
        time.sleep(PAUSE_SECONDS)
    sys.stdout.write(f"{name} restarted\n")


def main() -> None:
    days, others = int(sys.argv[1]), sys.argv[2:]
    under_way = ETC / UNDER_WAY
    ending = due(certificates(ETC), days)
    if not ending and not under_way.exists():
        return
    authority = ETC / "pki/ca.crt"
    silent = [a for a in others if not answers(f"https://{a}:6443/readyz", authority)]
    if silent:
        raise SystemExit(f"not now: {', '.join(silent)} does not answer; renewal is tried again")
    under_way.touch()
    if ending:
        # The file that it joined by: where kubeadm cannot read the cluster's, it falls back to RSA.
        command = ["kubeadm", "certs", "renew", "all", f"--config={ETC / 'kubeadm.yml'}"]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"kubeadm certs renew: {done.stderr.strip()}")
        sys.stdout.write(f"renewed: {', '.join(ending)}\n")
    for name, url in RESTARTED:
        restart(name, url)
    under_way.unlink()


if __name__ == "__main__":
    main()

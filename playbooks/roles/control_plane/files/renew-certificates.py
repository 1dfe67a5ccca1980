"""Renews the certificates that kubeadm created on this control plane, before they end.

Usage: renew-certificates.py DAYS OTHER...

All are renewed if one of them ends within DAYS days, and only while every OTHER control plane (by
address) is ready; otherwise the next call tries again. If one has ended already, this control plane
serves nobody, and the others are not asked. Components that read their certificates only
when they start are restarted one after the other. If a call is interrupted, the next one finishes
its work. Prints a line for each change.
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
# Name of the container, and the URL of its health.
RESTARTED = (
    ("kube-apiserver", "https://127.0.0.1:6443/readyz"),
    ("kube-controller-manager", "https://127.0.0.1:10257/healthz"),
    ("kube-scheduler", "https://127.0.0.1:10259/healthz"),
)
# This file exists from the renewal until the last component has restarted.
UNDER_WAY = "slipway/renewing"
DAY, RESTART_SECONDS, PAUSE_SECONDS, ANSWER_SECONDS = 86_400, 180.0, 1.0, 5.0


def certificates(etc: Path) -> dict[str, bytes]:
    """Certificates of files and of kubeconfigs: name to PEM."""
    found = {name: (etc / "pki" / f"{name}.crt").read_bytes() for name in CERTIFICATES}
    for name in KUBECONFIGS:
        text = (etc / f"{name}.conf").read_text(encoding="utf-8")
        data = re.search(r"client-certificate-data:\s*(\S+)", text)
        if data:
            found[f"{name}.conf"] = base64.b64decode(data[1])
    return found


def due(found: dict[str, bytes], days: int) -> list[str]:
    """Names of the certificates that end within that many days."""
    command = ["openssl", "x509", "-noout", "-checkend", str(days * DAY)]
    return [
        name
        for name, pem in found.items()
        if subprocess.run(command, input=pem, check=False, capture_output=True).returncode
    ]


def answers(url: str, authority: Path | None) -> bool:
    """Whether the URL answers with status 200. Without an authority, which is for 127.0.0.1 only,
    the certificate is not checked."""
    context = ssl.create_default_context(cafile=str(authority) if authority else None)
    if authority is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(  # noqa: S310 -- https, from the unit and the table above
            url, timeout=ANSWER_SECONDS, context=context
        ) as answer:
            return answer.status == 200
    except OSError:
        return False


def container(name: str) -> str:
    """The id of the running container of that name; empty if there is none."""
    command = ["crictl", "ps", f"--name=^{name}$", "--output=json",
               "--label=io.kubernetes.pod.namespace=kube-system"]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout).get("containers") or []
    return found[0]["id"] if found else ""


def restart(name: str, url: str) -> None:
    """Stops a component's container and waits until the kubelet has started a healthy new one."""
    old = container(name)
    if old:
        # A runtime that is slow may say no to a stop, and stop it all the same.
        subprocess.run(["crictl", "stop", "--timeout=30", old], check=False, capture_output=True)
        # The kubelet waits longer before each start of a container that has ended before, up to
        # five minutes. After a container that is gone it starts the next one at once.
        subprocess.run(["crictl", "rm", "--force", old], check=True, capture_output=True)
    until = time.monotonic() + RESTART_SECONDS
    while container(name) in ("", old) or not answers(url, None):
        if time.monotonic() > until:
            raise SystemExit(f"{name} is not healthy {RESTART_SECONDS:.0f} s after its restart")
        time.sleep(PAUSE_SECONDS)
    sys.stdout.write(f"{name} restarted\n")


def main() -> None:
    days, others = int(sys.argv[1]), sys.argv[2:]
    under_way = ETC / UNDER_WAY
    ending = due(certificates(ETC), days)
    if not ending and not under_way.exists():
        return
    authority = ETC / "pki/ca.crt"
    ended = due(certificates(ETC), 0)
    asked = [] if ended else others
    silent = [a for a in asked if not answers(f"https://{a}:6443/readyz", authority)]
    if silent:
        raise SystemExit(
            f"nothing was renewed: {', '.join(silent)} does not answer; the timer tries again"
        )
    under_way.touch()
    if ending:
        # With the file of its join: without it kubeadm reads the cluster's configuration, and falls
        # back to RSA keys if it cannot.
        command = ["kubeadm", "certs", "renew", "all", f"--config={ETC / 'kubeadm.yml'}"]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"kubeadm certs renew failed: {done.stderr.strip()}")
        sys.stdout.write(f"renewed: {', '.join(ending)}\n")
    for name, url in RESTARTED:
        restart(name, url)
    under_way.unlink()


if __name__ == "__main__":
    main()

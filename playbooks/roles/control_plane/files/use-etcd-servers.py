"""Lets this machine's API server, and kubeadm's next ones, use the etcd members that there are.

Usage: use-etcd-servers.py MANIFEST ADMIN_CONF URL...

kubeadm writes the members once, and etcd may have more of them since. Only these lines change: what
else a newer version would write is an upgrade's. Then this waits until the API server runs that
uses them. Prints a line for each change; a second call changes nothing.
"""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

FLAG = "--etcd-servers="
CONFIG = ["--namespace=kube-system", "configmap", "kubeadm-config"]
TIMEOUT_SECONDS, PAUSE_SECONDS = 300.0, 2.0


def kubectl(config: str, *arguments: str, given: str | None = None) -> str:
    command = ["kubectl", f"--kubeconfig={config}", "--request-timeout=20s", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, input=given)
    if done.returncode:
        raise SystemExit(f"kubectl {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout


def with_servers(manifest: str, servers: list[str]) -> str:
    """Returns the API server's manifest with these etcd servers."""
    return re.sub(rf"(?m)^(\s*- {FLAG}).*$", rf"\g<1>{','.join(servers)}", manifest)


def with_endpoints(configuration: str, servers: list[str]) -> str:
    """Returns kubeadm's configuration of the cluster with these endpoints of the external etcd.
    Since 1.36 it names them twice: `httpEndpoints` is what kubeadm's own checks of health use."""

    def named(found: re.Match[str]) -> str:
        margin = found[3].partition("-")[0]
        return found[1] + "".join(f"{margin}- {server}\n" for server in servers)

    form = r"(?m)^(( *)(?:endpoints|httpEndpoints):\n)((?:\2 *- \S*\n)+)"
    changed, number = re.subn(form, named, configuration)
    if not number:
        raise SystemExit("kubeadm's configuration of the cluster names no endpoints of etcd")
    return changed


def update_configuration(config: str, servers: list[str]) -> bool:
    """Returns whether the cluster's configuration changed. If somebody else changes it meanwhile,
    the API server refuses, and the play is started again."""
    stored = json.loads(kubectl(config, "get", *CONFIG, "--output=json"))
    before = stored["data"]["ClusterConfiguration"]
    stored["data"]["ClusterConfiguration"] = with_endpoints(before, servers)
    if stored["data"]["ClusterConfiguration"] == before:
        return False
    kubectl(config, "replace", "--filename=-", given=json.dumps(stored))
    return True


def update_manifest(path: Path, servers: list[str]) -> bool:
    """Returns whether the manifest changed. The kubelet sees one of the two, never a part: it reads
    no other folder."""
    before = path.read_text(encoding="utf-8")
    after = with_servers(before, servers)
    if after == before:
        return False
    part = path.parent.with_name(f".{path.name}.part")
    part.touch(mode=0o600)
    part.write_text(after, encoding="utf-8")
    part.replace(path)
    return True


def running(processes: Path) -> list[str]:
    """Returns the etcd servers of each API server that runs on this machine."""
    found: list[str] = []
    for path in processes.glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue  # the process has ended
        if words[0].rpartition("/")[2] == "kube-apiserver":
            found += [word.removeprefix(FLAG) for word in words if word.startswith(FLAG)]
    return found


def wait(servers: list[str], processes: Path = Path("/proc")) -> None:
    until = time.monotonic() + TIMEOUT_SECONDS
    while running(processes) != [",".join(servers)]:
        if time.monotonic() > until:
            text = f"the API server does not run with {FLAG}{','.join(servers)}"
            raise SystemExit(f"{text}: look at the kubelet's log")
        time.sleep(PAUSE_SECONDS)


def main() -> None:
    manifest, config, *servers = sys.argv[1:]
    if update_configuration(config, servers):
        sys.stdout.write("kubeadm-config\n")
    if update_manifest(Path(manifest), servers):
        sys.stdout.write("kube-apiserver\n")
    wait(servers)


if __name__ == "__main__":
    main()

"""Writes the CNI configuration for the pod network that flannel leased for this node.

Usage: connect-pods.py SECONDS SUBNET_ENV CONFLIST

Waits up to SECONDS until flanneld has written SUBNET_ENV, then writes the CNI configuration
CONFLIST. The kubelet reports the network as ready once that file exists.
"""

import json
import sys
import time
from ipaddress import IPv4Interface
from pathlib import Path

KEYS = ("FLANNEL_NETWORK", "FLANNEL_SUBNET", "FLANNEL_MTU")


def configuration(facts: dict[str, str]) -> str:
    """The CNI configuration: a bridge on the node.

    flannel routes packets between nodes and translates addresses of packets that leave the pod
    network, so the bridge translates none.
    """
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "mtu": int(facts["FLANNEL_MTU"]),
        "isDefaultGateway": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": str(IPv4Interface(facts["FLANNEL_SUBNET"]).network)}]],
            "routes": [{"dst": facts["FLANNEL_NETWORK"]}],
        },
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    whole = {"name": "cbr0", "cniVersion": "1.0.0", "plugins": [bridge, ports]}
    return json.dumps(whole, indent=2) + "\n"


def read(path: Path) -> dict[str, str]:
    """flannel's variables; empty while the file or one of KEYS is missing."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    facts = dict(line.split("=", 1) for line in lines if "=" in line)
    return facts if all(facts.get(key) for key in KEYS) else {}


def main() -> None:
    seconds, source, target = float(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    end = time.monotonic() + seconds
    while not (facts := read(source)):
        if time.monotonic() > end:
            sys.exit(f"flannel has not written {source} within {seconds:.0f} s")
        time.sleep(0.2)
    text = configuration(facts)
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        # Written in place: containerd notices that a file is written, not that one is moved there.
        target.write_text(text, encoding="utf-8")
    target.chmod(0o600)


if __name__ == "__main__":
    main()

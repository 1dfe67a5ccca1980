"""Connects pods to the network that flannel has for this node.

Usage: connect-pods.py SECONDS SUBNET_ENV CONFLIST. Waits until flanneld has written SUBNET_ENV,
then writes the CNI configuration. With that file, and not before, kubelet takes the network for
ready.
"""

import json
import sys
import time
from ipaddress import IPv4Interface
from pathlib import Path

KEYS = ("FLANNEL_NETWORK", "FLANNEL_SUBNET", "FLANNEL_MTU")


def configuration(facts: dict[str, str]) -> str:
    """A bridge on each node; flannel routes what leaves it, and translates what leaves the pods'
    network, so the bridge does not."""
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
        # In place: containerd looks at a file that is written, and not at one that is moved there.
        target.write_text(text, encoding="utf-8")
    target.chmod(0o600)


if __name__ == "__main__":
    main()

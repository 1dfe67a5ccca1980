"""Renders cloud-init's user data: what a machine does at its first boot. Pure.

A machine installs the SSH host key that Slipway generated for it, so that the first connection can
verify it, and reports its state on TCP 3333. The playbook does everything else. Only the controller
installs packages, because the playbook runs there. The admin user and its key come from the VM's
osProfile.
"""

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from cluster.cloud_init_apt import (
    APT_OPTIONS_FILE,
    AUTHORITIES_DIRECTORY,
    PACKAGES_SCRIPT,
    apt_config,
    apt_options,
    packages_script,
)
from cluster.on_node import program
from cluster.roles import CONTROLLER
from cluster.trust import trusted_name

CONTROLLER_PACKAGES = ("ansible-core", "python3-ansible-runner")

NODE_FILE = "/etc/slipway/node.json"
READINESS_PROGRAM = "/usr/local/lib/slipway/readiness.py"
READINESS_UNIT = "slipway-readiness.service"
RSA_KEY_UNIT = "slipway-rsa-host-key.service"
SSHD_FILE = "/etc/ssh/sshd_config.d/00-slipway.conf"

# The service has no capabilities, no fixed user and nothing to write to.
_READINESS_UNIT_TEXT = f"""\
[Unit]
Description=Slipway's readiness report on TCP 3333
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
ExecStart=/usr/bin/python3 -I {READINESS_PROGRAM} {NODE_FILE}
Restart=always
RestartSec=2
DynamicUser=yes
CapabilityBoundingSet=
NoNewPrivileges=yes
ProtectHome=yes
ProtectSystem=strict
RestrictAddressFamilies=AF_INET AF_UNIX
TasksMax=64

[Install]
WantedBy=multi-user.target
"""

# cloud-init generates no host keys if the user data has some, and the Azure agent waits up to 30
# minutes for the RSA key before it reports a failed provisioning. Debian may generate it first.
_RSA_KEY_UNIT_TEXT = """\
[Unit]
Description=RSA host key for the Azure agent; sshd does not offer it
After=sshd-keygen.service
Before=walinuxagent.service
ConditionPathExists=!/etc/ssh/ssh_host_rsa_key

[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -q -t rsa -b 3072 -N "" -f /etc/ssh/ssh_host_rsa_key

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True)
class CloudInitNode:
    """The facts that a machine needs at its first boot.

    Attributes:
        host_key_private: Ed25519, OpenSSH PEM. Secret.
        host_key_public: the same key's public half, "ssh-ed25519 AAAA...".
        apt_mirror: base URL of a Debian archive; the security archive is at the same URL
            followed by "-security". None: the image's own sources.
        http_proxy, https_proxy: for the package archive, unless `no_proxy` names the mirror's host.
        no_proxy: comma-separated hosts, domains, addresses and CIDRs.
        trusted: PEM certificates of authorities that may have signed the archive's certificate, for
            the controller only; the playbook installs them on the other machines.
    """

    cluster: str
    name: str
    role: str
    address: str
    host_key_private: str = field(repr=False)
    host_key_public: str
    apt_mirror: str | None = None
    http_proxy: str | None = None
    https_proxy: str | None = None
    no_proxy: str = ""
    trusted: tuple[str, ...] = ()


def render_custom_data(node: CloudInitNode) -> str:
    """The node's cloud-config in base64; the same node always gives the same text."""
    return base64.b64encode(render_user_data(node).encode()).decode()


def render_user_data(node: CloudInitNode) -> str:
    """The cloud-config itself: JSON, which is YAML too, with sorted keys."""
    return "#cloud-config\n" + json.dumps(_config(node), indent=1, sort_keys=True) + "\n"


def _config(node: CloudInitNode) -> dict[str, Any]:
    config: dict[str, Any] = {
        "apt": apt_config(node.apt_mirror),
        "bootcmd": [_start_units()],
        # "true" would rewrite the file at every boot and remove the playbook's entries.
        "manage_etc_hosts": "localhost",
        "ssh_deletekeys": True,
        "ssh_keys": {
            "ed25519_private": node.host_key_private.rstrip("\n") + "\n",
            "ed25519_public": node.host_key_public.rstrip("\n") + "\n",
        },
        "ssh_pwauth": False,
        "write_files": [
            _file(NODE_FILE, _node_file(node)),
            _file(READINESS_PROGRAM, program("readiness_service")),
            _file(f"/etc/systemd/system/{READINESS_UNIT}", _READINESS_UNIT_TEXT),
            _file(f"/etc/systemd/system/{RSA_KEY_UNIT}", _RSA_KEY_UNIT_TEXT),
            _file(SSHD_FILE, _sshd(node.role)),
            _file(APT_OPTIONS_FILE, _apt_options(node)),
            *(_file(f"{AUTHORITIES_DIRECTORY}/{trusted_name(pem)}", pem) for pem in node.trusted),
        ],
    }
    if node.role == CONTROLLER:
        script = packages_script(CONTROLLER_PACKAGES, trusting=bool(node.trusted))
        config["write_files"].append(_file(PACKAGES_SCRIPT, script, mode="0755"))
    return config


def _start_units() -> list[str]:
    """A command that starts the units after cloud-init's network stage.

    bootcmd runs before the files are written, and runcmd after all packages are installed. A
    transient job in between lets a machine report "running" while it still installs packages."""
    return [
        "systemd-run",
        "--no-block",
        "--collect",
        "--unit=slipway-first-boot",
        "--property=After=cloud-config.target",
        "systemctl",
        "enable",
        "--now",
        READINESS_UNIT,
        RSA_KEY_UNIT,
    ]


def _file(path: str, content: str, mode: str = "0644") -> dict[str, str]:
    return {"path": path, "content": content, "owner": "root:root", "permissions": mode}


def _apt_options(node: CloudInitNode) -> str:
    return apt_options(node.apt_mirror, node.http_proxy, node.https_proxy, node.no_proxy)


def _node_file(node: CloudInitNode) -> str:
    facts = {
        "address": node.address,
        "cluster": node.cluster,
        "name": node.name,
        "role": node.role,
    }
    return json.dumps(facts, sort_keys=True) + "\n"


def _sshd(role: str) -> str:
    """sshd offers the pinned key only. Slipway reaches the nodes through the controller with
    direct-tcpip, which sshd calls local forwarding. All other forwarding is off."""
    forwarding = "local" if role == CONTROLLER else "no"
    return (
        "HostKey /etc/ssh/ssh_host_ed25519_key\n"
        f"AllowTcpForwarding {forwarding}\n"
        "AllowStreamLocalForwarding no\n"
        "AllowAgentForwarding no\n"
        "X11Forwarding no\n"
    )

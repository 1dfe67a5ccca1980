"""Machines on one machine: systemd-nspawn on a Debian 13 image, a network namespace each."""

# Debian packages that the lab needs on the host.
PACKAGES = (
    "ca-certificates",
    "e2fsprogs",
    "iproute2",
    "iptables",
    "mmdebstrap",
    "mount",
    "nftables",
    "procps",
    "systemd-container",
    "util-linux",
    "zstd",
)

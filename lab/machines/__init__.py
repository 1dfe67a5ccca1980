"""Virtual machines on one host: systemd-nspawn with a Debian 13 image, each in its own network
namespace."""

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

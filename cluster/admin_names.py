"""Names that a VM's administrator cannot have: Azure refuses them, or the image has them already.

Only names that the spec's own pattern admits matter (`cluster/forms.py`).
"""

# Compute, "username requirements when creating a VM".
# fmt: off
_REFUSED_BY_AZURE = frozenset((
    "admin", "admin1", "admin2", "administrator", "actuser", "adm", "aspnet", "backup",
    "console", "david", "guest", "john", "owner", "root", "server", "sql", "support", "sys",
    "test", "test1", "test2", "test3", "user", "user1", "user2", "user3", "user4", "user5",
))
# Users and groups of Debian's and Ubuntu's images, their base system and the packages in them.
# Creating the administrator fails where a group has the name, too: the user gets its own.
_ON_THE_IMAGE = frozenset((
    # base-passwd
    "adm", "audio", "backup", "bin", "cdrom", "crontab", "daemon", "dialout", "dip", "disk",
    "fax", "floppy", "games", "gnats", "input",
    "irc", "kmem", "kvm", "list", "lp", "mail", "man", "news", "nobody", "nogroup", "operator",
    "plugdev", "proxy", "render", "root", "sasl",
    "sgx", "shadow", "src", "staff", "sudo", "sync", "sys", "tape", "tty", "users", "utmp",
    "uucp", "uuidd", "video", "voice", "www-data",
    # systemd, its services, and what logs in
    "avahi", "dhcpcd", "dnsmasq", "landscape", "lxd", "messagebus", "netdev", "ntp", "nut",
    "polkitd", "pollinate", "postfix",
    "rtkit", "sshd", "ssl-cert", "sssd", "statd", "syslog", "tcpdump", "tss", "usbmux", "wheel",
    # cloud images: their own first user, container runtimes, the Azure agent
    "chrony", "docker", "fwupd-refresh", "rdma", "snap-daemon", "ssh", "ssm-user", "waagent",
    # Slipway's own on its nodes
    "etcd",
))
# fmt: on
_SYSTEM_PREFIXES = ("systemd-", "snapd-range-")


def refused_admin(name: str) -> str:
    """Returns why the name is refused; "" if it is not."""
    if name in _ON_THE_IMAGE or name.startswith(_SYSTEM_PREFIXES):
        return "is a user or group of the image"
    return "is refused by Azure" if name in _REFUSED_BY_AZURE else ""

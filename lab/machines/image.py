"""The machine image: Debian 13 with the contents of Azure's image. It is built once and cached."""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from lab.fabric import FabricError
from lab.machines.shell import run

SUITE = "trixie"
INCLUDE = (
    "systemd", "systemd-sysv", "dbus", "udev", "kmod", "libpam-systemd", "openssh-server",
    "python3", "python3-apt", "sudo", "iproute2", "iptables", "nftables", "ca-certificates",
    "curl", "procps", "netbase", "iputils-ping", "cloud-init", "e2fsprogs", "openssl",
)  # fmt: skip
# These packages are downloaded to the image's package cache, not installed. As on Azure, the first
# boot installs them, but here it downloads nothing.
PREFETCHED = ("ansible-core", "python3-ansible-runner", "chrony", "conntrack", "ethtool",
              "socat", "ipset", "kmod")  # fmt: skip
MASKED = (
    "systemd-udevd.service", "systemd-udevd-control.socket", "systemd-udevd-kernel.socket",
    "systemd-udev-trigger.service", "systemd-udev-load-credentials.service",
    "systemd-modules-load.service", "modprobe@.service", "dev-hugepages.mount",
    "sys-kernel-debug.mount", "sys-kernel-tracing.mount", "sys-fs-fuse-connections.mount",
    "ldconfig.service", "systemd-journal-catalog-update.service", "systemd-sysusers.service",
    "systemd-update-done.service", "systemd-firstboot.service", "systemd-remount-fs.service",
    "systemd-journal-flush.service", "apt-daily.timer", "apt-daily-upgrade.timer",
    "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer", "dpkg-db-backup.timer",
    "user@.service", "getty@.service", "console-getty.service",
)  # fmt: skip
FILES = {
    "etc/systemd/journald.conf.d/lab.conf": "[Journal]\nStorage=volatile\nRuntimeMaxUse=16M\n",
    "etc/ssh/sshd_config.d/10-lab.conf": "UseDNS no\n",
    "usr/lib/tmpfiles.d/lab-dev.conf": (
        "c! /dev/kmsg 0644 root root - 1:11\nc! /dev/fuse 0666 root root - 10:229\n"
        "d! /dev/net 0755 root root -\nc! /dev/net/tun 0666 root root - 10:200\n"
    ),
    # On hosts with cgroup v1 the controllers are mounted read-only; runc needs write access.
    "etc/systemd/system/lab-cgroup.service": (
        "[Unit]\nDefaultDependencies=no\nBefore=sysinit.target\n"
        "ConditionPathIsMountPoint=/sys/fs/cgroup/memory\n[Service]\nType=oneshot\n"
        'ExecStart=/bin/sh -c "for m in /sys/fs/cgroup/*/; do mountpoint -q $$m && '
        'mount -o remount,rw,bind $$m; done; true"\n'
    ),
    "etc/cloud/cloud.cfg.d/99-lab.cfg": "network: {config: disabled}\nmanage_etc_hosts: true\n",
    "etc/cloud/cloud.cfg.d/90_dpkg.cfg": "datasource_list: [ NoCloud, None ]\n",
    "etc/apt/apt.conf.d/90lab": 'Binary::apt::APT::Keep-Downloaded-Packages "true";\n',
}

type Report = Callable[[str], None]


def debian_mirror() -> str:
    """Returns the Debian mirror from SLIPWAY_DEBIAN_MIRROR or from this machine's sources. If there
    is none, the text is empty and mmdebstrap uses its default."""
    override = os.environ.get("SLIPWAY_DEBIAN_MIRROR")
    if override:
        return override
    sources = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]
    for path in sources:
        if path.is_file():
            found = re.search(r"(https?://\S+/debian)/?\s", path.read_text(encoding="utf-8") + "\n")
            if found:
                return found[1]
    return ""


def ensure_image(cache: Path, report: Report) -> Path:
    """Returns the directory of the unpacked image. Builds it if it is missing. Its name is a hash
    of its recipe."""
    recipe = json.dumps([SUITE, INCLUDE, PREFETCHED, MASKED, FILES])
    key = hashlib.sha256(recipe.encode()).hexdigest()[:16]
    base = cache / f"image-{key}"
    if base.is_dir():
        return base
    report("making the Debian 13 machine image (about a minute, once)")
    cache.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=".image-", dir=cache))
    try:
        _bootstrap(part / "root")
        _finish(part / "root")
        (part / "root").replace(base)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return base


def _bootstrap(root: Path) -> None:
    argv = ["mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", "--format=directory"]
    argv += [f"--include={','.join(INCLUDE)}", "--skip=cleanup/apt/lists"]
    argv += ['--aptopt=Apt::Install-Recommends "false"']
    packages = " ".join(PREFETCHED)
    argv.append(
        '--customize-hook=chroot "$1" apt-get install -y --download-only '
        f"--no-install-recommends -o Binary::apt::APT::Keep-Downloaded-Packages=true {packages}"
    )
    argv += ["--skip=cleanup/apt/cache", SUITE, str(root)]
    mirror = debian_mirror()
    run(*argv, *([mirror] if mirror else []))


def _finish(root: Path) -> None:
    system = root / "etc/systemd/system"
    for unit in MASKED:
        link = system / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")
    (system / "default.target").unlink(missing_ok=True)
    (system / "default.target").symlink_to("/usr/lib/systemd/system/multi-user.target")
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    wants = system / "sysinit.target.wants"
    wants.mkdir(exist_ok=True)
    (wants / "lab-cgroup.service").symlink_to("../lab-cgroup.service")
    bundle = Path("/etc/ssl/certs/ca-certificates.crt")
    if bundle.exists():
        shutil.copy(bundle, root / "etc/ssl/certs/ca-certificates.crt")
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (root / "etc/machine-id").write_text("", encoding="utf-8")
    for stamp in ("etc/.updated", "var/.updated"):
        (root / stamp).touch()
    if not (root / "usr/bin/cloud-init").exists():
        raise FabricError("the image has no cloud-init: mmdebstrap did not finish")

"""The first-boot data that Azure gives a new VM: host name, admin user with SSH key, customData."""

import json
import shutil
from pathlib import Path

from lab.fabric import MachineSpec

RESOLVERS = (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf"))


def write_seed(root: Path, spec: MachineSpec) -> None:
    """Writes the data below `root`, where cloud-init reads it at the first boot."""
    seed = root / "var/lib/cloud/seed/nocloud"
    seed.mkdir(parents=True)
    meta = {
        "instance-id": spec.id,
        "local-hostname": spec.hostname,
        "public-keys": list(spec.ssh_public_keys),
    }
    user = {
        "name": spec.admin_user,
        "lock_passwd": True,
        "shell": "/bin/bash",
        "sudo": "ALL=(ALL) NOPASSWD:ALL",
        "gecos": "Azure administrator",
    }
    (seed / "meta-data").write_text(json.dumps(meta), encoding="utf-8")
    (seed / "user-data").write_bytes(spec.custom_data)
    (seed / "user-data").chmod(0o600)
    (root / "etc/cloud/cloud.cfg.d/98-azure-user.cfg").write_text(
        json.dumps({"system_info": {"default_user": user}, "users": ["default"]}),
        encoding="utf-8",
    )
    (root / "etc/hostname").write_text(f"{spec.hostname}\n", encoding="utf-8")
    resolver = next(path for path in RESOLVERS if path.exists())
    target = root / "etc/resolv.conf"
    target.unlink(missing_ok=True)
    shutil.copy(resolver, target)

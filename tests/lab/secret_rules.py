"""Which secrets a lab knows, and where each of them may be."""

import json
import re

from tests.lab.conftest import STATE, Lab
from tests.lab.secret_forms import Forms, add, forms_of_vault
from tests.lab.secret_places import Finding

# (place, secret, why); `node` stands for the same machine in both.
type Permission = tuple[str, str, str]

NODE = "[a-z0-9-]+"
# What a machine and the lab's own services need, and may hold.
PERMITTED: tuple[Permission, ...] = (
    (r"vault\.json", r".*", "the vault"),
    (
        r"(lab|secrets|host\.config|azure\.config)\.json",
        r"lab: .*",
        "the lab's stand-in for app settings and for what Azure itself knows",
    ),
    (
        rf"machines/.+--(?P<node>{NODE})/up/etc/ssh/ssh_host_ed25519_key",
        r"host key (?P=node)",
        "the machine's own identity",
    ),
    (
        rf"machines/.+--(?P<node>{NODE})/up/var/lib/cloud/"
        r"(seed/nocloud/user-data|instances/.+/(user-data\.txt(\.i)?|cloud-config\.txt|obj\.pkl))",
        r"host key (?P=node)",
        "cloud-init's own copy of customData",
    ),
    (
        rf"memory/(?P<node>{NODE})/run/cloud-init/combined-cloud-config\.json",
        r"host key (?P=node)",
        "cloud-init's own copy of customData, in memory and for root only",
    ),
)


def known(lab: Lab) -> Forms:
    stored = json.loads((STATE / "vault.json").read_text(encoding="utf-8"))["secrets"]
    # The lab's own webhook is an address without a secret in it.
    forms = forms_of_vault({n: v for n, v in stored.items() if n != "slack-webhook"})
    for name, value in json.loads((STATE / "secrets.json").read_text(encoding="utf-8")).items():
        add(forms, f"lab: {name}", value.encode())
    assert lab.info.key in (STATE / "secrets.json").read_text(encoding="utf-8")
    return forms


def permitted(finding: Finding, permissions: tuple[Permission, ...]) -> bool:
    for place, secret, _ in permissions:
        match = re.fullmatch(place, finding.place)
        if not match:
            continue
        node = match.groupdict().get("node", "")
        if re.fullmatch(secret.replace("(?P=node)", re.escape(node)), finding.secret):
            return True
    return False


def unused(found: set[Finding], permissions: tuple[Permission, ...]) -> list[str]:
    """The reasons of those that nothing needed: such a one would hide what comes later."""
    return [
        why
        for place, _, why in permissions
        if not any(re.fullmatch(place, finding.place) for finding in found)
    ]

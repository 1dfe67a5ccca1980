"""The forms of a spec's texts: a pattern for programs, and the same rule in words for people."""

from typing import NamedTuple

from cluster import names


class Form(NamedTuple):
    pattern: str
    rule: str


NAME = Form(f"^{names.CLUSTER_NAME.pattern}$", names.CLUSTER_NAME_RULE)
POOL = Form(f"^{names.POOL_NAME.pattern}$", names.POOL_NAME_RULE)
# A region's display name is accepted too: spaces and capitals are removed.
LOCATION = Form(
    r"^ *[A-Za-z][A-Za-z0-9 ]{2,60}$",
    "the name of an Azure region, such as westeurope or 'West Europe'",
)
# The minors are those of `playbooks/vars/manifest.yml`.
KUBERNETES = Form(
    r"^1\.(34|35|36)(\.(0|[1-9][0-9]?))?$",
    "a minor version (1.34, 1.35 or 1.36), or a patch release of one, such as 1.36.2; in quotes",
)
GROUP = Form(
    r"^[A-Za-z0-9_()-]([A-Za-z0-9_().-]{0,88}[A-Za-z0-9_()-])?$",
    "1 to 90 characters: letters, digits, '_', '-', '.', '(' and ')', not ending with '.'",
)
ADMIN = Form(
    r"^[a-z][a-z0-9-]{0,30}[a-z0-9]$",
    "2 to 32 characters: a to z, 0 to 9 and '-', beginning with a letter, such as slipway",
)
VM_SIZE = Form(
    r"^(Standard|Basic)_[A-Za-z0-9_-]{1,60}$", "the name of a VM size, such as Standard_D4s_v5"
)
IMAGE_VERSION = Form(
    r"^0\.20\d{6}\.\d{1,6}$", "a version of Debian 13's image, such as 0.20260914.2601"
)
SECRET = Form(r"^[A-Za-z0-9-]{1,127}$", "the name of a secret: 1 to 127 letters, digits and '-'")
SHA256 = Form(r"^[0-9a-f]{64}$", "a SHA-256 in hexadecimal: 64 characters of 0 to 9 and a to f")
NO_PROXY = Form(
    r"^[A-Za-z0-9.*:/_-]{1,253}$", "a host, a domain, an address or a CIDR, such as .example.com"
)
LABEL_KEY = Form(
    r"^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$",
    "a key of Kubernetes: at most 63 letters, digits, '.', '_' and '-', beginning and ending with "
    "a letter or digit, with a domain and '/' before it where it has one (example.com/team)",
)
LABEL_VALUE = Form(
    r"^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$",
    "at most 63 letters, digits, '.', '_' and '-', beginning and ending with a letter or digit",
)
# ARM evaluates a text in brackets where a template contains it.
TAG_KEY = Form(
    r"^[^<>%&\\?/\[\x00-\x1f\x7f-\x9f][^<>%&\\?/\x00-\x1f\x7f-\x9f]{0,255}$",
    "1 to 256 characters without < > % & \\ ? / and control characters, not beginning with '['",
)
TAG_VALUE = Form(
    r"^([^\[\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]{0,255})?$",
    "at most 256 characters without control characters, not beginning with '['",
)
# A smaller number than 65536 is checked where two of them are compared.
PORTS = Form(
    r"^[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?$",
    "a port or a range of ports, such as 9100 or 9200-9210",
)

RULES = {
    form.pattern: form.rule
    for form in (
        *(NAME, POOL, LOCATION, GROUP, ADMIN, VM_SIZE, IMAGE_VERSION, SECRET, SHA256, NO_PROXY),
        KUBERNETES,
        *(LABEL_KEY, LABEL_VALUE, TAG_KEY, TAG_VALUE, PORTS),
    )
}

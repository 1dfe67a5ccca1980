"""Configures apt at a machine's first boot, and installs the first packages. Pure.

The play manages the same files afterwards: `APT_OPTIONS_FILE` and the contents of
`AUTHORITIES_DIRECTORY`.
"""

import ipaddress
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

DEBIAN_RELEASE = "trixie"
APT_OPTIONS_FILE = "/etc/apt/apt.conf.d/90slipway"
APT_SOURCES_FILE = "/etc/apt/sources.list.d/debian.sources"
AUTHORITIES_DIRECTORY = "/usr/local/share/ca-certificates"
PACKAGES_SCRIPT = "/var/lib/cloud/scripts/per-boot/10-slipway-packages"

# cloud-init installs `packages` only once per machine and regards the next boot as successful. This
# script runs at every boot: a restart completes what an unreachable archive prevented, or fails
# again. The image's own timers may hold a lock of apt, so the script waits for up to 5 minutes.
_PACKAGES_SCRIPT_TEXT = """\
#!/bin/sh
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
patiently() {{
    tries=60
    until said=$("$@" 2>&1); do
        code=$?
        echo "$said"
        case $said in *lock*) ;; *) tries=0 ;; esac
        [ $((tries -= 1)) -ge 0 ] || return $code
        sleep 5
    done
    echo "$said"
}}
packages="{packages}"
state=$(dpkg-query --show --showformat '${{db:Status-Status}}\\n' $packages 2>&1 || true)
if echo "$state" | grep --quiet --invert-match --line-regexp installed; then
{prepare}    patiently dpkg --configure --pending
    patiently apt-get --quiet --quiet update
    patiently apt-get --quiet --yes install $packages
fi
"""


def packages_script(packages: Iterable[str], *, trusting: bool = False) -> str:
    """Returns a script that installs those packages that are missing, at every boot.

    Args:
        packages: the names of the packages.
        trusting: whether the script first trusts the certificates in `AUTHORITIES_DIRECTORY`. The
            archive's own certificate may need one of them.
    """
    prepare = "    update-ca-certificates >/dev/null\n" if trusting else ""
    return _PACKAGES_SCRIPT_TEXT.format(packages=" ".join(sorted(set(packages))), prepare=prepare)


def apt_config(mirror: str | None) -> dict[str, Any]:
    """Returns cloud-init's `apt` section, from which it writes `APT_SOURCES_FILE`.

    Debian's own image refers apt to lists that cloud-init generates. They are switched off for a
    mirror.
    """
    if mirror is None:
        return {"preserve_sources_list": True}
    return {
        "generate_mirrorlists": False,
        "preserve_sources_list": False,
        "sources_list": (
            _source(mirror, DEBIAN_RELEASE, f"{DEBIAN_RELEASE}-updates")
            + "\n"
            + _source(security_mirror(mirror), f"{DEBIAN_RELEASE}-security")
        ),
    }


def security_mirror(mirror: str) -> str:
    """Returns the URL of a mirror's security archive: beside the main archive, as Debian does."""
    return mirror.rstrip("/") + "-security"


def _source(url: str, *suites: str) -> str:
    return (
        "Types: deb\n"
        f"URIs: {url.rstrip('/')}\n"
        f"Suites: {' '.join(suites)}\n"
        "Components: main\n"
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    )


def apt_options(mirror: str | None, http: str | None, https: str | None, no_proxy: str) -> str:
    """Returns apt's options, without recommended packages: ansible-core recommends 200 MB of
    collections.

    Args:
        mirror: base URL of the only archive. None: the image's own sources are used.
        http: proxy for http URLs. None: they are reached directly.
        https: proxy for https URLs. None: they are reached directly, which needs an option of its
            own, because apt would use the proxy for http.
        no_proxy: comma-separated hosts. Only the mirror is looked up in it, because apt has no such
            list.
    """
    lines = ['APT::Install-Recommends "false";', 'Acquire::Retries "5";']
    direct = mirror is not None and bypasses_proxy(mirror, no_proxy)
    if (http or https) and not direct:
        lines.append(f'Acquire::http::Proxy "{http or "DIRECT"}";')
        lines.append(f'Acquire::https::Proxy "{https or "DIRECT"}";')
    return "\n".join(lines) + "\n"


def bypasses_proxy(url: str, no_proxy: str | None) -> bool:
    """Returns whether an entry of `no_proxy` is the URL's host, a parent domain, or a CIDR around
    it."""
    host = (urlsplit(url).hostname or "").lower()
    entries = (entry.strip().lower() for entry in (no_proxy or "").split(","))
    return any(_covers(entry, host) for entry in entries if entry)


def _covers(entry: str, host: str) -> bool:
    if entry == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        domain = entry.removeprefix("*").removeprefix(".")
        return host == domain or host.endswith("." + domain)

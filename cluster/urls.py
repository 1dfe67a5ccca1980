"""The forms of URLs that a spec may hold."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, StringConstraints

_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
# What shells, YAML and headers take for their own, and everything that is not printable ASCII.
_FOREIGN = re.compile(r"[^!-~]|['\"\\`$;{}<>|^]")
# A '%' without two hexadecimal digits, or before those of a control character.
_ENCODED = re.compile(r"%(?![0-9A-Fa-f]{2})|%[01][0-9A-Fa-f]|%7[Ff]")
_MOST_HOST_CHARACTERS = 253
_OF_EACH_MACHINE = "names each machine itself, and nothing listens there: name a host of a network"
_OF_EACH_LINK = "has a link-local address, which no host of another network has"
_OF_THE_PLATFORM = "has an address of Azure's own services, which are neither proxy nor mirror"
# Names of the machine itself in every /etc/hosts of Debian, besides those that end in `localhost`.
_LOOPBACK_NAMES = frozenset({"ip6-localhost", "ip6-loopback"})
# Azure's DHCP, DNS and health probes, and its metadata service.
_PLATFORM = frozenset({IPv4Address("168.63.129.16"), IPv4Address("169.254.169.254")})


def _url(value: str) -> str:
    if _FOREIGN.search(value):
        raise ValueError("contains characters that are not allowed in a URL")
    if _ENCODED.search(value):
        raise ValueError("contains a '%' that encodes nothing or a control character")
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("not an http or https URL")
    if "@" in parts.netloc:
        raise ValueError("contains credentials, which would appear in records and logs")
    if "?" in value or "#" in value:
        raise ValueError("contains a query or fragment (a SAS token is a credential)")
    _check_host(parts.netloc, parts.hostname)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0 or parts.netloc.endswith(":"):
        raise ValueError("has a port that is not a number from 1 to 65535")
    return value.rstrip("/")


def _check_host(netloc: str, host: str) -> None:
    """Raises ValueError if no client could reach a host of that name."""
    labels = host.split(".")
    try:
        if netloc.startswith("[") and "%" not in host:
            IPv6Address(host)
            return
        if _NUMBER.fullmatch(labels[-1]):
            IPv4Address(host)
            return
    except ValueError:
        labels = []
    if not labels or len(host) > _MOST_HOST_CHARACTERS or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError("has a host that is neither a name nor an IP address")


def _remote(value: str) -> str:
    """Raises ValueError for a host that is another one on each machine, or an address of none."""
    host = urlsplit(value).hostname or ""
    try:
        address = ip_address(host)
    except ValueError:
        if host.rpartition(".")[2] == "localhost" or host in _LOOPBACK_NAMES:
            raise ValueError(_OF_EACH_MACHINE) from None
        return value
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    if address.is_loopback or address.is_unspecified:
        raise ValueError(_OF_EACH_MACHINE)
    if address in _PLATFORM:
        raise ValueError(_OF_THE_PLATFORM)
    if address.is_link_local:
        raise ValueError(_OF_EACH_LINK)
    if address.is_multicast or (isinstance(address, IPv4Address) and address.is_reserved):
        raise ValueError("has an address that no host has")
    return value


Url = Annotated[str, StringConstraints(max_length=512), AfterValidator(_url)]
# A URL that a machine needs before anything else runs on it.
RemoteUrl = Annotated[Url, AfterValidator(_remote)]

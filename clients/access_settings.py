"""The settings that say how callers identify themselves, and where their roles hold.

They are separate from the other settings: a caller is checked also while those are wrong, because
the doctor then says what is wrong with them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from clients.settings import GUID, LOOPBACK, SettingsError, SettingsReader
from cluster.access import APP_ROLES, EVERYBODY, RoleBound

ACCESS, TENANT, CLIENT_ID, BOUNDS = (
    "SLIPWAY_ACCESS",
    "SLIPWAY_ENTRA_TENANT_ID",
    "SLIPWAY_ENTRA_CLIENT_ID",
    "SLIPWAY_ROLE_BOUNDS",
)
BOUND_RULE = (
    'a JSON array of {"principal": an object id or "*", "role": Reader, Operator or '
    'Administrator, "prefixes": [of clusters\' names], "groups": [resource groups]}'
)
PREFIX = re.compile(r"[a-z][a-z0-9-]{0,23}")
GROUP = re.compile(r"[-\w.()]{1,90}")


class Access(StrEnum):
    """How callers identify themselves.

    `KEYS`: by a function key. A token may come with it and then decides. `BOTH`: by a function key
    and a token. `TOKENS`: by a token; function keys open nothing.
    """

    KEYS = "keys"
    BOTH = "keys-and-tokens"
    TOKENS = "tokens"


@dataclass(frozen=True)
class AccessSettings:
    """Nothing in it is secret: `client_id` is the app registration whose tokens are accepted."""

    access: Access = Access.KEYS
    tenant: str = ""
    client_id: str = ""
    bounds: tuple[RoleBound, ...] = ()
    loopback: str = ""

    @property
    def reads_tokens(self) -> bool:
        return bool(self.client_id)

    @property
    def audiences(self) -> tuple[str, ...]:
        """Version 2 tokens name the client id, version 1 tokens its identifier URI."""
        return (self.client_id, f"api://{self.client_id}")

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "AccessSettings":
        """Reads the settings; `env` is the environment of the process by default.

        Raises:
            SettingsError: with every error in these settings.
        """
        read = SettingsReader(env)
        access = access_of(read)
        tenant = read.matching(TENANT, GUID, "a tenant's id", "").lower()
        client_id = read.matching(CLIENT_ID, GUID, "an app registration's client id", "").lower()
        bounds = _bounds(read)
        needed = access is not Access.KEYS or bool(tenant or client_id)
        for name, value in ((TENANT, tenant), (CLIENT_ID, client_id)):
            if needed and not value:
                read.faults.append(f"{name} is missing: tokens cannot be checked without it")
        if bounds and access is Access.KEYS:
            read.faults.append(
                f"{BOUNDS} has no effect: a function key opens everything. Set {ACCESS} to "
                f"{Access.TOKENS} or {Access.BOTH}, or remove the bounds"
            )
        loopback = read.matching("SLIPWAY_LOOPBACK", LOOPBACK, "for the lab only", "").rstrip("/")
        if read.faults:
            raise SettingsError("app settings: " + "; ".join(read.faults))
        return cls(access, tenant, client_id, bounds, loopback)


def access_of(read: SettingsReader) -> Access:
    """Returns how callers identify themselves. A wrong value is a fault, and keys are needed."""
    text = read.text(ACCESS)
    try:
        return Access(text) if text else Access.KEYS
    except ValueError:
        read.faults.append(f"{ACCESS} is wrong: {', '.join(Access)}")
        return Access.KEYS


def _bounds(read: SettingsReader) -> tuple[RoleBound, ...]:
    entries = read.json_array(BOUNDS)
    found = [_bound(entry) for entry in entries]
    if None in found:
        read.faults.append(f"{BOUNDS} is wrong: {BOUND_RULE}")
    return tuple(bound for bound in found if bound)


def _bound(entry: Any) -> RoleBound | None:
    """Returns the bound, or None if the entry is wrong. An unknown or misspelt field is wrong: it
    would widen the bound."""
    if not isinstance(entry, dict):
        return None
    fields = cast(dict[str, Any], entry)
    principal, role = fields.get("principal"), fields.get("role")
    prefixes, groups = fields.get("prefixes", []), fields.get("groups", [])
    if fields.keys() - {"principal", "role", "prefixes", "groups"}:
        return None
    if not isinstance(role, str) or role not in APP_ROLES:
        return None
    if not isinstance(principal, str) or not (principal == EVERYBODY or GUID.fullmatch(principal)):
        return None
    if not _all_match(prefixes, PREFIX) or not _all_match(groups, GROUP):
        return None
    lower = tuple(cast(str, group).lower() for group in groups)
    return RoleBound(principal.lower(), APP_ROLES[role], tuple(prefixes), lower)


def _all_match(values: Any, pattern: re.Pattern[str]) -> bool:
    if not isinstance(values, list):
        return False
    listed = cast(list[Any], values)
    return all(isinstance(one, str) and pattern.fullmatch(one) for one in listed)

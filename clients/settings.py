"""The app's settings, read from the environment once.

Source: the app settings of the function app (`local.settings.example.json` lists them). All errors
are reported at once, each with the setting's name and what is allowed.
"""

import ipaddress
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic import ValidationError

from cluster import allowed_fields
from cluster.allowed_fields import AllowedFields, parse_allowed_fields
from cluster.sources import OPEN_RULE, is_open
from cluster.stages import LAST_STAGES

# Seconds between two polls of the same resource, unless a service asks for more.
POLL_SECONDS = 15.0
PLAY_DEADLINE_SECONDS = 5400
# A stock image boots in 1.5 to 5 minutes; the Azure agent gives up after 30.
NODES_DEADLINE_SECONDS = 1500
# Days for which the durable backend keeps the history of a run that has ended.
HISTORY_DAYS = 30
# Days for which records of removed clusters and files of ended runs are kept.
RECORD_DAYS = 365
# Days from one maintenance of a cluster to the next, and how many clusters are maintained at once.
MAINTENANCE_DAYS, MAINTENANCE_AT_ONCE = 7, 50

GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
VAULT = re.compile(r"https://[0-9A-Za-z-]{3,24}\.vault\.azure\.net/?")
ACCOUNT = re.compile(r"https://[0-9a-z]{3,24}\.blob\.core\.windows\.net/?")
CONTAINER = re.compile(r"[0-9a-z](?!.*--)[0-9a-z-]{1,61}[0-9a-z]")
LOOPBACK = re.compile(r"http://127\.0\.0\.1:[0-9]{1,5}/?")
HOST_AND_PORT = re.compile(r"[0-9A-Za-z.-]{1,253}(:[0-9]{1,5})?")
SECRET_NAME = re.compile(r"[0-9A-Za-z-]{1,127}")
# An Azure resource group's name, by Azure's own rule.
GROUP = re.compile(r"[-\w.()]{0,89}[-\w()]")
ACCOUNT_NAME = re.compile(r"https://([0-9a-z]+)\.|\bAccountName=([^;]+)")


class SettingsError(Exception):
    """Settings are missing or wrong; the text names each of them and what is allowed."""


@dataclass(frozen=True)
class Settings:
    """Settings of one installation. Only `storage` may be secret, a connection string in the lab;
    it is left out of the repr."""

    subscription_id: str
    vault_url: str
    storage: str = field(repr=False)
    container: str = "slipway"
    client_id: str = ""
    loopback: str = ""
    allowed_sources: tuple[str, ...] = ()
    slack_secret: str = ""
    profiles: str = ""
    default_artifacts: dict[str, Any] | None = None
    poll_seconds: float = POLL_SECONDS
    play_deadline_seconds: int = PLAY_DEADLINE_SECONDS
    nodes_deadline_seconds: int = NODES_DEADLINE_SECONDS
    history_days: int = HISTORY_DAYS
    allowed_fields: AllowedFields = field(default_factory=lambda: allowed_fields.DEFAULT)
    ansible_variables: dict[str, Any] = field(default_factory=dict[str, Any])
    # The resource group of the installation itself. No cluster may be in it.
    own_group: str = ""
    # The resource groups, in lower case, that clusters are kept to. Empty: any group.
    cluster_groups: frozenset[str] = frozenset()
    # Days for which records of removed clusters and files of ended runs are kept.
    record_days: int = RECORD_DAYS
    # Days from one maintenance of a cluster to the next; 0: only on request. How many run at once.
    maintenance_days: int = MAINTENANCE_DAYS
    maintenance_at_once: int = MAINTENANCE_AT_ONCE
    # Host and port under which machines reach the blobs, if it is not the app's own.
    storage_from_machines: str = ""

    @property
    def installation(self) -> str:
        """The installation's id, on the tags of everything that it creates.

        It is where the records are: storage account and container. Two installations differ in one
        of them, and a person who finds the tag finds the records.
        """
        found = ACCOUNT_NAME.search(self.storage)
        account = next(filter(None, found.groups()), "") if found else ""
        return f"{account or 'unknown'}/{self.container}"

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Settings":
        """Reads the settings; `env` is the environment of the process by default.

        Raises:
            SettingsError: with every error in the settings.
        """
        read = SettingsReader(env)
        settings = cls(
            subscription_id=read.matching("SLIPWAY_SUBSCRIPTION_ID", GUID, "a subscription's id"),
            vault_url=read.matching(
                "SLIPWAY_VAULT_URL", VAULT, "https://NAME.vault.azure.net"
            ).rstrip("/"),
            storage=read.storage(),
            container=read.matching(
                "SLIPWAY_CONTAINER", CONTAINER, "a blob container's name", "slipway"
            ),
            client_id=read.matching("AZURE_CLIENT_ID", GUID, "a managed identity's client id", ""),
            loopback=read.matching(
                "SLIPWAY_LOOPBACK", LOOPBACK, "http://127.0.0.1:PORT, for the lab only", ""
            ).rstrip("/"),
            allowed_sources=read.networks("SLIPWAY_ALLOWED_SOURCES"),
            slack_secret=read.matching(
                "SLIPWAY_SLACK_SECRET", SECRET_NAME, "a Key Vault secret's name, not its value", ""
            ),
            profiles=read.text("SLIPWAY_PROFILES"),
            default_artifacts=read.artifacts("SLIPWAY_DEFAULT_ARTIFACTS"),
            poll_seconds=read.number("SLIPWAY_POLL_SECONDS", POLL_SECONDS, 0.1, 300),
            play_deadline_seconds=int(
                read.number("SLIPWAY_PLAY_DEADLINE_SECONDS", PLAY_DEADLINE_SECONDS, 60, 86_400)
            ),
            nodes_deadline_seconds=int(
                read.number("SLIPWAY_NODES_DEADLINE_SECONDS", NODES_DEADLINE_SECONDS, 10, 7200)
            ),
            history_days=int(read.number("SLIPWAY_HISTORY_DAYS", HISTORY_DAYS, 1, 3650, "days")),
            allowed_fields=read.allowed_fields("SLIPWAY_ALLOWED_FIELDS"),
            ansible_variables=read.ansible_variables("SLIPWAY_ANSIBLE_VARIABLES"),
            own_group=read.matching(
                "SLIPWAY_RESOURCE_GROUP",
                GROUP,
                "the name of the installation's own resource group",
                read.text("WEBSITE_RESOURCE_GROUP"),
            ),
            cluster_groups=read.groups("SLIPWAY_CLUSTER_GROUPS"),
            record_days=int(read.number("SLIPWAY_RECORD_DAYS", RECORD_DAYS, 1, 36_500, "days")),
            maintenance_days=int(
                read.number("SLIPWAY_MAINTENANCE_DAYS", MAINTENANCE_DAYS, 0, 30, "days")
            ),
            maintenance_at_once=int(
                read.number(
                    "SLIPWAY_MAINTENANCE_AT_ONCE", MAINTENANCE_AT_ONCE, 1, 200, "operations"
                )
            ),
            storage_from_machines=read.matching(
                "SLIPWAY_STORAGE_FROM_MACHINES", HOST_AND_PORT, "HOST or HOST:PORT", ""
            ),
        )
        if settings.loopback and settings.storage.startswith("https://"):
            read.faults.append("SLIPWAY_STORAGE is an Azure account, but SLIPWAY_LOOPBACK is set")
        if read.faults:
            raise SettingsError("app settings: " + "; ".join(read.faults))
        return settings


class SettingsReader:
    """Reads settings one by one and collects the errors. They never quote a value, because a secret
    may have been put into the wrong setting."""

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        self._env = os.environ if env is None else env
        self.faults: list[str] = []

    def text(self, name: str) -> str:
        return self._env.get(name, "").strip()

    def matching(
        self, name: str, pattern: re.Pattern[str], allowed: str, default: str | None = None
    ) -> str:
        value = self.text(name)
        if not value and default is not None:
            return default
        if not pattern.fullmatch(value):
            self.faults.append(f"{name} {'is wrong' if value else 'is missing'}: {allowed}")
        return value

    def storage(self) -> str:
        value = self.text("SLIPWAY_STORAGE")
        if not ACCOUNT.fullmatch(value) and "AccountName=" not in value:
            what = "is wrong" if value else "is missing"
            allowed = "https://NAME.blob.core.windows.net, or a connection string in the lab"
            self.faults.append(f"SLIPWAY_STORAGE {what}: {allowed}")
        return value

    def number(
        self, name: str, default: float, low: float, high: float, unit: str = "seconds"
    ) -> float:
        text = self.text(name)
        try:
            value = float(text) if text else default
        except ValueError:
            value = -1.0
        if not low <= value <= high:
            self.faults.append(f"{name} is wrong: a number of {unit} from {low:g} to {high:g}")
            return default
        return value

    def networks(self, name: str) -> tuple[str, ...]:
        parts = tuple(part.strip() for part in self.text(name).split(",") if part.strip())
        for part in parts:
            try:
                ipaddress.IPv4Network(part)
            except ValueError:
                self.faults.append(f"{name} is wrong: IPv4 networks like 198.51.100.7/32")
                return parts
        if is_open(map(ipaddress.IPv4Network, parts)):
            self.faults.append(f"{name} is wrong: {OPEN_RULE}")
        return parts

    def groups(self, name: str) -> frozenset[str]:
        """Returns names of resource groups, in lower case."""
        parts = [part.strip() for part in self.text(name).split(",") if part.strip()]
        if not all(GROUP.fullmatch(part) for part in parts):
            self.faults.append(f"{name} is wrong: names of resource groups, separated by commas")
        return frozenset(part.lower() for part in parts)

    def json_object(self, name: str) -> dict[str, Any]:
        text = self.text(name)
        try:
            value: Any = json.loads(text) if text else {}
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            self.faults.append(f"{name} is wrong: a JSON object")
            return {}
        return cast(dict[str, Any], value)

    def json_array(self, name: str) -> list[Any]:
        text = self.text(name)
        try:
            value: Any = json.loads(text) if text else []
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, list):
            self.faults.append(f"{name} is wrong: a JSON array")
            return []
        return cast(list[Any], value)

    def ansible_variables(self, name: str) -> dict[str, Any]:
        value = self.json_object(name)
        # With other stages, for instance, events would report what did not run.
        if any(key.startswith("slipway_") for key in value):
            self.faults.append(f"{name} is wrong: variables slipway_* come from a cluster's plan")
        return value

    def allowed_fields(self, name: str) -> AllowedFields:
        found = parse_allowed_fields(self.json_object(name))
        if found is None:
            self.faults.append(f"{name} is wrong: {allowed_fields.RULE}")
        return found or allowed_fields.DEFAULT

    def artifacts(self, name: str) -> dict[str, Any] | None:
        value = self.json_object(name)
        if value and not _is_mirror(value):
            self.faults.append(
                f"{name} is wrong: a JSON object with url, manifestSha256 and, where the mirror "
                f"does not reach to the end, through (the last stage, of {', '.join(LAST_STAGES)}) "
                "and, where clusters reach it without their proxy, direct (true)"
            )
        return value or None


def _is_mirror(value: dict[str, Any]) -> bool:
    """Whether the setting is what a spec could hold, with the installation's own two fields."""
    from cluster.spec_services import Artifacts

    rest = {key: item for key, item in value.items() if key not in ("through", "direct")}
    try:
        Artifacts.model_validate(rest)
    except ValidationError:
        return False
    direct, through = value.get("direct", False), value.get("through", LAST_STAGES[-1])
    return isinstance(direct, bool) and through in LAST_STAGES

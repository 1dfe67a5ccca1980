"""Key Vault secrets: get-or-create that may run twice, at once, and after a soft delete.

Limits: 25 KB a secret, 300 creations per 10 s a vault. Source: Key Vault service limits.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from clients.answers import azure_errors
from clients.credentials import credential_of
from clients.errors import Refused, Transient
from clients.settings import Settings
from clients.transport import client_options

MAX_BYTES = 25_000


@dataclass(frozen=True)
class Secret:
    name: str
    version: str
    value: str = field(repr=False)


class Vault:
    """Secrets by name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _client(self) -> Any:
        from azure.keyvault.secrets import SecretClient

        return SecretClient(
            self._settings.vault_url,
            credential_of(self._settings),
            **client_options(self._settings),
        )

    def get(self, name: str) -> Secret | None:
        """The latest version; None where there is none or it is deleted."""
        from azure.core.exceptions import ResourceNotFoundError

        with azure_errors(f"secret {name}"):
            try:
                found = self._client.get_secret(name)
            except ResourceNotFoundError:
                return None
        return Secret(name, found.properties.version or "", found.value or "")

    def set_if_absent(self, name: str, value: str, tags: dict[str, str]) -> Secret:
        """Whoever comes first wins; the others get what the first one set.

        The service has no conditional set. Two creators at once make two versions; both then read
        the latest and go on with that one. A name that was deleted softly is recovered first.
        """
        if len(value.encode()) > MAX_BYTES:
            raise Refused("SecretTooLarge", f"secret {name} is over {MAX_BYTES} bytes")
        existing = self.get(name)
        if existing is not None:
            return existing
        try:
            with azure_errors(f"secret {name}"):
                self._client.set_secret(name, value, tags=tags)
        except Refused as error:
            if error.code not in ("Conflict", "Http409", "ObjectIsDeletedButRecoverable"):
                raise
            self._recover(name)
        found = self.get(name)
        if found is None:
            raise Transient(f"secret {name} is not readable yet", 2.0)
        return found

    def replace(self, name: str, value: str) -> None:
        """A new version, whatever there is."""
        with azure_errors(f"secret {name}"):
            self._client.set_secret(name, value)

    def delete(self, name: str) -> None:
        """Soft delete; a name that is not there is a success."""
        from azure.core.exceptions import ResourceNotFoundError

        with azure_errors(f"secret {name}"):
            try:
                self._client.begin_delete_secret(name)
            except ResourceNotFoundError:
                return

    def _recover(self, name: str) -> None:
        with azure_errors(f"deleted secret {name}"):
            self._client.begin_recover_deleted_secret(name)

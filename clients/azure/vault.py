"""Key Vault secrets: get-or-create that may run twice, at the same time, and after a soft delete.

Limits: 25 KB a secret, 300 creations per 10 s a vault (Key Vault service limits). The service has
no conditional set, so concurrent creators each make a version. The first version wins: versions
made here have a tag, and a reader of such a secret takes the oldest. So a creator that was
interrupted between get and set changes nothing when it continues. A version that an operator sets
has no such tag, is the newest, and is used.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from clients.azure.credentials import credential_of
from clients.azure.errors import azure_errors, inner_code
from clients.azure.transport import client_options
from clients.errors import Refused, Transient
from clients.locked_cached_property import locked_cached_property
from clients.settings import Settings

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

MAX_BYTES = 25_000
# The tag's value is the time of the request in Unix nanoseconds. It orders versions of the same
# second, since the service's times are whole seconds. If two requests of one second overtake each
# other, the later one may win.
CREATED_ONCE = "slipway-once"
DELETED = "ObjectIsDeletedButRecoverable"
# A deletion or a recovery takes some seconds.
BEING_DELETED, BEING_RECOVERED = "ObjectIsBeingDeleted", "ObjectIsBeingRecovered"
SOON = 2.0


@dataclass(frozen=True)
class Secret:
    name: str
    version: str
    value: str = field(repr=False)
    tags: dict[str, str] = field(default_factory=dict[str, str])


class Vault:
    """Secrets by name. Every method may raise Transient or Refused."""

    def __init__(self, settings: Settings, credential: "TokenCredential | None" = None) -> None:
        """`credential`: the identity to use; None for the app's own."""
        self._settings = settings
        self._credential = credential

    @locked_cached_property
    def _client(self) -> Any:
        from azure.keyvault.secrets import SecretClient

        return SecretClient(
            self._settings.vault_url,
            self._credential or credential_of(self._settings),
            **client_options(self._settings),
        )

    def get(self, name: str, version: str | None = None) -> Secret | None:
        """The version in use, or the given version; None if there is none or the secret is
        deleted."""
        found = self._read(name, version)
        if found is None or version or CREATED_ONCE not in (found.properties.tags or {}):
            return _secret(found)
        first = self._first(name)
        if first in (None, found.properties.version):
            return _secret(found)
        return _secret(self._read(name, first))

    def set_if_absent(self, name: str, value: str, tags: dict[str, str]) -> Secret:
        """Creates the secret, or returns the existing one. A soft-deleted secret is recovered with
        its old value.

        Raises:
            Refused: SecretTooLarge.
        """
        if len(value.encode()) > MAX_BYTES:
            raise Refused("SecretTooLarge", f"secret {name} is over {MAX_BYTES} bytes")
        existing = self.get(name)
        if existing is not None:
            return existing
        now = str(int(datetime.now(UTC).timestamp() * 1e9))
        self._set_or_recover(name, value, tags | {CREATED_ONCE: now})
        found = self.get(name)
        if found is None:
            raise Transient(f"secret {name} is not readable yet", SOON)
        return found

    def replace(self, name: str, value: str, tags: dict[str, str] | None = None) -> None:
        """Sets a new version, whether or not the secret exists."""
        with azure_errors(f"secret {name}"):
            self._client.set_secret(name, value, tags=tags or {})

    def delete(self, name: str) -> None:
        """Deletes softly; a secret that does not exist, or is being deleted, is a success."""
        from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

        with azure_errors(f"secret {name}"):
            try:
                self._client.begin_delete_secret(name)
            except ResourceNotFoundError:
                return
            except ResourceExistsError as error:
                inner = inner_code(error)
                if inner == BEING_RECOVERED:
                    raise Transient(f"secret {name} is being changed: {inner}", SOON) from None
                if inner != BEING_DELETED:
                    raise

    def tags_of_versions(self, name: str) -> list[dict[str, str]]:
        """Returns the tags of every version, disabled ones too; [] if the secret does not exist."""
        from azure.core.exceptions import ResourceNotFoundError

        with azure_errors(f"versions of secret {name}"):
            try:
                versions: Iterable[Any] = self._client.list_properties_of_secret_versions(name)
                return [dict(version.tags or {}) for version in versions]
            except ResourceNotFoundError:
                return []

    def _read(self, name: str, version: str | None) -> Any:
        from azure.core.exceptions import ResourceNotFoundError

        with azure_errors(f"secret {name}"):
            try:
                return self._client.get_secret(name, version)
            except ResourceNotFoundError:
                return None

    def _first(self, name: str) -> str | None:
        """The oldest enabled version that `set_if_absent` made."""
        with azure_errors(f"versions of secret {name}"):
            versions: Iterable[Any] = self._client.list_properties_of_secret_versions(name)
            ages = [
                (one.created_on, int(one.tags[CREATED_ONCE]), str(one.version))
                for one in versions
                if one.enabled and CREATED_ONCE in (one.tags or {})
            ]
        return min(ages)[2] if ages else None

    def _set_or_recover(self, name: str, value: str, tags: dict[str, str]) -> None:
        from azure.core.exceptions import ResourceExistsError

        with azure_errors(f"secret {name}"):
            try:
                self._client.set_secret(name, value, tags=tags)
            except ResourceExistsError as error:
                inner = inner_code(error)
                if inner in (BEING_DELETED, BEING_RECOVERED):
                    raise Transient(f"secret {name} is being changed: {inner}", SOON) from None
                if inner != DELETED:
                    raise
                self._recover(name)

    def _recover(self, name: str) -> None:
        """Requests the recovery. Another caller may have requested it before."""
        from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

        try:
            self._client.begin_recover_deleted_secret(name)
        except (ResourceExistsError, ResourceNotFoundError):
            return


def _secret(found: Any) -> Secret | None:
    if found is None:
        return None
    properties = found.properties
    return Secret(
        found.name, properties.version or "", found.value or "", dict(properties.tags or {})
    )

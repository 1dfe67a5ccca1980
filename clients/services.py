"""The clients of one process, made on first use so that importing the app stays cheap."""

import functools
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clients.azure.sdk_imports import load_sdks
from clients.locked_cached_property import locked_cached_property
from clients.settings import Settings

if TYPE_CHECKING:
    from clients.azure.arm import ResourceGroups, Resources
    from clients.azure.compute import Compute
    from clients.azure.deployments import Deployments
    from clients.azure.event_grid import EventGrid
    from clients.azure.operations import Operations
    from clients.azure.vault import Vault
    from clients.store import Store

_making = threading.Lock()


@dataclass
class Services:
    """The clients that activities and triggers use."""

    settings: Settings

    @locked_cached_property
    def store(self) -> "Store":
        from clients.azure.blobs import Blobs
        from clients.store import Store

        return Store(Blobs(self.settings))

    @locked_cached_property
    def vault(self) -> "Vault":
        from clients.azure.vault import Vault

        return Vault(self.settings)

    @locked_cached_property
    def groups(self) -> "ResourceGroups":
        from clients.azure.arm import ResourceGroups

        return ResourceGroups(self.settings)

    @locked_cached_property
    def deployments(self) -> "Deployments":
        from clients.azure.deployments import Deployments

        return Deployments(self.settings)

    @locked_cached_property
    def resources(self) -> "Resources":
        from clients.azure.arm import Resources

        return Resources(self.settings)

    @locked_cached_property
    def operations(self) -> "Operations":
        from clients.azure.operations import Operations

        return Operations(self.settings)

    @locked_cached_property
    def compute(self) -> "Compute":
        from clients.azure.compute import Compute

        return Compute(self.settings)

    @locked_cached_property
    def event_grid(self) -> "EventGrid":
        from clients.azure.event_grid import EventGrid

        return EventGrid(self.settings)


def services() -> Services:
    """The services of this process; the SDK's clients are safe for threads.

    Raises:
        SettingsError: app settings are missing or wrong.
    """
    with _making:
        return _services()


@functools.cache
def _services() -> Services:
    settings = Settings.from_env()
    load_sdks()
    return Services(settings)

"""The services of one process, made when first asked for: importing the app stays cheap."""

import functools
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clients.loading import load_sdks
from clients.made_once import made_once
from clients.settings import Settings

if TYPE_CHECKING:
    from clients.arm import ResourceGroups, Resources
    from clients.compute import Compute
    from clients.deployments import Deployments
    from clients.event_grid import EventGrid
    from clients.store import Store
    from clients.vault import Vault

_making = threading.Lock()


@dataclass
class Services:
    """What activities and triggers talk to."""

    settings: Settings

    @made_once
    def store(self) -> "Store":
        from clients.blobs import Blobs
        from clients.store import Store

        return Store(Blobs(self.settings))

    @made_once
    def vault(self) -> "Vault":
        from clients.vault import Vault

        return Vault(self.settings)

    @made_once
    def groups(self) -> "ResourceGroups":
        from clients.arm import ResourceGroups

        return ResourceGroups(self.settings)

    @made_once
    def deployments(self) -> "Deployments":
        from clients.deployments import Deployments

        return Deployments(self.settings)

    @made_once
    def resources(self) -> "Resources":
        from clients.arm import Resources

        return Resources(self.settings)

    @made_once
    def compute(self) -> "Compute":
        from clients.compute import Compute

        return Compute(self.settings)

    @made_once
    def event_grid(self) -> "EventGrid":
        from clients.event_grid import EventGrid

        return EventGrid(self.settings)


def services() -> Services:
    """One for the process; the SDK's clients are safe for threads."""
    with _making:
        return _services()


@functools.cache
def _services() -> Services:
    settings = Settings.from_env()
    load_sdks()
    return Services(settings)

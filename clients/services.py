"""The services of one process, made when first asked for: importing the app stays cheap."""

import functools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from clients.settings import Settings

if TYPE_CHECKING:
    from clients.arm import Deployments, ResourceGroups, Resources
    from clients.compute import Compute
    from clients.store import Store
    from clients.vault import Vault


@dataclass
class Services:
    """What activities and triggers talk to."""

    settings: Settings

    @cached_property
    def store(self) -> "Store":
        from clients.blobs import Blobs
        from clients.store import Store

        return Store(Blobs(self.settings))

    @cached_property
    def vault(self) -> "Vault":
        from clients.vault import Vault

        return Vault(self.settings)

    @cached_property
    def groups(self) -> "ResourceGroups":
        from clients.arm import ResourceGroups

        return ResourceGroups(self.settings)

    @cached_property
    def deployments(self) -> "Deployments":
        from clients.arm import Deployments

        return Deployments(self.settings)

    @cached_property
    def resources(self) -> "Resources":
        from clients.arm import Resources

        return Resources(self.settings)

    @cached_property
    def compute(self) -> "Compute":
        from clients.compute import Compute

        return Compute(self.settings)


@functools.cache
def services() -> Services:
    """One for the process; the SDK's clients are safe for threads."""
    return Services(Settings.from_env())

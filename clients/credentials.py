"""The app's identity: the managed one in Azure and in the lab, the developer's own elsewhere."""

import functools
import os
from typing import TYPE_CHECKING

from clients.settings import Settings

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential


@functools.cache
def credential(settings_client_id: str) -> "TokenCredential":
    """One for the process: it caches tokens.

    `IDENTITY_ENDPOINT` is what the platform sets where there is a managed identity.
    """
    if os.environ.get("IDENTITY_ENDPOINT"):
        from azure.identity import ManagedIdentityCredential

        if settings_client_id:
            return ManagedIdentityCredential(client_id=settings_client_id)
        return ManagedIdentityCredential()
    from azure.identity import AzureCliCredential

    return AzureCliCredential()


def credential_of(settings: Settings) -> "TokenCredential":
    return credential(settings.client_id)

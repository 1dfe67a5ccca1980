"""The app's identity: the managed identity in Azure and in the lab, the developer's elsewhere.

The platform sets `IDENTITY_ENDPOINT` if there is a managed identity; `AZURE_CLIENT_ID` names a
user-assigned one. Elsewhere it is the account of `az login` and no other: a chain of credentials
(environment, editors, browsers) may find an identity that nobody meant to use, and reports ten
causes for one failure.
"""

import functools
import os
import threading
from typing import TYPE_CHECKING, Any

from clients.settings import Settings

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

# A token takes milliseconds; a cold identity endpoint takes seconds.
CONNECT_SECONDS, READ_SECONDS = 5, 10
CLI_SECONDS = 15
_making = threading.Lock()


@functools.cache
def credential(client_id: str, loopback: bool) -> "TokenCredential":
    """The process's credential: it caches tokens and is safe for threads."""
    if not os.environ.get("IDENTITY_ENDPOINT"):
        from azure.identity import AzureCliCredential

        return AzureCliCredential(process_timeout=CLI_SECONDS)
    from azure.identity import ManagedIdentityCredential

    from clients.azure.limited_transport import LimitedTransport
    from clients.azure.retries import NoSleepRetryPolicy

    transport: Any = LimitedTransport(CONNECT_SECONDS, READ_SECONDS, use_env_settings=not loopback)
    return ManagedIdentityCredential(
        client_id=client_id or None, transport=transport, retry_policy_class=NoSleepRetryPolicy
    )


def credential_of(settings: Settings) -> "TokenCredential":
    with _making:
        return credential(settings.client_id, bool(settings.loopback))

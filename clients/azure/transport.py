"""Options of every SDK client: one transport for the process, short timeouts, few retries.

No request takes longer than the time that is left to its activity (`clients/time_limit.py`).
azure-core is imported when the first client is made, so that the app starts fast.
"""

import functools
import threading
from typing import Any, Protocol, cast

from clients.errors import Refused
from clients.settings import Settings

MANAGEMENT = "https://management.azure.com"
ARM_SCOPE = f"{MANAGEMENT}/.default"
_opening = threading.Lock()


class Place(Protocol):
    """Settings that say whether Azure is the lab's, on this machine."""

    @property
    def loopback(self) -> str: ...


def client_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments for a service's client."""
    from clients.azure.retries import NoSleepRetryPolicy

    return {"transport": transport_of(settings), "retry_policy": NoSleepRetryPolicy()}


def arm_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments for a client of Azure Resource Manager.

    The default policies of the SDK would register a missing resource provider and wait for it
    inside the call, without limit.
    """
    from azure.core.pipeline.policies import (
        ContentDecodePolicy,
        DistributedTracingPolicy,
        RequestIdPolicy,
        UserAgentPolicy,
    )
    from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

    from clients.azure.credentials import credential_of
    from clients.azure.retries import NoSleepRetryPolicy

    return {
        "transport": transport_of(settings),
        "policies": [
            RequestIdPolicy(),
            UserAgentPolicy(sdk_moniker="slipway"),
            ContentDecodePolicy(),
            NoSleepRetryPolicy(),
            cast(Any, ARMChallengeAuthenticationPolicy)(credential_of(settings), ARM_SCOPE),
            DistributedTracingPolicy(),
        ],
    }


def transport_of(settings: Place) -> Any:
    """The process's RequestsTransport: all clients and threads share its connections."""
    with _opening:
        return _transport(settings.loopback)


@functools.cache
def _transport(loopback: str) -> Any:
    if loopback:
        from clients.azure.loopback import LoopbackTransport

        transport: Any = LoopbackTransport(loopback)
    else:
        from clients.azure.limited_transport import LimitedTransport

        transport = LimitedTransport()
    transport.open()
    return transport


def management_url(url: str | None) -> str:
    """Checks a URL that ARM answered (nextLink, Location): the token is sent to ARM only.

    Raises:
        Refused: NotManagement, the URL is not at ARM.
    """
    if not url or not url.startswith(f"{MANAGEMENT}/"):
        raise Refused("NotManagement", f"ARM answered a URL outside {MANAGEMENT}")
    return url

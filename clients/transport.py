"""The loopback transport: real SDK clients, real Azure URLs, a local server behind them.

Chosen by the setting SLIPWAY_LOOPBACK, for the lab. It works below the SDK's policies, so those
still see https and Azure's host names; only what would go out on the wire is sent elsewhere, with
the real host in `X-Forwarded-Host`. A host that is not Azure's is refused.
"""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from azure.core.pipeline.transport import RequestsTransport

from clients.settings import Settings

AZURE = ("management.azure.com", ".vault.azure.net", "login.microsoftonline.com")
CONNECT_SECONDS = 5
READ_SECONDS = 30


class LoopbackTransport(RequestsTransport):
    """Swaps scheme and host below the policies, and restores the URL afterwards."""

    def __init__(self, server: str) -> None:
        super().__init__(connection_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS)  # pyright: ignore[reportUnknownMemberType]
        self._server = urlsplit(server)

    def send(self, request: Any, **kwargs: Any) -> Any:
        """Raises ValueError for a host that is not Azure's."""
        url = str(request.url)
        parts = urlsplit(url)
        host = parts.hostname or ""
        if not any(host == name or (name[0] == "." and host.endswith(name)) for name in AZURE):
            raise ValueError(f"{host} is not an Azure host; the loopback transport refuses it")
        request.headers["X-Forwarded-Host"] = host
        request.url = urlunsplit((self._server.scheme, self._server.netloc, *parts[2:]))
        try:
            return super().send(request, **kwargs)  # pyright: ignore
        finally:
            request.url = url


def client_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments for every SDK client: short timeouts, few retries of its own.

    Throttling is not slept through inside an activity: it becomes a durable timer.
    """
    options: dict[str, Any] = {
        "retry_total": 2,
        "retry_backoff_factor": 0.4,
        "retry_backoff_max": 4,
        "retry_on_status_codes": [500, 502, 504],
        "connection_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
        "logging_enable": False,
    }
    if settings.loopback:
        options["transport"] = LoopbackTransport(settings.loopback)
    return options

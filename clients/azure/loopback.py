"""The loopback transport: real SDK clients, real Azure URLs, a local server behind them.

The setting SLIPWAY_LOOPBACK selects it, for the lab. It works below the SDK's policies, which still
see https and Azure's host names; only the request itself goes to the local server, with the real
host in `X-Forwarded-Host`. Requests to other hosts are refused.
"""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from clients.azure.limited_transport import LimitedTransport
from clients.errors import Refused
from clients.settings import LOOPBACK

AZURE = ("management.azure.com", ".vault.azure.net", "login.microsoftonline.com")


class LoopbackTransport(LimitedTransport):
    """Replaces scheme and host of a request below the policies, and restores its URL afterwards.

    Raises:
        Refused: the server is not on 127.0.0.1, or a request is for a host that is not Azure's.
    """

    def __init__(self, server: str, **options: Any) -> None:
        if not LOOPBACK.fullmatch(server):
            raise Refused("NotLoopback", "the loopback is http://127.0.0.1:PORT and nothing else")
        # A proxy of the environment cannot reach this machine's loopback.
        super().__init__(**options, use_env_settings=False)
        self._netloc = urlsplit(server).netloc

    def send(self, request: Any, **kwargs: Any) -> Any:
        url = str(request.url)
        parts = urlsplit(url)
        host = parts.hostname or ""
        if not any(host == name or (name[0] == "." and host.endswith(name)) for name in AZURE):
            raise Refused("NotAzure", f"{host} is not an Azure host; the loopback refuses it")
        request.headers["X-Forwarded-Host"] = host
        request.url = urlunsplit(("http", self._netloc, *parts[2:]))
        try:
            return super().send(request, **kwargs)
        finally:
            request.url = url

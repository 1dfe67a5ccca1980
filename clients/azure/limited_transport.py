"""The SDK's transport, with short timeouts that end with the activity's time limit."""

from typing import Any

from azure.core.pipeline.transport import RequestsTransport

from clients.time_limit import within

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0


class LimitedTransport(RequestsTransport):
    """Raises Transient if no time is left. The read timeout counts anew for each part of an answer;
    the answers that Slipway reads have few parts."""

    def __init__(
        self, connect: float | None = None, read: float | None = None, **options: Any
    ) -> None:
        self._connect, self._read = connect or CONNECT_SECONDS, read or READ_SECONDS
        super().__init__(**options)  # pyright: ignore[reportUnknownMemberType]

    def send(self, request: Any, **kwargs: Any) -> Any:
        kwargs["connection_timeout"] = within(self._connect)
        kwargs["read_timeout"] = within(self._read)
        return super().send(request, **kwargs)  # pyright: ignore

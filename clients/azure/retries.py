"""How long a call of the Azure SDK goes on by itself: below a minute, whatever the service says.

Two further tries on a connection that broke or on a 5xx, with pauses below 2 s. What a service asks
to wait (429, Retry-After) is not slept but told, and becomes a durable timer; a read that timed out
has cost half a minute already and is not tried again.
"""

from typing import Any

from azure.core.exceptions import ServiceResponseTimeoutError
from azure.core.pipeline.policies import RetryPolicy

TRIES_AGAIN = 2
BACKOFF_FACTOR, BACKOFF_SECONDS = 0.4, 2
THROTTLED = 429


class NoSleepRetryPolicy(RetryPolicy[Any, Any]):
    """The SDK's own policy sleeps for as long as Retry-After says, on any status from 400 on."""

    def __init__(self, **_: Any) -> None:
        """Takes the options of its client and heeds none: some clients make their policy so."""
        super().__init__(
            retry_total=TRIES_AGAIN,
            retry_backoff_factor=BACKOFF_FACTOR,
            retry_backoff_max=BACKOFF_SECONDS,
        )

    def is_retry(self, settings: dict[str, Any], response: Any) -> bool:
        answer = response.http_response
        if answer.status_code == THROTTLED or answer.headers.get("Retry-After"):
            return False
        return bool(super().is_retry(settings, response))

    def increment(
        self, settings: dict[str, Any], response: Any = None, error: Exception | None = None
    ) -> bool:
        if isinstance(error, ServiceResponseTimeoutError):
            return False
        return super().increment(settings, response, error)


def no_sleep_storage_policy() -> Any:
    """The same for storage, with pauses of 1 s: its SDK has a policy of its own, with 15 s."""
    from azure.storage.blob import ExponentialRetry

    class NoSleepStoragePolicy(ExponentialRetry):
        def increment(
            self, settings: Any, request: Any, response: Any = None, error: Any = None
        ) -> bool:
            if isinstance(error, ServiceResponseTimeoutError):
                return False
            return super().increment(settings, request, response, error)  # pyright: ignore

    return NoSleepStoragePolicy(
        initial_backoff=0, increment_base=1, retry_total=TRIES_AGAIN, random_jitter_range=0
    )

"""Retry policies of the Azure SDKs: short, so that a call ends within a minute.

Two retries after a broken connection or a 5xx, with pauses below 2 s. A wait that the service asks
for (429, Retry-After) is raised as Transient and becomes a durable timer. A read that timed out has
taken half a minute already and is not repeated.
"""

from typing import Any

from azure.core.exceptions import ServiceResponseTimeoutError
from azure.core.pipeline.policies import RetryPolicy

TRIES_AGAIN = 2
BACKOFF_FACTOR, BACKOFF_SECONDS = 0.4, 2
THROTTLED = 429


class NoSleepRetryPolicy(RetryPolicy[Any, Any]):
    """Unlike the SDK's own policy, it does not sleep for as long as Retry-After says."""

    def __init__(self, **_: Any) -> None:
        """Accepts and ignores options, because some clients construct their policy with options."""
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
    """The retry policy of storage, with pauses of 1 s. Its SDK's own pauses for 15 s."""
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

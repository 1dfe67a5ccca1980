"""How often an activity that raises is tried again. What it *answers* is never retried here."""

from datetime import timedelta

from durabletask.task import RetryPolicy

# Faults of our own or of the transport.
RETRY = RetryPolicy(
    first_retry_interval=timedelta(seconds=2),
    max_number_of_attempts=4,
    backoff_coefficient=3,
    max_retry_interval=timedelta(seconds=30),
)

# The record outlives a storage account that is away for a minute or two.
RECORD_RETRY = RetryPolicy(
    first_retry_interval=timedelta(seconds=2),
    max_number_of_attempts=8,
    backoff_coefficient=2,
    max_retry_interval=timedelta(seconds=30),
)

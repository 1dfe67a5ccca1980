"""Which error codes of Azure mean: ask again later.

The only place that decides it: for the answer to a request (`clients/azure/errors.py`) and for the
root cause of an operation that failed.
"""

from collections.abc import Iterable

# Codes of Resource Manager, Compute, Network, Key Vault and storage. Each says that the service is
# busy with another change, is overloaded, or failed for a reason of its own. Sources: "Troubleshoot
# common Azure deployment errors", "Blob service error codes", and the providers' own texts.
_LATER = (
    # Another change of the same or of a used resource is under way.
    "AnotherOperationInProgress",
    "CanceledAndSupersededDueToAnotherOperation",
    "ConcurrentUpdateError",
    "ContainerBeingDeleted",
    "DeploymentBeingDeleted",
    "NicReservedForAnotherVm",  # for three minutes after that VM was deleted
    "OperationPreempted",
    "PendingOperationInProgress",
    "ReferencedResourceNotProvisioned",
    "ResourceBeingDeleted",
    "ResourceGroupBeingDeleted",
    "ResourceNotProvisioned",
    "ResourcesBeingMoved",
    "RetryableError",
    "RetryableErrorDueToAnotherOperation",
    # The service failed, or did not end in time.
    "BadGateway",
    "GatewayTimeout",
    "InternalError",
    "InternalExecutionError",
    "InternalOperationError",
    "InternalServerError",
    "NetworkingInternalOperationError",
    "OperationTimedOut",
    "RequestTimeout",
    "ServerTimeout",
    "ServiceTimeout",
    "StorageInternalError",
    # The service is overloaded.
    "ResourceCollectionRequestsThrottled",
    "ResourceRequestsThrottled",
    "ServerBusy",
    "ServiceBusy",
    "ServiceUnavailable",
    "SubscriptionRequestsThrottled",
    "Throttled",
    "ThrottledRequest",
    "TooManyRequests",
)
# Services write the same code in different cases.
_FOLDED = frozenset(code.casefold() for code in _LATER)


def means_later(code: str) -> bool:
    """Whether the code says that the same request may succeed later, unchanged.

    Codes of capacity (`AllocationFailed`, `SkuNotAvailable`) are not among them: capacity returns
    after hours, if at all.
    """
    return code.strip().casefold() in _FOLDED


def all_mean_later(codes: Iterable[str]) -> bool:
    """Whether there is a root cause, and none of them needs somebody to change something."""
    found = list(codes)
    return bool(found) and all(means_later(code) for code in found)

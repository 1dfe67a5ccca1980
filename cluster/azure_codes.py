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
    "AttachDiskWhileBeingDetached",
    "ConcurrentUpdateError",
    "NicReservedForAnotherVm",  # for three minutes after that VM was deleted
    "OperationPreempted",
    "ReferencedResourceNotProvisioned",
    "ResourceNotProvisioned",
    "RetryableError",
    # The service failed, or did not end in time.
    "BadGateway",
    "GatewayTimeout",
    "InternalDiskManagementError",
    "InternalExecutionError",
    "InternalOperationError",
    "NetworkingInternalOperationError",
    "OperationTimedOut",
    "RequestTimeout",
    "ServerTimeout",
    "ServiceTimeout",
    # The service is overloaded.
    "ServerBusy",
    "ServiceBusy",
    "ThrottledRequest",
)
# Services write the same code in different cases.
_FOLDED = frozenset(code.casefold() for code in _LATER)
# Providers have codes of their own for the same: StorageAccountOperationInProgress,
# BackendServiceUnavailable.
_ENDINGS = (
    "beingdeleted",
    "beingmoved",
    "duetoanotheroperation",
    "inprogress",
    "internalerror",
    "internalservererror",
    "ratelimitexceeded",
    "serviceunavailable",
    "temporarilyunavailable",
    "throttled",
    "toomanyrequests",
)


def means_later(code: str) -> bool:
    """Whether the code says that the same request may succeed later, unchanged.

    Codes of capacity (`AllocationFailed`, `SkuNotAvailable`) are not among them: capacity returns
    after hours, if at all.
    """
    folded = code.strip().casefold()
    return folded in _FOLDED or folded.endswith(_ENDINGS)


def all_mean_later(codes: Iterable[str]) -> bool:
    """Whether there is a root cause, and none of them needs somebody to change something."""
    found = list(codes)
    return bool(found) and all(means_later(code) for code in found)

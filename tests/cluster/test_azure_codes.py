"""Which codes of Azure mean that the same request may succeed later."""

import pytest

from cluster.azure_codes import all_mean_later, means_later


@pytest.mark.parametrize(
    "code",
    [
        "AnotherOperationInProgress",
        "CanceledAndSupersededDueToAnotherOperation",
        "ResourcesBeingMoved",
        "StorageAccountOperationInProgress",
        "ResourceGroupBeingDeleted",
        "TooManyRequests",
        "InternalServerError",
        "RetryableErrorDueToAnotherOperation",
        "InternalExecutionError",
        "retryableerror",
        " SubscriptionRequestsThrottled ",
        "SERVERBUSY",
        "InternalDiskManagementError",
        "BackendServiceUnavailable",
        "ServiceTemporarilyUnavailable",
        "RateLimitExceeded",
    ],
)
def test_a_busy_overloaded_or_faulty_service_is_asked_again(code: str) -> None:
    assert means_later(code)


@pytest.mark.parametrize(
    "code",
    [
        "",
        "AllocationFailed",
        "AuthorizationFailed",
        "Conflict",
        "DeploymentFailed",
        "OSProvisioningTimedOut",
        "OperationNotAllowed",
        "PublicIPCountLimitReached",
        "QuotaExceeded",
        "RequestDisallowedByPolicy",
        "ScopeLocked",
        "SkuNotAvailable",
    ],
)
def test_what_somebody_must_change_is_not_asked_again(code: str) -> None:
    assert not means_later(code)


def test_one_cause_that_somebody_must_change_decides_for_all() -> None:
    assert all_mean_later(["RetryableError", "InternalServerError"])
    assert not all_mean_later(["RetryableError", "QuotaExceeded"])
    assert not all_mean_later([])

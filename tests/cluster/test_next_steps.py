"""The next step follows the reason of an error and the operation that failed."""

import pytest

from cluster.next_steps import (
    INNER_STEPS,
    OTHERWISE,
    STEPS,
    for_removal,
    joined,
    next_step,
)


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        ("ForbiddenByConnection", "firewall"),
        ("ForbiddenByFirewall", "firewall"),
        ("ForbiddenByRbac", "role 'Key Vault Secrets Officer'"),
        ("ForbiddenByPolicy", "access policies"),
        ("SecretDisabled", "enable the secret's version"),
        ("SecretExpired", "new version"),
        ("SomethingNew", "role 'Key Vault Secrets Officer'"),
        ("", "role 'Key Vault Secrets Officer'"),
    ],
)
def test_a_refusal_of_the_vault_follows_its_inner_code(inner: str, words: str) -> None:
    assert words in next_step("Forbidden", "no", inner)


def test_a_policy_a_quota_a_lock_and_capacity_have_different_cures() -> None:
    assert "policy" in next_step("RequestDisallowedByPolicy")
    assert "quota" in next_step("QuotaExceeded")
    assert "lock" in next_step("ScopeLocked")
    assert "vmSize" in next_step("ZonalAllocationFailed")
    assert "az provider register" in next_step("MissingSubscriptionRegistration")
    assert next_step("SomethingNew") == OTHERWISE


def test_the_same_code_of_compute_is_a_quota_only_if_it_says_so() -> None:
    quota = "Operation could not be completed as it results in exceeding approved Total Cores quota"
    assert "quota" in next_step("OperationNotAllowed", quota)
    assert next_step("OperationNotAllowed", "The VM is being deleted") == OTHERWISE


@pytest.mark.parametrize("step", {OTHERWISE, *STEPS.values(), *INNER_STEPS.values()})
def test_a_failed_removal_is_never_told_to_send_the_spec(step: str) -> None:
    assert "same spec" not in for_removal(step)
    assert ("DELETE" in for_removal(step)) is ("same spec" in step)


def test_several_steps_are_one_text_that_ends_with_sending_again() -> None:
    steps = [STEPS["RequestDisallowedByPolicy"], STEPS["QuotaExceeded"], STEPS["QuotaExceeded"]]
    text = joined(steps)
    assert "exemption" in text
    assert text.count("quota") == 1
    assert text.count("send the same spec again") == 1
    assert joined([OTHERWISE]) == OTHERWISE

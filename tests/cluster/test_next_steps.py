"""The next step follows the reason of an error and the operation that failed."""

import pytest

from cluster.next_steps import (
    ENDINGS,
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


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("InUseRouteTableCannotBeDeleted", "detach"),
        ("PublicIPAddressCannotBeDeleted", "detach"),
        ("NicInUse", "detach"),
        ("StandardSkuPublicIPCountLimitReached", "quota"),
        ("NetworkSecurityGroupCountLimitReached", "quota"),
        ("ResourceGroupQuotaExceeded", "quota"),
        ("AccountIsDisabled", "subscription enabled"),
        ("PlatformImageNotFound", "image.version"),
        ("DenyAssignmentAuthorizationFailed", "deny assignment"),
    ],
)
def test_codes_that_say_the_same_of_different_resources_have_one_cure(
    code: str, words: str
) -> None:
    assert words in next_step(code)
    assert "DELETE" in for_removal(next_step(code))


def test_the_same_code_of_compute_is_a_quota_only_if_it_says_so() -> None:
    quota = "Operation could not be completed as it results in exceeding approved Total Cores quota"
    assert "quota" in next_step("OperationNotAllowed", quota)
    assert next_step("OperationNotAllowed", "The VM is being deleted") == OTHERWISE


ALL = dict.fromkeys([*STEPS.values(), *INNER_STEPS.values(), *(step for _, step in ENDINGS)])


@pytest.mark.parametrize("step", [OTHERWISE, *ALL])
def test_a_failed_removal_is_never_told_to_send_the_spec(step: str) -> None:
    assert "same spec" not in for_removal(step)
    assert ("DELETE" in for_removal(step)) is ("same spec" in step)


def test_several_steps_are_one_text_that_ends_with_sending_again() -> None:
    steps = [next_step(code) for code in ("RequestDisallowedByPolicy", *["QuotaExceeded"] * 2)]
    text = joined(steps)
    assert "exemption" in text
    assert text.count("quota") == 1
    assert text.count("send the same spec again") == 1
    assert joined([OTHERWISE]) == OTHERWISE


@pytest.mark.parametrize("first", sorted(ALL))
def test_no_joined_step_sends_the_spec_twice(first: str) -> None:
    assert first.count("send the same spec again") == 1
    for second in ALL:
        assert joined([first, second]).count("send the same spec again") == 1


def test_codes_are_known_in_any_case() -> None:
    for code, step in STEPS.items():
        assert next_step(code.lower()) == next_step(code.upper()) == step
    for code, step in INNER_STEPS.items():
        assert next_step("FORBIDDEN", "", code.upper()) == step


def test_denied_access_is_the_vaults_role_only_within_the_vaults_code() -> None:
    assert "Key Vault" in next_step("Forbidden", "no", "AccessDenied")
    assert next_step("ScopeLocked", "no", "AccessDenied") == STEPS["ScopeLocked"]
    assert next_step("SomethingNew", "no", "accessdenied") == OTHERWISE

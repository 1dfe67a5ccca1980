"""What to do about an error of Azure: it follows the reason, not only the code.

Sources: "Troubleshoot common Azure deployment errors", "Key Vault REST API error codes", "Common
REST API error codes" of storage.
"""

from collections.abc import Iterable

AGAIN = "then send the same spec again"
REMOVE_AGAIN = "then send DELETE again"
OTHERWISE = "fix what the message names, then send the same spec again; what exists is kept"

_ROLE = f"assign the role that the message names to the app's identity, {AGAIN}"
_QUOTA = f"ask for the quota that the message names, or for fewer or other machines, {AGAIN}"
_POLICY = (
    "change the spec so that it complies with the policy that the message names, or ask the "
    f"policy's owner for an exemption, {AGAIN}"
)
_LOCK = f"remove the lock that the message names, {AGAIN}"
_CAPACITY = f"name another vmSize, zone or location, or wait until Azure has the capacity, {AGAIN}"
_PROVIDER = (
    "register the resource provider that the message names (az provider register --namespace "
    f"NAMESPACE), {AGAIN}"
)
_TERMS = f"accept the image's terms in the subscription, or have its marketplace allowed, {AGAIN}"
_IMAGE = f"name an image.version that the location has (az vm image list --all), {AGAIN}"
_SUBSCRIPTION = f"have the subscription enabled for changes, {AGAIN}"
_VAULT_ROLE = (
    f"assign the role 'Key Vault Secrets Officer' on the vault to the app's identity, {AGAIN}"
)
_VAULT_NETWORK = (
    f"let the app's outbound address or subnet through the vault's firewall (networking), {AGAIN}"
)
_ENABLED = f"enable the secret's version in the vault, or set a new one, {AGAIN}"
_IN_USE = f"remove or detach what uses the resource, as the message says, {AGAIN}"

STEPS: dict[str, str] = {
    "AllocationFailed": _CAPACITY,
    "AuthorizationFailed": _ROLE,
    "AuthorizationFailure": "let the app's outbound address or subnet through the storage "
    f"account's firewall (networking), {AGAIN}",
    "AuthorizationPermissionMismatch": "assign the role 'Storage Blob Data Contributor' on the "
    f"storage account to the app's identity, {AGAIN}",
    "DenyAssignmentAuthorizationFailed": "ask whoever manages the deny assignment that the message "
    f"names, often a managed application's or a stack's owner, {AGAIN}",
    "Forbidden": _VAULT_ROLE,
    "ImageNotFound": _IMAGE,
    "InUseSubnetCannotBeDeleted": _IN_USE,
    "LinkedAuthorizationFailed": _ROLE,
    "MarketplacePurchaseEligibilityFailed": _TERMS,
    "MissingSubscriptionRegistration": _PROVIDER,
    "OverconstrainedAllocationRequest": _CAPACITY,
    "OverconstrainedZonalAllocationRequest": _CAPACITY,
    "PlatformImageNotFound": _IMAGE,
    "PreflightFailed": "do what the message says about each reason, then send the same spec again; "
    "no machine was created",
    "PropertyChangeNotAllowed": "delete the machine that Azure names (its data disk stays), "
    f"{AGAIN}; the operation creates it again",
    "PublicIPCountLimitReached": _QUOTA,
    "QuotaExceeded": _QUOTA,
    "ReadOnlyDisabledSubscription": _SUBSCRIPTION,
    "RequestDisallowedByAzure": _POLICY,
    "RequestDisallowedByPolicy": _POLICY,
    "ResourceGroupDeletionBlocked": _IN_USE,
    "ResourcePurchaseValidationFailed": _TERMS,
    "ResourceQuotaExceeded": _QUOTA,
    "ScopeLocked": _LOCK,
    "SkuNotAvailable": _CAPACITY,
    "SubscriptionNotRegistered": _PROVIDER,
    "ZonalAllocationFailed": _CAPACITY,
}
# For codes that are not above. Services have their own for the same:
# InUseRouteTableCannotBeDeleted, NicInUse.
ENDINGS: tuple[tuple[str, str], ...] = (
    ("cannotbedeleted", _IN_USE),
    ("inuse", _IN_USE),
    ("countlimitreached", _QUOTA),
    ("quotaexceeded", _QUOTA),
    ("disallowedbypolicy", _POLICY),
    ("accountisdisabled", _SUBSCRIPTION),
    ("subscriptiondisabled", _SUBSCRIPTION),
)
# Key Vault's `Forbidden` has the reason in the inner code.
INNER_STEPS: dict[str, str] = {
    "AccessDenied": _VAULT_ROLE,
    "ForbiddenByConnection": _VAULT_NETWORK,
    "ForbiddenByFirewall": _VAULT_NETWORK,
    "ForbiddenByPolicy": "let the app's identity get, set, list, delete and recover secrets in the "
    f"vault's access policies, {AGAIN}",
    "ForbiddenByRbac": _VAULT_ROLE,
    "SecretDisabled": _ENABLED,
    "SecretExpired": f"set a new version of the secret, or another end of its validity, {AGAIN}",
    "SecretNotYetValid": f"set another begin of the secret's validity, {AGAIN}",
}
# Services write their codes in different cases.
_BY_CODE = {code.casefold(): step for code, step in STEPS.items()}
_BY_INNER = {code.casefold(): step for code, step in INNER_STEPS.items()}
# Slipway's own reasons of the preflight.
SIZE = f"name another vmSize, zone or location, as the message says, {AGAIN}"
QUOTA = _QUOTA
# Compute reports a quota under a code that it uses for much else.
_NOT_ALLOWED = "operationnotallowed"


def next_step(code: str, message: str = "", inner: str = "") -> str:
    """Returns what to do about an error of Azure, for a run that creates or changes a cluster."""
    code, inner = code.casefold(), inner.casefold()
    # Other services than Key Vault use this code within codes that say more.
    if inner in _BY_INNER and (inner != "accessdenied" or code == "forbidden"):
        return _BY_INNER[inner]
    if code == _NOT_ALLOWED and "quota" in message.casefold():
        return _QUOTA
    by_ending = (step for ending, step in ENDINGS if code.endswith(ending))
    return _BY_CODE.get(code) or next(by_ending, OTHERWISE)


def for_removal(step: str) -> str:
    """Returns the same step for a failed removal. Sending the spec would make the cluster again."""
    step = step.replace("send the same spec again", "send DELETE again")
    return step.replace("; what exists is kept", "; what is left is removed then")


def for_data(step: str, kind: str) -> str:
    """Returns the same step for a failed backup, restore, rotation or maintenance. Many causes need
    the spec first."""
    again = f"request the {kind} again"
    if again in step or "send the same spec again" not in step:
        return step
    step = step.removesuffix("; what exists is kept")
    return f"{step}; after that, {again}"


def joined(steps: Iterable[str]) -> str:
    """Returns the different steps as one text. Several have the sending of the spec."""
    found = [step for step in dict.fromkeys(steps) if step != OTHERWISE]
    if len(found) < 2:
        return found[0] if found else OTHERWISE
    return f"{'; '.join(step.replace(f', {AGAIN}', '') for step in found)}; {AGAIN}"

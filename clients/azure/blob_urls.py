"""Addresses with which somebody without any right may do one thing with one blob: create it if it
does not exist, or read it.

In Azure they are signed with a key that the app's identity requests (a user-delegation SAS); the
account's own keys are switched off. A connection string, as in the lab, has an account key.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

# Clocks differ. An address is valid from a little earlier on.
SKEW = timedelta(minutes=5)


def create_only(service: Any, blob: Any, seconds: float) -> str:
    """Returns the address of the blob with a SAS that allows its creation, if it does not exist,
    for so many seconds.

    Args:
        service: an SDK's BlobServiceClient.
        blob: the BlobClient of the blob.

    Raises:
        HttpResponseError: as the SDK's own methods.
    """
    from azure.storage.blob import BlobSasPermissions

    return _signed(service, blob, seconds, BlobSasPermissions(create=True))


def read_only(service: Any, blob: Any, seconds: float) -> str:
    """Returns the address of the blob with a SAS that allows to read it; else as `create_only`."""
    from azure.storage.blob import BlobSasPermissions

    return _signed(service, blob, seconds, BlobSasPermissions(read=True))


def _signed(service: Any, blob: Any, seconds: float, permission: Any) -> str:
    from azure.storage.blob import generate_blob_sas

    now = datetime.now(UTC)
    start, expiry = now - SKEW, now + timedelta(seconds=seconds)
    account_key = getattr(service.credential, "account_key", None)
    signing: dict[str, Any] = (
        {"account_key": account_key}
        if account_key
        else {
            "user_delegation_key": service.get_user_delegation_key(start, expiry),
            "protocol": "https",
        }
    )
    sas = generate_blob_sas(
        blob.account_name,
        blob.container_name,
        blob.blob_name,
        permission=permission,
        start=start,
        expiry=expiry,
        **signing,
    )
    return f"{blob.url}?{sas}"
